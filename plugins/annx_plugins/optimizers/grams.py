"""Optimizer: grams."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class GramsState(NamedTuple):
    """The state of Grams for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred


@dataclass(frozen=True)
class Grams(WeightDecay, Optimizer):
    """Adam's step length in the direction of the present gradient.

        m ← beta1 m + (1 - beta1) g         m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) g²        v̂ = v / (1 - beta2ᵗ)
        θ ← θ - lr sign(g) |m̂| / (√v̂ + eps)

    t = 1, 2, ... counts the steps. Where Adam's step would go up the present gradient, `cautious` leaves it
    out and this one turns it around. Choose it to see what the sign of the momentum is worth; noise in the
    signs of the gradients is not averaged. sign(0) is 0, so a weight with a gradient of 0 stays.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0. Weight decay acts on θ itself
    (decay_mode "decoupled", "independent") or on the gradient ("coupled").

    Cao, Li & Song, "Grams: Gradient Descent with Adaptive Momentum Scaling", 2024.
    https://arxiv.org/abs/2412.17107
    """

    name: ClassVar[str] = "grams"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.0},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-6, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> GramsState:
        return GramsState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: GramsState, t: int) -> tuple[Array, GramsState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        # As in adam.py, the corrections are applied to lr and eps, one number per trial.
        root = (1 - self.beta2**t) ** 0.5
        lr = self.lr * root / (1 - self.beta1**t)
        change = -lr * np.sign(grad) * np.abs(m) / (np.sqrt(v) + self.eps * root)
        return self.decay_change(weight, change), GramsState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Grams]
