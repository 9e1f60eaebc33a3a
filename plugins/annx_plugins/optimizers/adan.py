"""Optimizer: adan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log


class AdanState(NamedTuple):
    """The state of Adan for each weight."""

    m: Array  # running mean of the gradient
    v: Array  # running mean of its change
    n: Array  # running mean of the square of the gradient that it expects next
    before: Array  # the gradient of the step before


@dataclass(frozen=True)
class Adan(Optimizer):
    """Adam with Nesterov's momentum, taken from how the gradient changes.

        d = gₜ - gₜ₋₁,  g₀ = g₁
        m ← beta1 m + (1 - beta1) g                        m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) d                        v̂ = v / (1 - beta2ᵗ)
        n ← beta3 n + (1 - beta3) (g + beta2 d)²           n̂ = n / (1 - beta3ᵗ)
        u = (m̂ + beta2 v̂) / (√n̂ + eps)
        θ ← (θ - lr u) / (1 + lr weight_decay)             decay_mode "proximal"
        θ ← θ - lr (u + weight_decay θ)                    decay_mode "decoupled"

    t = 1, 2, ... counts the steps.

    Choose it for large batches and large rates, where the difference of two gradients says more about the
    curvature than about noise. It keeps four arrays as large as the weights, where Adam keeps two. `nadam`
    looks ahead along its momentum and needs no gradient of the step before.

    Domain: lr > 0, beta1, beta2 and beta3 in [0, 1), eps > 0, weight_decay ≥ 0. beta2 = 0 is Adam.

    Xie, Zhou, Li, Lin & Yan, "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models",
    2022, algorithm 1. https://arxiv.org/abs/2208.06677. The paper's β are 1 minus those here and in the
    authors' code: 0.02, 0.08, 0.01. optax 0.2.8 has 1 - b2 in place of beta2 in u and n, which is another
    algorithm unless b2 is 0.5, so there is no preset for it.
    """

    name: ClassVar[str] = "adan"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 1e-3,
            "beta1": 0.98,
            "beta2": 0.92,
            "beta3": 0.99,
            "eps": 1e-8,
            "decay_mode": "proximal",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.98, "[0, 1)", search=choice(0.9, 0.96, 0.98))
    beta2: Hyper = hyper(0.92, "[0, 1)", search=choice(0.0, 0.5, 0.92))
    beta3: Hyper = hyper(0.99, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("proximal", ("proximal", "decoupled"))

    def init(self, weight: Array) -> AdanState:
        return AdanState(*(np.zeros_like(weight) for _ in range(4)))

    def step(self, weight: Array, grad: Array, state: AdanState, t: int) -> tuple[Array, AdanState]:
        # g₀ = g₁: the first step has no gradient before it.
        difference = np.where(t > 1, grad - state.before, 0.0)
        ahead = grad + self.beta2 * difference
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * difference
        n = self.beta3 * state.n + (1 - self.beta3) * (ahead * ahead)
        # As in adam.py, the correction of n is applied to lr and eps, one number per trial.
        root = (1 - self.beta3**t) ** 0.5
        direction = (root / (1 - self.beta1**t)) * m + (root * self.beta2 / (1 - self.beta2**t)) * v
        move = self.lr * direction / (np.sqrt(n) + self.eps * root)
        rate = self.lr * self.weight_decay
        change = -(move + rate * weight)
        if self.decay_mode == "proximal":
            change = change / (1 + rate)
        return change, AdanState(m, v, n, grad + 0)  # a copy, as the next gradient overwrites it


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Adan]
