"""Optimizer: adagrad."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, hookimpl, hyper, log


class AdaGradState(NamedTuple):
    """The state of AdaGrad for each weight."""

    G: Array  # sum of squared gradients


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """Adaptive gradient: the steps of each weight shrink with the sum of its squared gradients.

        G ← G + g²,  G = initial before the first step
        θ ← θ - lr g / (√G + eps)       eps_mode "outside"
        θ ← θ - lr g / √(G + eps)       eps_mode "inside"

    Domain: lr > 0, eps > 0, initial ≥ 0. The factor lr / √G never grows; it shrinks less where gradients
    are small. (The seed document says that it grows there.)

    Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", JMLR 12 (2011), 2121-2159, figure 1, with the diagonal matrix.
    https://jmlr.org/papers/v12/duchi11a.html. It adds its δ (eps) outside the root, as PyTorch and Flux
    do; the seed document, Keras and optax add it inside. Keras and optax start G at 0.1, which makes the
    first steps smaller if g² is much smaller; Flux starts it at eps.
    """

    name: ClassVar[str] = "adagrad"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"lr": 0.01, "eps": 1e-8, "eps_mode": "inside", "initial": 0.0},
        "paper": {"lr": 0.01, "eps": 1e-10, "eps_mode": "outside", "initial": 0.0},
        "torch": {"lr": 0.01, "eps": 1e-10, "eps_mode": "outside", "initial": 0.0},
        "keras": {"lr": 1e-3, "eps": 1e-7, "eps_mode": "inside", "initial": 0.1},
        "optax": {"eps": 1e-7, "eps_mode": "inside", "initial": 0.1},
        "flux": {"lr": 0.1, "eps": 1e-8, "eps_mode": "outside", "initial": 1e-8},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))
    eps: Hyper = hyper(1e-10, "(0, inf)")
    eps_mode: str = hyper("outside", ("outside", "inside"))
    initial: Hyper = hyper(0.0, "[0, inf)")

    def init(self, weight: Array) -> AdaGradState:
        return AdaGradState(np.zeros_like(weight) + self.initial)

    def step(self, weight: Array, grad: Array, state: AdaGradState, t: int) -> tuple[Array, AdaGradState]:
        G = state.G + grad * grad
        size = np.sqrt(G + self.eps) if self.eps_mode == "inside" else np.sqrt(G) + self.eps
        return -self.lr * grad / size, AdaGradState(G)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AdaGrad]
