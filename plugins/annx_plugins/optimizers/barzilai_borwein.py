"""Optimizer: barzilai_borwein."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, hookimpl, hyper, log


class BarzilaiBorweinState(NamedTuple):
    """The state of the Barzilai-Borwein method."""

    theta: Array  # the weights before the last step
    grad: Array  # the gradient there
    rate: Array  # the last rate, (T, 1, 1)


@dataclass(frozen=True)
class BarzilaiBorwein(Optimizer):
    """Gradient descent whose rate is the inverse of the curvature along its last step.

        s = θ - θ₋,  y = g - g₋
        rate = sᵀs / sᵀy         form "long"
        rate = sᵀy / yᵀy         form "short";  "alternate": in turns, long at even t
        θ ← θ - rate g

    over all weights of a trial, on the full batch. The first step has the rate `first`, and so has the next
    one as long as sᵀy ≤ 0, where the loss curves downwards: the last rate stays. Rates are kept between least
    and most. The loss may rise on the way; on quadratics it converges, often as fast as conjugate gradients.
    Choose it on smooth problems where every gradient is exact: it needs no line search, as `lbfgs` does, and
    keeps only one pair of differences.

    Domain: first > 0, 0 < least ≤ most; [train] batch_size = "full".

    Barzilai & Borwein, "Two-Point Step Size Gradient Methods", IMA Journal of Numerical Analysis 8 (1988),
    141-148. https://doi.org/10.1093/imanum/8.1.141, equations 5 and 6. In turns: Dai & Fletcher, "Projected
    Barzilai-Borwein methods for large-scale box-constrained quadratic programming", Numerische Mathematik 100
    (2005), 21-47. https://doi.org/10.1007/s00211-004-0569-y. Convergence: Raydan, "On the Barzilai and
    Borwein choice of steplength for the gradient method", IMA Journal of Numerical Analysis 13 (1993),
    321-326.
    """

    name: ClassVar[str] = "barzilai_borwein"
    scope: ClassVar[str] = "trial"
    full_batch: ClassVar[bool] = True

    first: Hyper = hyper(0.01, "(0, inf)", search=log(1e-4, 1.0))
    form: str = hyper("long", ("long", "short", "alternate"))
    least: Hyper = hyper(1e-10, "(0, inf)")
    most: Hyper = hyper(1e10, "(0, inf)")

    def validate(self) -> None:
        """Raise ValueError unless there are rates between the bounds."""
        if self.least > self.most:
            raise ValueError(f"least must be at most most, got least = {self.least} and most = {self.most}")

    def init(self, weight: Array) -> BarzilaiBorweinState:
        rate = np.zeros((len(weight), 1, 1), weight.dtype) + self.first
        return BarzilaiBorweinState(weight.copy(), np.zeros_like(weight), rate)

    def step(
        self, weight: Array, grad: Array, state: BarzilaiBorweinState, t: int
    ) -> tuple[Array, BarzilaiBorweinState]:
        rate = state.rate if t == 1 else self._rate(weight - state.theta, grad - state.grad, state.rate, t)
        return -rate * grad, BarzilaiBorweinState(weight.copy(), grad.copy(), rate)

    def _rate(self, s: Array, y: Array, before: Array, t: int) -> Array:
        # In units of the largest numbers, because squares of small ones leave the range of the dtype.
        far, steep = _largest(s), _largest(y)
        s, y = s / far, y / steep
        product = (s * y).sum(axis=2, keepdims=True)
        if self.form == "long" or (self.form == "alternate" and t % 2 == 0):
            above, below = (s * s).sum(axis=2, keepdims=True), product
        else:
            above, below = product, (y * y).sum(axis=2, keepdims=True)
        curved = product > 0
        rate = far / steep * above / np.where(curved, below, 1)
        return np.where(curved, np.minimum(np.maximum(rate, self.least), self.most), before)


def _largest(array: Array) -> Array:
    """Return the largest size in each trial, (T, 1, 1), or 1 if all are 0."""
    largest = np.abs(array).max(axis=2, keepdims=True)
    return np.where(largest == 0, 1, largest)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [BarzilaiBorwein]
