"""The derivative of every operation that a formula may use, as formulas of the same operations.

A rule gets the gradient g of the result, the result and the arguments, and returns the gradient of one
argument, before it is summed over what was broadcast. Where a function has a kink, the rule follows PyTorch:
|x|'(0) = 0; max(x, c) and min(x, c) with a constant c have slope 0 at x = c, as relu and relu6; of equal
variable arguments each gets half; inside np.clip the slope is 1, at its bounds 0, as in hardtanh. But
min(x, 0) has slope 1 at 0: elu and celu have their exponential in it, and max(x, 0) + min(x, 0) is x.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.cotangents import (
    fitted,
    full,
    masked,
    masked_out,
    negated,
    over,
    times,
)
from anncore.contract.derivatives.symbols import Opaque, Symbol, name_of, refuse

Rule = Callable[..., Any]


def _elementwise(slope: Callable[[Any, Any], Any]) -> tuple[Rule]:
    """Return the rule of a function of one argument with the slope f'(x), from x and f(x)."""
    return (lambda g, out, x: times(g, slope(x, out)),)


def _constant(value: Any) -> bool:
    """Tell whether a value has no slope: a constant, a hyperparameter, truth values, whole numbers."""
    return not isinstance(value, Symbol) or value.node.known or value.dtype.kind != "f"


def _maximum(g: Any, out: Any, x: Any, y: Any, above: Callable[[Any, Any], Any]) -> Any:
    if _constant(y):
        return masked(above(x, y), g)
    return masked(above(x, y), g) + masked(x == y, times(g, 0.5))


def _clip(g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
    above = None if _is(low, -math.inf) else x > low
    below = None if _is(high, math.inf) else x < high
    if above is None and _is(high, 0):
        below = x <= high
    if above is None or below is None:
        inside = below if above is None else above
        return g if inside is None else masked(inside, g)
    return masked(above & below, g)


def _is(value: Any, number: float) -> bool:
    return isinstance(value, (int, float)) and value == number


POWERS: dict[float, Callable[[Any, Any, Any], Any]] = {
    0.0: lambda g, out, x: None,
    1.0: lambda g, out, x: g,
    2.0: lambda g, out, x: times(g, 2.0 * x),
    3.0: lambda g, out, x: times(g, 3.0 * (x * x)),
    4.0: lambda g, out, x: times(g, 4.0 * (x * x * x)),
    0.5: lambda g, out, x: over(g, 2.0 * out),
    1.5: lambda g, out, x: times(g, 1.5 * np.sqrt(x)),
    -1.0: lambda g, out, x: negated(times(g, out * out)),
}
"""The gradients of powers that need no call of np.power, which takes ten times as long."""


def _power(g: Any, out: Any, x: Any, p: Any) -> Any:
    known = POWERS.get(float(p)) if isinstance(p, (int, float)) else None
    return times(g, p * np.power(x, p - 1)) if known is None else known(g, out, x)


def _exponent(g: Any, out: Any, x: Any, p: Any) -> Any:
    if isinstance(x, Symbol):
        return masked_out(x == 0, times(g, out * np.log(x)))
    # NumPy makes a float64 of the logarithm of a plain number, which would spread.
    return times(g, out * (float(np.log(x)) if isinstance(x, (int, float)) else np.log(x)))


def _kept(g: Any, array: Any, axis: Any, keepdims: bool) -> Any:
    """Return the gradient of a reduction with its axes of length 1 again."""
    if keepdims:
        return g
    axes = axis if isinstance(axis, tuple) else (axis,)
    shape = tuple(1 if at in axes else size for at, size in enumerate(array.shape))
    sizes = iter(g.shape)
    return np.reshape(g, tuple(1 if at in axes else next(sizes) for at in range(len(shape))))


def _count(array: Any, axis: Any) -> int:
    return int(np.prod([array.shape[at] for at in (axis if isinstance(axis, tuple) else (axis,))]))


def _sum(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool, dtype: str | None = None) -> Any:
    kept = _kept(g, x, axis, keepdims)
    return kept if dtype is None else _cast(kept, out, x, dtype=dtype)


def _mean(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool, dtype: str | None = None) -> Any:
    return over(_sum(g, out, x, axis=axis, keepdims=keepdims, dtype=dtype), float(_count(x, axis)))


def _largest(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    reached = (x == _kept(out, x, axis, keepdims)).astype(x.dtype)
    share = reached / np.sum(reached, axis=axis, keepdims=True)
    return times(_kept(g, x, axis, keepdims), share)


def _prod(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    if isinstance(axis, tuple):
        raise refuse("np.prod over several axes", "is not followed: take one axis after the other")
    others = x.graph.record(primitives.product_of_others, x, axis=axis)
    return times(_kept(g, x, axis, keepdims), others)


def _var(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool, ddof: int = 0) -> Any:
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return times(_kept(g, x, axis, keepdims), centred * (2.0 / (_count(x, axis) - ddof)))


def _std(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool, ddof: int = 0) -> Any:
    centred = x - np.mean(x, axis=axis, keepdims=True)
    spread = _not_zero(_kept(out, x, axis, keepdims)) * float(_count(x, axis) - ddof)
    return times(_kept(g, x, axis, keepdims), centred / spread)


def _cumsum(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    g = full(g, x.shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


def _length(g: Any, out: Any, x: Any, *, axis: int, keepdims: bool) -> Any:
    return times(_kept(g, x, axis, keepdims), x / _not_zero(_kept(out, x, axis, keepdims)))


def _not_zero(length: Any) -> Any:
    """Return the length, 1 in place of 0: the gradient of a length is 0 there, as in PyTorch."""
    return np.where(length > 0, length, 1.0)


def _left(g: Any, out: Any, a: Any, b: Any) -> Any:
    return np.matmul(full(g, out.shape), np.swapaxes(b, -1, -2))


def _right(g: Any, out: Any, a: Any, b: Any) -> Any:
    g = full(g, out.shape)
    if a.ndim == b.ndim and a.ndim > 3 and set(b.shape[1:-2]) == {1}:
        # One matrix for many: a single product per trial in place of a sum of products.
        a = np.reshape(a, (a.shape[0], -1, a.shape[-1]))
        product = np.matmul(np.swapaxes(a, -1, -2), np.reshape(g, (g.shape[0], -1, g.shape[-1])))
        return np.reshape(product, tuple(b.shape))
    return np.matmul(np.swapaxes(a, -1, -2), g)


def _fitted_matrix(rule: Rule, place: int) -> Rule:
    """Sum the gradient of a matrix product over the leading axes that were broadcast."""

    def fit(g: Any, out: Any, *args: Any) -> Any:
        if min(len(arg.shape) for arg in args) < 2:
            raise refuse("a matrix product with a vector", "is not followed: give both two axes or more")
        grad = rule(g, out, *args)
        shape = args[place].shape
        return fitted(grad, tuple(grad.shape), tuple(shape))

    return fit


def _einsum_of(place: int) -> Rule:
    def rule(g: Any, out: Any, *arrays: Any, terms: tuple[str, ...], result: str) -> Any:
        others = [array for at, array in enumerate(arrays) if at != place]
        names = [term for at, term in enumerate(terms) if at != place]
        g = full(g, out.shape)
        graph = out.graph
        return graph.record(primitives.einsum, g, *others, terms=(result, *names), result=terms[place])

    return rule


def _transpose(g: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return np.transpose(g, tuple(int(at) for at in np.argsort(axes)))


def _reshape(g: Any, out: Any, x: Any, *, shape: Any) -> Any:
    return np.reshape(full(g, out.shape), tuple(x.shape))


def _item(g: Any, out: Any, x: Any, *, index: Any) -> Any:
    return out.graph.record(primitives.put_back, full(g, out.shape), indices=(index,), shape=tuple(x.shape))


def _joined_at(place: int) -> Rule:
    def rule(g: Any, out: Any, *arrays: Any, axis: int) -> Any:
        low = sum(array.shape[axis] for array in arrays[:place])
        here = slice(low, low + arrays[place].shape[axis])
        return full(g, out.shape)[(*(slice(None),) * axis, here)]

    return rule


def _stacked_at(place: int) -> Rule:
    def rule(g: Any, out: Any, *arrays: Any, axis: int) -> Any:
        return full(g, out.shape)[(*(slice(None),) * axis, place)]

    return rule


def _take_along(g: Any, out: Any, x: Any, places: Any, *, axis: int) -> Any:
    g = full(g, out.shape)
    return out.graph.record(primitives.put_along, g, places, axis=axis, shape=tuple(x.shape))


def _pad(g: Any, out: Any, x: Any, *, pad_width: tuple[tuple[int, int], ...]) -> Any:
    inside = tuple(slice(low, low + size) for (low, _), size in zip(pad_width, x.shape, strict=True))
    return full(g, out.shape)[(slice(None), *inside[1:])]


def _windows(g: Any, out: Any, x: Any, *, shape: Any, axis: tuple[int, ...]) -> Any:
    g = full(g, out.shape)
    return out.graph.record(primitives.windows_back, g, axis=axis, shape=tuple(x.shape))


def _cast(g: Any, out: Any, x: Any, *, dtype: str | None) -> Any:
    return g if g.dtype == x.dtype else g.astype(x.dtype)


ADD: tuple[Rule, ...] = (lambda g, out, x, y: g, lambda g, out, x, y: g)
SUBTRACT: tuple[Rule, ...] = (lambda g, out, x, y: g, lambda g, out, x, y: negated(g))
MULTIPLY: tuple[Rule, ...] = (lambda g, out, x, y: times(g, y), lambda g, out, x, y: times(g, x))
DIVIDE: tuple[Rule, ...] = (
    lambda g, out, x, y: over(g, y),
    lambda g, out, x, y: negated(times(over(g, y), out)),
)
POWER: tuple[Rule, ...] = (_power, _exponent)
MATMUL: tuple[Rule, ...] = (_fitted_matrix(_left, 0), _fitted_matrix(_right, 1))
ABSOLUTE = _elementwise(lambda x, out: np.sign(x))
NEGATIVE: tuple[Rule, ...] = (lambda g, out, x: negated(g),)
MAXIMUM: tuple[Rule, ...] = (
    lambda g, out, x, y: _maximum(g, out, x, y, operator.gt),
    lambda g, out, x, y: _maximum(g, out, y, x, operator.gt),
)
MINIMUM: tuple[Rule, ...] = (
    lambda g, out, x, y: _maximum(g, out, x, y, operator.le if _is(y, 0) else operator.lt),
    lambda g, out, x, y: _maximum(g, out, y, x, operator.le if _is(x, 0) else operator.lt),
)

RULES: dict[Any, tuple[Rule | None, ...]] = {
    **dict.fromkeys((np.add, operator.add), ADD),
    **dict.fromkeys((np.subtract, operator.sub), SUBTRACT),
    **dict.fromkeys((np.multiply, operator.mul), MULTIPLY),
    **dict.fromkeys((np.true_divide, operator.truediv), DIVIDE),
    **dict.fromkeys((np.power, np.float_power, operator.pow, primitives.power), POWER),
    **dict.fromkeys((np.matmul, operator.matmul), MATMUL),
    **dict.fromkeys((np.absolute, np.fabs, operator.abs), ABSOLUTE),
    **dict.fromkeys((np.negative, operator.neg), NEGATIVE),
    **dict.fromkeys((np.maximum, np.fmax), MAXIMUM),
    **dict.fromkeys((np.minimum, np.fmin), MINIMUM),
    np.positive: (lambda g, out, x: g,),
    np.where: (
        None,
        lambda g, out, c, x, y: masked(c, g),
        lambda g, out, c, x, y: masked_out(c, g),
    ),
    np.clip: (
        _clip,
        lambda g, out, x, low, high: masked(x < low, g),
        lambda g, out, x, low, high: masked(x > high, g),
    ),
    np.exp: _elementwise(lambda x, out: out),
    np.exp2: _elementwise(lambda x, out: math.log(2) * out),
    np.expm1: _elementwise(lambda x, out: out + 1.0),
    np.log: (lambda g, out, x: over(g, x),),
    np.log2: (lambda g, out, x: over(g, math.log(2) * x),),
    np.log10: (lambda g, out, x: over(g, math.log(10) * x),),
    np.log1p: (lambda g, out, x: over(g, 1.0 + x),),
    np.sqrt: (lambda g, out, x: over(g, 2.0 * out),),
    np.square: _elementwise(lambda x, out: 2.0 * x),
    np.cbrt: (lambda g, out, x: over(g, 3.0 * (out * out)),),
    np.reciprocal: _elementwise(lambda x, out: -(out * out)),
    np.sin: _elementwise(lambda x, out: np.cos(x)),
    np.cos: _elementwise(lambda x, out: -np.sin(x)),
    np.tan: _elementwise(lambda x, out: 1.0 + out * out),
    np.arcsin: (lambda g, out, x: over(g, np.sqrt(1.0 - x * x)),),
    np.arccos: (lambda g, out, x: negated(over(g, np.sqrt(1.0 - x * x))),),
    np.arctan: (lambda g, out, x: over(g, 1.0 + x * x),),
    np.sinh: _elementwise(lambda x, out: np.cosh(x)),
    np.cosh: _elementwise(lambda x, out: np.sinh(x)),
    np.tanh: _elementwise(lambda x, out: 1.0 - out * out),
    np.arcsinh: (lambda g, out, x: over(g, np.sqrt(x * x + 1.0)),),
    np.arccosh: (lambda g, out, x: over(g, np.sqrt(x * x - 1.0)),),
    np.arctanh: (lambda g, out, x: over(g, 1.0 - x * x),),
    np.deg2rad: _elementwise(lambda x, out: math.pi / 180),
    np.radians: _elementwise(lambda x, out: math.pi / 180),
    np.rad2deg: _elementwise(lambda x, out: 180 / math.pi),
    np.degrees: _elementwise(lambda x, out: 180 / math.pi),
    np.logaddexp: (
        lambda g, out, x, y: times(g, np.exp(x - out)),
        lambda g, out, x, y: times(g, np.exp(y - out)),
    ),
    np.logaddexp2: (
        lambda g, out, x, y: times(g, np.exp2(x - out)),
        lambda g, out, x, y: times(g, np.exp2(y - out)),
    ),
    np.hypot: (
        lambda g, out, x, y: times(g, x / _not_zero(out)),
        lambda g, out, x, y: times(g, y / _not_zero(out)),
    ),
    np.arctan2: (
        lambda g, out, x, y: times(g, y / (x * x + y * y)),
        lambda g, out, x, y: negated(times(g, x / (x * x + y * y))),
    ),
    np.copysign: (lambda g, out, x, y: times(g, np.sign(x) * np.sign(out)), None),
    **dict.fromkeys(
        (np.remainder, operator.mod),
        (lambda g, out, x, y: g, lambda g, out, x, y: negated(times(g, np.floor(x / y)))),
    ),
    np.sum: (_sum,),
    np.mean: (_mean,),
    **dict.fromkeys((np.max, np.min, np.amax, np.amin), (_largest,)),
    np.prod: (_prod,),
    np.var: (_var,),
    np.std: (_std,),
    np.cumsum: (_cumsum,),
    np.linalg.norm: (_length,),
    np.transpose: (_transpose,),
    primitives.reshaped: (_reshape,),
    primitives.spread: (lambda g, out, x, *, shape: g,),
    primitives.item: (_item,),
    primitives.put_back: (lambda g, out, x, *, indices, shape: full(g, shape)[indices[0]],),
    primitives.sum_examples: (lambda g, out, x: g,),
    primitives.cast: (_cast,),
    np.take_along_axis: (_take_along, None),
    np.flip: (lambda g, out, x, *, axis: np.flip(full(g, x.shape), axis),),
    np.roll: (lambda g, out, x, *, shift, axis: np.roll(full(g, x.shape), -shift, axis),),
    np.pad: (_pad,),
    primitives.windows: (_windows,),
}

# Functions that are constant wherever they have a derivative: no gradient goes through them.
FLAT: frozenset[Any] = frozenset(
    (
        *(np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round, np.heaviside, np.floor_divide),
        *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
        *(operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne, operator.floordiv),
        *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.isnan, np.isfinite, np.isinf),
        *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.signbit, np.any, np.all),
        *(operator.and_, operator.or_, operator.xor, operator.invert),
        *(np.argmax, np.argmin, np.argsort),
    )
)


def rule_of(function: Any, place: int) -> Rule | None:
    """Return the rule for one argument of a function; None where no gradient goes through it."""
    if function in FLAT:
        return None
    if isinstance(function, Opaque):
        return function.rule(place)
    if function is primitives.joined:
        return _joined_at(place)
    if function is primitives.stacked:
        return _stacked_at(place)
    if function is primitives.einsum:
        return _einsum_of(place)
    rules = RULES.get(function) or special_rules().get(function)
    if rules is None or place >= len(rules):
        raise refuse(name_of(function))
    return rules[place]


def special_rules() -> dict[Any, tuple[Rule | None, ...]]:
    """Return the rules of scipy.special's functions."""
    from anncore.contract.derivatives.special import RULES as OF_SCIPY  # loads SciPy, only where it is used

    return OF_SCIPY
