"""Which operations of a formula may overflow though the formula does not: exponentials of large numbers.

In 1 / (1 + exp(-z)) the exponential of a large -z is infinite and the result 0, which is right. But the chain
rule then multiplies the gradient 0 of the exponential by its infinite slope, and 0 · ∞ is NaN. Where a factor
of a gradient may overflow in this way, a gradient of 0 stays 0: see `cotangents.times`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives.primitives import (
    item,
    joined,
    power,
    reshaped,
    spread,
    stacked,
    sum_examples,
)

EXPONENTIALS = frozenset((np.exp, np.exp2, np.expm1))
EVEN = frozenset((np.sinh, np.cosh))  # large on both sides, whatever the sign of their argument
POWERS = frozenset((operator.pow, np.power, np.float_power, power))
DIFFERENCES = frozenset((operator.sub, np.subtract))
NEGATIONS = frozenset((operator.neg, np.negative))
PRODUCTS = frozenset((operator.mul, np.multiply))
QUOTIENTS = frozenset((operator.truediv, np.true_divide))
MINIMA = frozenset((np.minimum, np.fmin))
MAXIMA = frozenset((np.maximum, np.fmax))
SUMS = frozenset((operator.add, np.add))
LARGEST = frozenset((np.max, np.amax))
# What is large where one of its arguments is.
CARRIERS = frozenset(
    (
        *(*SUMS, *DIFFERENCES, *PRODUCTS, *NEGATIONS, *MAXIMA, *LARGEST),
        *(operator.abs, np.absolute, np.square, np.positive, np.where, np.sum, np.mean, np.cumsum),
        *(operator.matmul, np.matmul, np.transpose),
        *(item, joined, reshaped, spread, stacked, sum_examples),
    )
)
DEEP = 6  # how far down a sign is looked for


def large(function: Any, args: Sequence[Any]) -> bool:
    """Tell whether the result of an operation on nodes and constants may overflow by an exponential."""
    if function in EXPONENTIALS:
        return _sign(args[0]) >= 0
    if function in EVEN:
        return True
    if function in CARRIERS:
        return any(_is_large(arg) for arg in args)
    if function in QUOTIENTS:
        return _is_large(args[0])
    if function in MINIMA:
        return all(_is_large(arg) for arg in args)
    if function in POWERS:
        base, exponent = args
        return _is_large(base) if isinstance(exponent, (int, float)) else isinstance(base, (int, float))
    if function is np.clip:
        return _is_large(args[0]) and _is_large(args[2])
    return False


def _is_large(arg: Any) -> bool:
    return bool(getattr(arg, "large", False))


def _sign(arg: Any, deep: int = DEEP) -> int:
    """Return -1 for what is never above 0, 1 for what is never below it, else 0."""
    if isinstance(arg, (int, float)):
        return -1 if arg <= 0 else 1
    function: Any = getattr(arg, "function", None)
    args: Sequence[Any] = getattr(arg, "args", ())
    if function is None or not deep:
        return 0
    if function in (operator.abs, np.absolute, np.square, *EXPONENTIALS - {np.expm1}):
        return 1
    if function in NEGATIONS:
        return -_sign(args[0], deep - 1)
    if function in (*PRODUCTS, *QUOTIENTS):
        if args[0] is args[1]:
            return 1
        return _sign(args[0], deep - 1) * _sign(args[1], deep - 1)
    if function in POWERS and args[1] in (2, 4) and isinstance(args[1], (int, float)):
        return 1
    if function in SUMS:
        one, other = (_sign(part, deep - 1) for part in args)
        return one if one == other else 0
    if function in MINIMA:
        return -1 if -1 in (_sign(part, deep - 1) for part in args) else 0
    if function is np.clip:
        return -1 if _sign(args[2], deep - 1) == -1 else 0
    if function in DIFFERENCES and _is_largest_of(args[1], args[0]):
        return -1
    return 0


def _is_largest_of(arg: Any, values: Any) -> bool:
    """Tell whether something is the maximum of the values, written out along their axes."""
    while getattr(arg, "function", None) in (spread, reshaped):
        arg = arg.args[0]
    return getattr(arg, "function", None) in LARGEST and arg.args[0] is values
