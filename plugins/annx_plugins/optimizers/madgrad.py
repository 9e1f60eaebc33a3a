"""Optimizer: madgrad."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class MADGRADState(NamedTuple):
    """The state of MADGRAD for each weight."""

    start: Array  # θ before the first step
    s: Array  # weighted sum of gradients
    v: Array  # weighted sum of their squares


@dataclass(frozen=True)
class MADGRAD(WeightDecay, Optimizer):
    """Dual averaging with momentum: a step away from the start, by the sum of all gradients so far.

        λ = (lr + eps) √t
        s ← s + λ g
        v ← v + λ g²
        z = θ₀ - s / (∛v + eps)
        θ ← momentum θ + (1 - momentum) z

    t = 1, 2, ... counts the steps.

    Choose it where AdaGrad's rates fall too fast and Adam generalizes badly, as the authors report for
    images. Later gradients weigh more, as √t, and the cube root divides less than a square root, so steps do
    not die out. `adagrad` adds each step to θ; here the whole sum is divided anew by the newest v.

    Domain: lr > 0, momentum in [0, 1), eps > 0, weight_decay ≥ 0. Weight decay acts on the gradient
    (decay_mode "coupled") or on θ itself, times lr ("decoupled") or not ("independent"). As θ is drawn back
    to z, a decay of θ itself does not add up.

    Defazio & Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method
    for Stochastic Optimization", JMLR 23 (2022), 1-34, algorithm 1. https://arxiv.org/abs/2101.11075. eps
    beside lr is from the authors' code, as in optax.
    """

    name: ClassVar[str] = "madgrad"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 0.01, "momentum": 0.9, "eps": 1e-6},
        "optax": {"momentum": 0.9, "eps": 1e-6, "weight_decay": 0.0, "decay_mode": "coupled"},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-4, 0.1))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    eps: Hyper = hyper(1e-6, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> MADGRADState:
        return MADGRADState(weight.copy(), np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: MADGRADState, t: int) -> tuple[Array, MADGRADState]:
        grad = self.decay_gradient(weight, grad)
        share = (self.lr + self.eps) * t**0.5
        s = state.s + share * grad
        v = state.v + share * (grad * grad)
        z = state.start - s / (np.cbrt(v) + self.eps)
        change = (1 - self.momentum) * (z - weight)
        return self.decay_change(weight, change), MADGRADState(state.start, s, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [MADGRAD]
