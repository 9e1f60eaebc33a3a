"""Derivatives by the machine: a formula is recorded as a graph; reverse mode gives that of its gradients.

symbols.py records a formula, functions.py says what it may call, rules.py has the derivative of every
operation, cotangents.py the arithmetic of gradients, reverse.py the algorithm, recipe.py runs a graph, and
pullback.py is what the kinds call where an author wrote no gradient.
"""

from __future__ import annotations

from anncore.contract.derivatives import functions
from anncore.contract.derivatives.pullback import derive, pullback
from anncore.contract.derivatives.symbols import Underivable

__all__ = ["Underivable", "derive", "functions", "pullback"]
