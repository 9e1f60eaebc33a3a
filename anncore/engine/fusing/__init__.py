"""Fusing: formulas written in NumPy, run as one loop each.

NumPy goes over memory once for every operation of a formula. Here a formula is run once on symbols (`trace`),
its operations become one loop (`program`, `emit`), and LLVM compiles this to machine code. Adam's step, a
dozen passes in NumPy, takes one pass and a fifth of the time. Authors of formulas need not know about it.
"""

from anncore.engine.fusing.formulas import Formula, Update
from anncore.engine.fusing.trace import Unfusable
from anncore.engine.fusing.transpose import transposed

__all__ = ["Formula", "Unfusable", "Update", "transposed"]
