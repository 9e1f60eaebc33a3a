"""Optimizer: optimistic_adam."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log


class OptimisticAdamState(NamedTuple):
    """The state of optimistic Adam for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred
    before: Array  # Adam's direction in the step before


@dataclass(frozen=True)
class OptimisticAdam(Optimizer):
    """Adam that expects its direction to change once more as it just did.

        m ← beta1 m + (1 - beta1) g         m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) g²        v̂ = v / (1 - beta2ᵗ)
        uₜ = m̂ / (√v̂ + eps),  u₀ = u₁
        θ ← θ - lr ((alpha + beta) uₜ - beta uₜ₋₁)

    t = 1, 2, ... counts the steps. With nesterov on, m̂ = beta1 m / (1 - beta1ᵗ⁺¹) + (1 - beta1) g /
    (1 - beta1ᵗ), as in `nadam`.

    Choose it for games such as a GAN's, where g is no gradient of one function and Adam circles around the
    equilibrium. `optimistic` is the same for plain gradient descent. On an ordinary loss it gains nothing.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, alpha > 0, beta ≥ 0. beta = 0 is Adam with rate
    alpha lr.

    Daskalakis, Ilyas, Syrgkanis & Zeng, "Training GANs with Optimism", ICLR 2018, algorithm 1.
    https://arxiv.org/abs/1711.00141. It has alpha = beta = 1 and no eps in the proof. optax's
    optimistic_adam_v2 has nesterov on by default.
    """

    name: ClassVar[str] = "optimistic_adam"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "alpha": 1.0, "beta": 1.0, "nesterov": False},
        "optax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "alpha": 1.0, "beta": 1.0, "nesterov": True},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    alpha: Hyper = hyper(1.0, "(0, inf)")
    beta: Hyper = hyper(1.0, "[0, inf)")
    nesterov: bool = hyper(False, "bool")

    def init(self, weight: Array) -> OptimisticAdamState:
        return OptimisticAdamState(*(np.zeros_like(weight) for _ in range(3)))

    def step(
        self, weight: Array, grad: Array, state: OptimisticAdamState, t: int
    ) -> tuple[Array, OptimisticAdamState]:
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        # As in adam.py, the correction of v is applied to the numerator and eps, one number per trial.
        root = (1 - self.beta2**t) ** 0.5
        c1 = 1 - self.beta1**t
        if self.nesterov:
            coming = root * self.beta1 / (1 - self.beta1 ** (t + 1))
            mean = coming * m + (root * (1 - self.beta1) / c1) * grad
        else:
            mean = (root / c1) * m
        direction = mean / (np.sqrt(v) + self.eps * root)
        beta = self.beta * (t > 1)  # the first step has no direction before it, which u₀ = u₁ stands for
        expected = (self.alpha + beta) * direction - beta * state.before
        return -self.lr * expected, OptimisticAdamState(m, v, direction)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [OptimisticAdam]
