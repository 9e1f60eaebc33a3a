"""Fusing: formulas written in NumPy, run as one loop each.

NumPy goes over memory once for every operation of a formula. Here a formula is run once on symbols (`trace`),
what it did becomes one loop (`program`, `emit`), and LLVM makes machine code of it. Adam's step, a dozen
passes in NumPy, takes one, and a fifth of the time. Nobody who writes a formula need know.
"""

from anncore.engine.fusing.formulas import Formula, Update
from anncore.engine.fusing.trace import Unfusable
from anncore.engine.fusing.transpose import transposed

__all__ = ["Formula", "Unfusable", "Update", "transposed"]
