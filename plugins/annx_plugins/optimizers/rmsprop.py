"""Optimizer: rmsprop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class RMSpropState(NamedTuple):
    """The state of RMSprop for each weight."""

    square: Array  # running mean of g²
    mean: Array  # running mean of g; stays 0 unless centered
    velocity: Array  # stays 0 without momentum


@dataclass(frozen=True)
class RMSprop(WeightDecay, Optimizer):
    """Gradient descent with each gradient divided by the running root mean square of its past.

        E ← rho E + (1 - rho) g²,  E = initial before the first step
        θ ← θ - lr g / (√E + eps)       eps_mode "outside"
        θ ← θ - lr g / √(E + eps)       eps_mode "inside"

    With momentum, u = g / (√E + eps), or g / √(E + eps), goes through a velocity as in `momentum`:

        v ← momentum v + lr u,  θ ← θ - v        form "velocity"
        v ← momentum v + u,     θ ← θ - lr v     form "heavy_ball"

    With `centered` on, E - M² with M ← rho M + (1 - rho) g takes the place of E in the last two lines: the
    variance instead of the second moment. Rounding could make it negative; then it counts as 0.

    Domain: lr > 0, rho in [0, 1), eps > 0, initial ≥ 0, momentum in [0, 1), weight_decay ≥ 0. Weight decay
    acts on the gradient (decay_mode "coupled", as in PyTorch) or on θ itself, times lr ("decoupled", as in
    Keras) or not ("independent").

    Tieleman & Hinton, "Lecture 6.5 - rmsprop", COURSERA: Neural Networks for Machine Learning (2012):
    rho = 0.9; eps is not mentioned. https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf.
    Centered: Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations 38-41.
    https://arxiv.org/abs/1308.0850. PyTorch has rho = 0.99 and "heavy_ball"; Keras and optax have
    "velocity", as Graves has. The seed document, Keras and optax add eps inside the root.
    """

    name: ClassVar[str] = "rmsprop"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"lr": 1e-3, "rho": 0.9, "eps": 1e-8, "eps_mode": "inside", "centered": False},
        "paper": {"lr": 1e-3, "rho": 0.9, "eps": 1e-8, "eps_mode": "outside", "centered": False},
        "torch": {
            "lr": 0.01,
            "rho": 0.99,
            "eps": 1e-8,
            "eps_mode": "outside",
            "centered": False,
            "form": "heavy_ball",
            "decay_mode": "coupled",
        },
        "keras": {
            "lr": 1e-3,
            "rho": 0.9,
            "eps": 1e-7,
            "eps_mode": "inside",
            "centered": False,
            "form": "velocity",
            "decay_mode": "decoupled",
        },
        "optax": {"rho": 0.9, "eps": 1e-8, "eps_mode": "inside", "centered": False, "form": "velocity"},
        "flux": {"lr": 1e-3, "rho": 0.9, "eps": 1e-8, "eps_mode": "outside", "centered": False},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    rho: Hyper = hyper(0.9, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    eps_mode: str = hyper("outside", ("outside", "inside"))
    centered: bool = hyper(False, "bool")
    initial: Hyper = hyper(0.0, "[0, inf)")
    momentum: Hyper = hyper(0.0, "[0, 1)")
    form: str = hyper("velocity", ("velocity", "heavy_ball"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    _moves_on: ClassVar[bool]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_moves_on", bool(np.any(self.momentum)))  # once for all steps

    def init(self, weight: Array) -> RMSpropState:
        zeros = np.zeros_like(weight)
        return RMSpropState(zeros + self.initial, zeros, zeros.copy())

    def step(self, weight: Array, grad: Array, state: RMSpropState, t: int) -> tuple[Array, RMSpropState]:
        grad = self.decay_gradient(weight, grad)
        square = self.rho * state.square + (1 - self.rho) * (grad * grad)
        mean, spread = state.mean, square
        if self.centered:
            mean = self.rho * mean + (1 - self.rho) * grad
            spread = np.maximum(square - mean * mean, 0)
        size = np.sqrt(spread + self.eps) if self.eps_mode == "inside" else np.sqrt(spread) + self.eps
        change, velocity = -self.lr * grad / size, state.velocity
        if self._moves_on:
            inside, outside = (self.lr, 1) if self.form == "velocity" else (1, self.lr)
            v = self.momentum * velocity + inside * grad / size
            # Beside others, a trial without momentum must give the same numbers as alone.
            moves_on = self.momentum > 0
            change, velocity = np.where(moves_on, -outside * v, change), np.where(moves_on, v, velocity)
        return self.decay_change(weight, change), RMSpropState(square, mean, velocity)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [RMSprop]
