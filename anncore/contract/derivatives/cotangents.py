"""Arithmetic on gradients in reverse mode: it keeps masks outside, and sums over what was broadcast.

A gradient is a symbol or a plain array, with as many axes as what it belongs to; an axis of length 1 stands
for equal numbers along it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from anncore.contract.derivatives.primitives import spread, sum_examples
from anncore.contract.derivatives.symbols import Node, Symbol

Gradient = Any
"""A symbol or a plain array."""


def _is_number(value: Any, number: float) -> bool:
    return isinstance(value, (int, float)) and value == number


def _is_mask(grad: Gradient) -> bool:
    return isinstance(grad, Symbol) and grad.node.function is np.where


def _operands(grad: Symbol) -> list[Any]:
    return [Symbol(grad.graph, arg) if isinstance(arg, Node) else arg for arg in grad.node.args]


def through_mask(grad: Gradient, change: Callable[[Any], Any]) -> Gradient:
    """Return `change` of a gradient; in np.where(c, g, 0) only g is changed.

    So a factor that overflows where the mask is 0 makes no NaN: in np.where(z > 0, z, np.expm1(z)) the
    slope exp(z) of the second branch is infinite where the first one counts.
    """
    if _is_mask(grad):
        condition, one, other = _operands(grad)
        if _is_number(other, 0):
            return np.where(condition, through_mask(one, change), 0.0)
        if _is_number(one, 0):
            return np.where(condition, 0.0, through_mask(other, change))
    return change(grad)


def times(grad: Gradient, factor: Any) -> Gradient:
    """Return grad * factor; 0 where grad is 0 and an exponential in the factor overflows."""
    if _is_number(factor, 1):
        return grad
    if _is_number(factor, -1):
        return negated(grad)
    if isinstance(factor, Symbol) and factor.node.large:
        return through_mask(grad, lambda inner: _guarded(inner, factor))
    return through_mask(grad, lambda inner: inner * factor)


def _guarded(grad: Gradient, factor: Symbol) -> Gradient:
    if not isinstance(grad, Symbol):
        return grad * factor
    nothing = grad == 0
    grad.graph.guards.add(nothing.node)
    return grad * np.where(nothing, 0.0, factor)


def over(grad: Gradient, divisor: Any) -> Gradient:
    """Return grad / divisor."""
    return through_mask(grad, lambda inner: inner / divisor)


def negated(grad: Gradient) -> Gradient:
    """Return -grad."""
    return through_mask(grad, lambda inner: -inner)


def masked(condition: Any, grad: Gradient) -> Gradient:
    """Return the gradient where the condition holds, 0 elsewhere."""
    return np.where(condition, grad, 0.0)


def masked_out(condition: Any, grad: Gradient) -> Gradient:
    """Return 0 where the condition holds, the gradient elsewhere."""
    return np.where(condition, 0.0, grad)


def plus(one: Gradient, other: Gradient) -> Gradient:
    """Return one + other; two masks of one condition become one np.where, so that the sum is masked too."""
    if _is_mask(one) and _is_mask(other) and one.node.args[0] is other.node.args[0]:
        condition, first, second = _operands(one)
        _, third, fourth = _operands(other)
        if _is_number(second, 0) and _is_number(third, 0):
            return np.where(condition, first, fourth)
        if _is_number(first, 0) and _is_number(fourth, 0):
            return np.where(condition, third, second)
        if _is_number(second, 0) and _is_number(fourth, 0):
            return np.where(condition, plus(first, third), 0.0)
        if _is_number(first, 0) and _is_number(third, 0):
            return np.where(condition, 0.0, plus(second, fourth))
    return one + other


def full(grad: Gradient, shape: tuple[int, ...]) -> Gradient:
    """Return the gradient written out at its whole shape."""
    if tuple(grad.shape) == tuple(shape):
        return grad
    if isinstance(grad, Symbol):
        return grad.graph.record(spread, grad, shape=tuple(shape))
    return spread(grad, shape=tuple(shape))


def fitted(grad: Gradient, whole: tuple[int, ...], shape: tuple[int, ...]) -> Gradient:
    """Return the gradient of an operand of this shape, broadcast to `whole`: the sum over its copies."""
    if whole == shape:
        return grad
    missing = len(whole) - len(shape)
    padded = (1,) * missing + tuple(shape)
    copies, axes = 1, []
    for axis, (size, own) in enumerate(zip(whole, padded, strict=True)):
        if own == 1 and size > 1:
            if grad.shape[axis] == 1:
                copies *= size
            else:
                axes.append(axis)
    if axes:
        grad = _summed(grad, tuple(axes))
    if copies > 1:
        grad = times(grad, float(copies))
    if missing:
        grad = np.reshape(grad, tuple(grad.shape[missing:]))
    return grad


def _summed(grad: Gradient, axes: tuple[int, ...]) -> Gradient:
    if axes == (1,) and grad.ndim == 3:
        return grad.graph.record(sum_examples, grad) if isinstance(grad, Symbol) else sum_examples(grad)
    return np.sum(grad, axis=axes if len(axes) > 1 else axes[0], keepdims=True)
