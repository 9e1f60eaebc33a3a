"""Optimizer: adadelta."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AdaDeltaState(NamedTuple):
    """The state of AdaDelta for each weight."""

    square: Array  # running mean of g²
    moved: Array  # running mean of the squares of earlier steps, before lr


@dataclass(frozen=True)
class AdaDelta(WeightDecay, Optimizer):
    """RMSprop whose learning rate is the root mean square of its own earlier steps.

        E ← rho E + (1 - rho) g²
        Δ = √(D + eps) / √(E + eps) g
        D ← rho D + (1 - rho) Δ²
        θ ← θ - lr Δ

    E and D start at 0.

    Choose it where no learning rate is known: steps have the unit of θ, so lr = 1 needs no tuning in
    principle. The first steps have a length of about √eps and grow only slowly, so eps is what one tunes.
    `rmsprop` divides by the same √E and leaves the length to lr.

    Domain: lr > 0, rho in [0, 1), eps > 0, weight_decay ≥ 0. Weight decay acts on the gradient (decay_mode
    "coupled", as in PyTorch) or on θ itself, times lr ("decoupled", as in Keras) or not ("independent").

    Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1. https://arxiv.org/abs/1212.5701.
    It has no lr, which is 1, rho = 0.95 and eps = 1e-6. PyTorch and optax have rho = 0.9. Keras has an lr of
    1e-3, with which θ hardly moves; its preset leaves lr at 1.
    """

    name: ClassVar[str] = "adadelta"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1.0, "rho": 0.95, "eps": 1e-6},
        "torch": {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "decay_mode": "coupled"},
        "keras": {"rho": 0.95, "eps": 1e-7, "decay_mode": "decoupled"},
        "optax": {"rho": 0.9, "eps": 1e-6},
        "flux": {"lr": 1.0, "rho": 0.9, "eps": 1e-8},
    }

    lr: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))
    rho: Hyper = hyper(0.95, "[0, 1)", search=choice(0.9, 0.95, 0.99))
    eps: Hyper = hyper(1e-6, "(0, inf)", search=log(1e-8, 1e-2))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> AdaDeltaState:
        return AdaDeltaState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: AdaDeltaState, t: int) -> tuple[Array, AdaDeltaState]:
        grad = self.decay_gradient(weight, grad)
        square = self.rho * state.square + (1 - self.rho) * (grad * grad)
        move = np.sqrt(state.moved + self.eps) / np.sqrt(square + self.eps) * grad
        moved = self.rho * state.moved + (1 - self.rho) * (move * move)
        return self.decay_change(weight, -self.lr * move), AdaDeltaState(square, moved)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AdaDelta]
