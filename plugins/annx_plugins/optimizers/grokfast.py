"""Optimizer: grokfast."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, choice, hookimpl, hyper, log, ref


class GrokfastState(NamedTuple):
    """A running mean of gradients, and the state of the optimizer inside."""

    mean: Array
    inner: Any


@dataclass(frozen=True)
class Grokfast(OptimizerWrapper):
    """Any optimizer, on gradients whose slow part is amplified.

        m ← alpha m + (1 - alpha) g,  m = g at first
        g ← g + strength m

    A network that generalizes long after it has learned its training examples by heart ("grokking") does so
    by the part of its gradients that changes slowly; amplified, it may generalize many times sooner. Choose
    it around `adamw` on small algorithmic tasks, such as parities or modular sums. Unlike momentum it comes
    before the optimizer inside, so an adaptive one scales the sum. strength = 0 changes nothing.

    Domain: alpha in [0, 1), strength ≥ 0. An optimizer inside that asks for more gradients gets them with the
    same mean of the steps before.

    Lee, Kang, Kim & Lee, "Grokfast: Accelerated Grokking by Amplifying Slow Gradients", 2024, algorithm 2:
    Grokfast-EMA, with alpha 0.98 and strength 2. https://arxiv.org/abs/2405.20233. Its running mean over a
    window (algorithm 1) is not offered.
    """

    name: ClassVar[str] = "grokfast"

    alpha: Hyper = hyper(0.98, "[0, 1)", search=choice(0.8, 0.9, 0.98, 0.99))
    strength: Hyper = hyper(2.0, "[0, inf)", search=log(0.1, 5.0))
    optimizer: Any = ref("optimizer", "adamw")

    def init(self, weight: Array) -> GrokfastState:
        return GrokfastState(np.zeros_like(weight), self.wrapped.init(weight))

    def step(self, weight: Array, grad: Array, state: GrokfastState, t: int) -> tuple[Array, GrokfastState]:
        amplified = self.gradient(weight, grad, state, t)
        change, inner = self.wrapped.step(weight, amplified, state.inner, t)
        return change, GrokfastState(self._mean(grad, state, t), inner)

    def gradient(self, weight: Array, grad: Array, state: GrokfastState, t: int) -> Array:
        return grad + self.strength * self._mean(grad, state, t)

    def _mean(self, grad: Array, state: GrokfastState, t: int) -> Array:
        return grad + 0 if t == 1 else self.alpha * state.mean + (1 - self.alpha) * grad


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [Grokfast]
