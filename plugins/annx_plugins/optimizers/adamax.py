"""Optimizer: adamax."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AdamaxState(NamedTuple):
    """The state of Adamax for each weight."""

    m: Array  # first moment
    u: Array  # largest gradient so far, which fades


@dataclass(frozen=True)
class Adamax(WeightDecay, Optimizer):
    """Adam with the largest recent gradient in place of the root mean square.

        m ← beta1 m + (1 - beta1) g              m̂ = m / (1 - beta1ᵗ)
        u ← max(beta2 u, |g| + eps),  θ ← θ - lr m̂ / u             eps_mode "inside"
        u ← max(beta2 u, |g|),        θ ← θ - lr m̂ / (u + eps)     eps_mode "outside"

    t = 1, 2, ... counts the steps.

    Choose it where a few gradients are far larger than the rest: one of them divides the steps of its weight
    for about 1 / (1 - beta2) steps, and no step is longer than lr / (1 - beta1). Adam, which divides by the
    root of the mean square, takes longer steps soon after such a gradient.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0. Weight decay acts on the gradient
    (decay_mode "coupled", as in PyTorch) or on θ itself, times lr ("decoupled", as in Keras) or not
    ("independent").

    Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 2.
    https://arxiv.org/abs/1412.6980. It has no eps. PyTorch and optax add it inside the maximum, Keras and
    Flux outside.
    """

    name: ClassVar[str] = "adamax"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 2e-3, "beta1": 0.9, "beta2": 0.999},
        "torch": {
            "lr": 2e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "inside",
            "decay_mode": "coupled",
        },
        "keras": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-7,
            "eps_mode": "outside",
            "decay_mode": "decoupled",
        },
        "optax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_mode": "inside"},
        "flux": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_mode": "outside"},
    }

    lr: Hyper = hyper(2e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    eps_mode: str = hyper("inside", ("inside", "outside"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> AdamaxState:
        return AdamaxState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: AdamaxState, t: int) -> tuple[Array, AdamaxState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        if self.eps_mode == "inside":
            u = size = np.maximum(self.beta2 * state.u, np.abs(grad) + self.eps)
        else:
            u = np.maximum(self.beta2 * state.u, np.abs(grad))
            size = u + self.eps
        change = -(self.lr / (1 - self.beta1**t)) * m / size
        return self.decay_change(weight, change), AdamaxState(m, u)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Adamax]
