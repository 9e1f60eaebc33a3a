"""NumPy's elementwise functions on lanes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.engine.lanes import elementary, trigonometry
from anncore.engine.lanes.code import Code

Maker = Callable[..., str]

COMPARED = {
    **dict.fromkeys((np.greater, operator.gt), "ogt"),
    **dict.fromkeys((np.greater_equal, operator.ge), "oge"),
    **dict.fromkeys((np.less, operator.lt), "olt"),
    **dict.fromkeys((np.less_equal, operator.le), "ole"),
    **dict.fromkeys((np.equal, operator.eq), "oeq"),
    **dict.fromkeys((np.not_equal, operator.ne), "une"),
}
LOGICAL = {
    **dict.fromkeys((np.logical_and, np.bitwise_and, operator.and_), "and"),
    **dict.fromkeys((np.logical_or, np.bitwise_or, operator.or_), "or"),
    **dict.fromkeys((np.logical_xor, np.bitwise_xor, operator.xor), operator.xor.__name__),
}
TESTS = frozenset((np.isnan, np.isfinite, np.isinf))
POWERS = frozenset((np.power, operator.pow, primitives.power))
NOT = frozenset((np.logical_not, np.invert, operator.invert))


def _extreme(how: str) -> Maker:
    """Return NumPy's maximum or minimum, which keep a NaN from either side."""

    def make(code: Code, one: str, other: str) -> str:
        if code.is_constant(other) and other != code.number(math.nan):
            if other == code.number(math.inf if how == "ole" else -math.inf):
                return one
            return code.chosen(code.compared(how.replace("o", "u", 1), one, other), one, other)
        wins = code.compared(how, one, other)
        return code.chosen(code.logical("or", wins, code.compared("uno", one, one)), one, other)

    return make


def _sign(code: Code, x: str) -> str:
    zero, one = code.number(0.0), code.number(1.0)
    below = code.chosen(code.compared("olt", x, zero), code.number(-1.0), x)
    return code.chosen(code.compared("ogt", x, zero), one, below)


def _clip(code: Code, x: str, low: str, high: str) -> str:
    return _extreme("ole")(code, _extreme("oge")(code, x, low), high)


def _cosh(code: Code, x: str) -> str:
    """Append half of e^x and e^-x, together."""
    half, size = code.number(0.5), code.absolute(x)
    more, less = elementary.exp(code, size), elementary.exp(code, code.negative(size))
    return _or_large(code, more, code.plus(code.times(half, more), code.times(half, less)), size)


def _sinh(code: Code, x: str) -> str:
    """Append (u + u / (u + 1)) / 2 with u = e^x - 1, which keeps the digits of a small x."""
    size = code.absolute(x)
    u = elementary.expm1(code, size)
    value = code.times(code.number(0.5), code.plus(u, code.over(u, code.plus(u, code.number(1.0)))))
    return elementary.signed(code, _or_large(code, u, value, size), x)


def _or_large(code: Code, exponential: str, value: str, size: str) -> str:
    """Append a hyperbolic function's value; where e^size is beyond all numbers, half of that may not be."""
    root = elementary.exp(code, code.times(code.number(0.5), size))
    large = code.times(code.times(code.number(0.5), root), root)
    return code.chosen(code.compared("oeq", exponential, code.number(math.inf)), large, value)


def _hypot(code: Code, x: str, y: str) -> str:
    """Append the length of (x, y), which neither overflows nor loses small numbers on the way."""
    x, y = code.absolute(x), code.absolute(y)
    more, less = _extreme("oge")(code, x, y), _extreme("ole")(code, x, y)
    share = code.over(less, more)
    length = code.times(more, code.sqrt(code.fma(share, share, code.number(1.0))))
    none = code.compared("oeq", more, code.number(0.0))
    infinite = code.number(math.inf)
    length = code.chosen(none, more, length)
    for side in (x, y):
        length = code.chosen(code.compared("oeq", side, infinite), infinite, length)
    return length


def _finite(code: Code, x: str) -> str:
    return code.compared("olt", code.absolute(x), code.number(math.inf))


def _whole(how: str) -> Maker:
    return lambda code, x: code.whole_number(how, x)


MAKERS: dict[Any, Maker] = {
    **{function: _whole(function.__name__) for function in (np.floor, np.ceil, np.trunc, np.rint)},
    **dict.fromkeys((np.add, operator.add), Code.plus),
    **dict.fromkeys((np.subtract, operator.sub), Code.minus),
    **dict.fromkeys((np.multiply, operator.mul), Code.times),
    **dict.fromkeys((np.true_divide, operator.truediv), Code.over),
    **dict.fromkeys((np.negative, operator.neg), Code.negative),
    **dict.fromkeys((np.absolute, np.fabs, operator.abs), Code.absolute),
    np.positive: lambda code, x: x,
    np.sqrt: Code.sqrt,
    np.square: lambda code, x: code.times(x, x),
    np.reciprocal: lambda code, x: code.over(code.number(1.0), x),
    np.sign: _sign,
    np.maximum: _extreme("oge"),
    np.minimum: _extreme("ole"),
    np.clip: _clip,
    np.where: Code.chosen,
    np.exp: elementary.exp,
    np.expm1: elementary.expm1,
    np.log: elementary.log,
    np.log1p: elementary.log1p,
    np.tanh: elementary.tanh,
    np.logaddexp: elementary.logaddexp,
    np.sin: trigonometry.sin,
    np.cos: trigonometry.cos,
    np.tan: trigonometry.tan,
    np.cbrt: trigonometry.cbrt,
    np.sinh: _sinh,
    np.cosh: _cosh,
    np.hypot: _hypot,
    np.isnan: lambda code, x: code.compared("uno", x, x),
    np.isfinite: _finite,
    np.isinf: lambda code, x: code.compared("oeq", code.absolute(x), code.number(math.inf)),
    **dict.fromkeys(POWERS, elementary.power),
}
"""By function: what appends it. Truth values stay truth values."""


def maker_of(function: Any) -> Maker | None:
    """Return what appends a function; None if lanes do not have it."""
    if function in MAKERS:
        return MAKERS[function]
    # SciPy's functions are known by name, as SciPy is imported only where a formula has it.
    name = getattr(function, "__name__", "")
    if isinstance(function, np.ufunc):
        known = {"erf": elementary.erf, "ndtr": elementary.ndtr, "expit": _expit, "cbrt": trigonometry.cbrt}
        return known.get(name)
    return None


def _expit(code: Code, x: str) -> str:
    one = code.number(1.0)
    small = elementary.exp(code, code.negative(code.absolute(x)))
    above = code.compared("oge", x, code.number(0.0))
    return code.over(code.chosen(above, one, small), code.plus(one, small))


def fixed_power(code: Code, base: str, exponent: float) -> str | None:
    """Append a power by a plain number for which NumPy has a method of its own; None for others."""
    if exponent == 2:
        return code.times(base, base)
    if exponent == 0.5:
        return code.sqrt(base)
    if exponent == -1:
        return code.over(code.number(1.0), base)
    if exponent == 1:
        return base
    if exponent == 3:
        return code.times(code.times(base, base), base)
    return None


def truths(args: Sequence[Any]) -> list[bool]:
    """Return which arguments are truth values."""
    return [isinstance(arg, bool) or getattr(arg, "dtype", np.dtype(float)).kind == "b" for arg in args]
