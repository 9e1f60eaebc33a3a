"""Optimizer: rmsprop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log


class RMSpropState(NamedTuple):
    """The state of RMSprop for each weight."""

    square: Array  # running mean of g²
    mean: Array  # running mean of g; stays 0 unless centered


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradient descent with each gradient divided by the running root mean square of its past.

        E ← rho E + (1 - rho) g²
        θ ← θ - lr g / (√E + eps)       eps_mode "outside"
        θ ← θ - lr g / √(E + eps)       eps_mode "inside"

    With `centered` on, E - M² with M ← rho M + (1 - rho) g takes the place of E in the last two lines: the
    variance instead of the second moment. Rounding could make it negative; then it counts as 0.

    Domain: lr > 0, rho in [0, 1), eps > 0.

    Tieleman & Hinton, "Lecture 6.5 - rmsprop", COURSERA: Neural Networks for Machine Learning (2012):
    rho = 0.9; eps is not mentioned. https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf.
    Centered: Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations 38-41.
    https://arxiv.org/abs/1308.0850. PyTorch has rho = 0.99; the seed document, Keras and optax add eps
    inside the root.
    """

    name: ClassVar[str] = "rmsprop"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"lr": 1e-3, "rho": 0.9, "eps": 1e-8, "eps_mode": "inside", "centered": False},
        "paper": {"lr": 1e-3, "rho": 0.9, "eps": 1e-8, "eps_mode": "outside", "centered": False},
        "torch": {"lr": 0.01, "rho": 0.99, "eps": 1e-8, "eps_mode": "outside", "centered": False},
        "keras": {"lr": 1e-3, "rho": 0.9, "eps": 1e-7, "eps_mode": "inside", "centered": False},
        "optax": {"rho": 0.9, "eps": 1e-8, "eps_mode": "inside", "centered": False},
        "flux": {"lr": 1e-3, "rho": 0.9, "eps": 1e-8, "eps_mode": "outside", "centered": False},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    rho: Hyper = hyper(0.9, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    eps_mode: str = hyper("outside", ("outside", "inside"))
    centered: bool = hyper(False, "bool")

    def init(self, weight: Array) -> RMSpropState:
        return RMSpropState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: RMSpropState, t: int) -> tuple[Array, RMSpropState]:
        square = self.rho * state.square + (1 - self.rho) * (grad * grad)
        mean, spread = state.mean, square
        if self.centered:
            mean = self.rho * mean + (1 - self.rho) * grad
            spread = np.maximum(square - mean * mean, 0)
        size = np.sqrt(spread + self.eps) if self.eps_mode == "inside" else np.sqrt(spread) + self.eps
        return -self.lr * grad / size, RMSpropState(square, mean)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [RMSprop]
