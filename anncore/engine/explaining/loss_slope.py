"""Where the backward pass begins: the gradient of the loss by the output's pre-activations, as a formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from anncore.engine.explaining.scalars import Scalar
from anncore.engine.explaining.step import ObservedStep


class Name:
    """The name of one number, and of the array that it belongs to."""

    def __init__(self, full: str) -> None:
        self.full, self.base = full, full.rpartition("[")[0] or full

    def name(self, row: int, column: int) -> str:
        """Return the name of the number."""
        return self.full


def named(value: float, name: str) -> Scalar:
    """Return a number under a name of its own."""
    return Scalar.named(value, Name(name), 0, 0)


def output_delta(step: ObservedStep, pair: Any, names: Sequence[str]) -> Callable[[int], Any]:
    """Return by output unit how its delta is made: a formula, or words. names: those of the predictions.

    Of many losses with their natural output it is (a - y) times a constant. Whether that is so is seen in the
    numbers of the whole batch, so it is never said of a loss for which it does not hold.
    """
    a = pair.activation.forward(step.z[None])[0]
    y, k = step.y, step.question.example
    count, outputs = step.seed.shape
    if a.shape == y.shape:
        for above, below in ((1, count), (2, count), (1, count * outputs), (2, count * outputs)):
            wanted = above * (a - y) / below
            if np.allclose(
                step.seed, wanted, rtol=1e-9 if step.seed.dtype == np.float64 else 1e-4, atol=1e-12
            ):
                return lambda c: _difference(a[k, c], y[k, c], c, names[c], above, below)
    if pair.link:
        return lambda c: f"slope of {pair.loss.name} after {pair.link}"
    return _chain(step, pair, names, a)


def _difference(a: float, y: float, column: int, name: str, above: int, below: int) -> Scalar:
    both = named(a, name) - named(y, f"y[{column + 1}]")
    product = Scalar(above) * both
    return product / Scalar(below)


def _chain(step: ObservedStep, pair: Any, names: Sequence[str], a: Any) -> Callable[[int], Any]:
    """Return dL/da times the slope of the output activation, where that is a function of each z alone."""
    k = step.question.example
    z, output = step.z[None], a[None]
    grad = pair.loss.grad(output, step.y[None])
    ones = np.ones_like(output)
    twice = ones.copy()
    twice[:, :, ::2] = 2
    slopes = pair.activation.backward(ones, z, output)
    if not (pair.activation.backward(twice, z, output) == twice * slopes).all():
        return lambda c: f"slopes of {pair.loss.name} through {pair.activation.name}"

    def made(c: int) -> Scalar:
        return named(grad[0, k, c], f"d{names[c]}") * named(slopes[0, k, c], f"f'(z{names[c][1:]})")

    return made
