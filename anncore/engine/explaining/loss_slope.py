"""Where the backward pass begins: the gradient of the loss by the output's pre-activations, as a formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from anncore.engine.explaining.scalars import Scalar
from anncore.engine.explaining.step import ObservedStep


class Name:
    """A name whose numbers are named by their column."""

    def __init__(self, base: str) -> None:
        self.base = base

    def name(self, row: int, column: int) -> str:
        """Return the name of one number."""
        return f"{self.base}[{column + 1}]"


def output_delta(step: ObservedStep, pair: Any, base: str) -> Callable[[int], Any]:
    """Return by output unit how its delta is made: a formula, or words.

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
                return lambda c: _difference(a[k, c], y[k, c], c, base, above, below)
    if pair.link:
        return lambda c: f"slope of {pair.loss.name} after {pair.link}"
    return _chain(step, pair, base, a)


def _difference(a: float, y: float, column: int, base: str, above: int, below: int) -> Scalar:
    both = Scalar.named(a, Name(base), 0, column) - Scalar.named(y, Name("y"), 0, column)
    product = Scalar(above) * both
    return product / Scalar(below)


def _chain(step: ObservedStep, pair: Any, base: str, a: Any) -> Callable[[int], Any]:
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
        by_a = Scalar.named(grad[0, k, c], Name(f"d{base}"), 0, c)
        return by_a * Scalar.named(slopes[0, k, c], Name(f"f'({base.replace('a', 'z')})"), 0, c)

    return made
