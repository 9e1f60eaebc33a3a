"""A few steps of an optimizer on a small bowl, before it trains, to find wrappers that hide a change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from anncore.contract.kinds import Array, AskingWrapper, OptimizerWrapper, WeightSpec
from anncore.engine.asking import HiddenChange
from anncore.engine.nested import asks, fit, nested
from anncore.engine.quadratic import Quadratic

SIZE = 6
SPECS = (WeightSpec("W", (2, 3), 2, 3, place="hidden"),)
SCALES = (1e-3, 1.0, 1e4)  # of the gradients, so that limits on them take effect
STEPS = 3
NEAR = 1e-5  # the length of a difference quotient
AGREE = 1e-4  # its relative error, at most


def refuse_hidden_changes(optimizer: Any) -> None:
    """Raise HiddenChange for a wrapper that shows an asking optimizer inside it two different problems.

    optimizer: with hyperparameters as plain numbers or for one trial. It makes a few steps on bowls of
    several steepnesses; and where a wrapper adds to the loss, its gradient is compared with the loss.
    """
    if not any(map(asks, nested(optimizer))):
        return
    with np.errstate(all="ignore"):
        for wrapper in _around_askers(optimizer):
            _refuse_unequal(wrapper)
        for scale in SCALES:
            _walk(optimizer, scale)


def _around_askers(optimizer: Any) -> Iterator[Any]:
    """Yield the wrappers of a nest that have an asking optimizer inside."""
    if isinstance(optimizer, (OptimizerWrapper, AskingWrapper)) and any(map(asks, nested(optimizer))):
        yield optimizer
    for inner in nested(optimizer):
        yield from _around_askers(inner)


def _walk(optimizer: Any, scale: float) -> None:
    evaluate = Quadratic(scale * np.linspace(1.0, 2.0, SIZE).reshape(1, 1, SIZE))
    fitted = fit(optimizer, SPECS, lambda: evaluate)
    weight = _numbers(0)
    state = fitted.init(weight)
    for t in range(1, STEPS + 1):
        change, state = fitted.step(weight, evaluate(weight)[1], state, t)
        weight = weight + change


def _refuse_unequal(wrapper: Any) -> None:
    """Compare what a wrapper adds to a loss of 0 with what it adds to its gradient."""
    first, second, direction = map(_numbers, range(3))
    state = fit(wrapper, SPECS, lambda: _level).init(first)
    inside = wrapper.evaluate_inside(_level, state, 1)
    (loss, slope), (other_loss, other_slope) = inside(first), inside(second)
    if np.array_equal(slope, other_slope, equal_nan=True) and np.array_equal(loss, other_loss):
        return  # nothing that depends on the weights: clipping, noise
    up, down = (inside(first + side * NEAR * direction)[0] for side in (1, -1))
    rise = float((up - down).item() / (2 * NEAR))
    due = float((slope * direction).sum())
    if not abs(rise - due) <= AGREE * max(abs(rise), abs(due)):
        raise HiddenChange(
            f"{wrapper.name}: its methods loss and gradient do not belong together: along a line the loss "
            f"that it adds rises by {rise:.4g}, and the gradient that it adds says {due:.4g}; write loss so "
            "that gradient returns its derivative."
        )


def _level(weight: Array) -> tuple[Array, Array]:
    return np.zeros((len(weight), 1, 1)), np.zeros_like(weight)


def _numbers(seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=(1, 1, SIZE))
