"""Optimizer: momo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, AskingOptimizer, Evaluate, Hyper, choice, hookimpl, hyper, log


class MoMoState(NamedTuple):
    """The state of MoMo."""

    m: Array  # running mean of the gradient, of each weight
    loss: Array  # running mean of the loss, (T, 1, 1), as the others
    along: Array  # running mean of ⟨g, θ⟩
    least: Array  # lower bound of the loss


@dataclass(frozen=True)
class MoMo(AskingOptimizer):
    """Momentum with Polyak's step size: the rate follows from how far the loss is above its least value.

        m ← beta m + (1 - beta) g,  f ← beta f + (1 - beta) L,  c ← beta c + (1 - beta) ⟨g, θ⟩
        h = f - c + ⟨m, θ⟩
        θ ← θ - min(lr, max(h - least, 0) / ‖m‖²) m

    The first gradient, loss and product begin the means. h is what the mean of the linear models of the last
    batches says of the loss at θ, and the step goes to where that model reaches `least`, at most lr m. Norm
    and products are over all weights of a trial. Choose it in place of `momentum` where lr is not to be
    tuned: a large lr does no harm, 1 as a rule. `polyak` is this without momentum and follows each batch's
    noise. adapt raises the lower bound as training shows one, from `least` on: use it where the loss cannot
    reach `least`.

    Domain: lr > 0, beta in [0, 1), least real. Each step computes the gradient a second time to see the loss.
    beta = 0 is `polyak` with most = lr.

    Schaipp, Ohana, Eickenberg, Defazio & Gower, "MoMo: Momentum Models for Adaptive Learning Rates", ICML
    2024, algorithm 1; adapt is its estimate of lower bounds. https://arxiv.org/abs/2305.07583. Its weight
    decay is not here (`l2_penalty` around it is one). optax's momo makes no step where ‖m‖² is below 2e-16.
    """

    name: ClassVar[str] = "momo"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1.0, "beta": 0.9, "least": 0.0, "adapt": False},
        "optax": {"lr": 1.0, "beta": 0.9, "least": 0.0, "adapt": False},
    }

    lr: Hyper = hyper(1.0, "(0, inf)", search=log(0.01, 10.0))
    beta: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    least: Hyper = hyper(0.0, "(-inf, inf)")
    adapt: bool = hyper(False, "bool")

    def init(self, weight: Array) -> MoMoState:
        number = np.zeros((len(weight), 1, 1), weight.dtype)
        return MoMoState(np.zeros_like(weight), number, number, number + self.least)

    def step(
        self, weight: Array, grad: Array, state: MoMoState, t: int, evaluate: Evaluate
    ) -> tuple[Array, MoMoState]:
        kept = self.beta * (t > 1)
        m = kept * state.m + (1 - kept) * grad
        loss = kept * state.loss + (1 - kept) * evaluate(weight)[0]
        along = kept * state.along + (1 - kept) * _total(grad * weight)
        height = loss - along + _total(m * weight)
        least = state.least
        if self.adapt:
            least = np.where(height < least, np.maximum(height / 2, self.least), least)
        square = _total(m * m)
        above = np.maximum(height - least, 0)
        # lr, without a quotient that leaves the range of the dtype, where the square is small or 0
        rate = np.where(above >= self.lr * square, self.lr, above / np.where(square > 0, square, 1))
        if self.adapt:
            least = np.maximum(height - rate * square / 2, self.least)
        return -rate * m, MoMoState(m, loss, along, least)


def _total(array: Array) -> Array:
    """Return the sum over the weights of each trial, (T, 1, 1)."""
    return array.sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[AskingOptimizer]]:
    return [MoMo]
