"""Optimizer: adagrad."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, hookimpl, hyper, log


class AdaGradState(NamedTuple):
    """The state of AdaGrad for each weight."""

    G: Array  # sum of squared gradients


@dataclass(frozen=True)
class AdaGrad(WeightDecay, Optimizer):
    """Adaptive gradient: the steps of each weight shrink with the sum of its squared gradients.

        G ← G + g²,  G = initial before the first step
        θ ← θ - r g / (√G + eps)        eps_mode "outside"
        θ ← θ - r g / √(G + eps)        eps_mode "inside"
        r = lr / (1 + lr_decay (t - 1))

    t = 1, 2, ... counts the steps.

    Choose it for sparse features, whose rare gradients keep a large rate. Rates only fall, so long trainings
    come to a stop; `rmsprop` and `adam` forget old gradients.

    Domain: lr > 0, eps > 0, initial ≥ 0, lr_decay ≥ 0, weight_decay ≥ 0. Weight decay acts on the gradient
    (decay_mode "coupled", as in PyTorch) or on θ itself, times lr ("decoupled", as in Keras) or not
    ("independent"). The factor lr / √G never grows; it shrinks less where gradients
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
        "torch": {
            "lr": 0.01,
            "eps": 1e-10,
            "eps_mode": "outside",
            "initial": 0.0,
            "lr_decay": 0.0,
            "decay_mode": "coupled",
        },
        "keras": {
            "lr": 1e-3,
            "eps": 1e-7,
            "eps_mode": "inside",
            "initial": 0.1,
            "decay_mode": "decoupled",
        },
        "optax": {"eps": 1e-7, "eps_mode": "inside", "initial": 0.1},
        "flux": {"lr": 0.1, "eps": 1e-8, "eps_mode": "outside", "initial": 1e-8},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))
    eps: Hyper = hyper(1e-10, "(0, inf)")
    eps_mode: str = hyper("outside", ("outside", "inside"))
    initial: Hyper = hyper(0.0, "[0, inf)")
    lr_decay: Hyper = hyper(0.0, "[0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> AdaGradState:
        return AdaGradState(np.zeros_like(weight) + self.initial)

    def step(self, weight: Array, grad: Array, state: AdaGradState, t: int) -> tuple[Array, AdaGradState]:
        grad = self.decay_gradient(weight, grad)
        G = state.G + grad * grad
        size = np.sqrt(G + self.eps) if self.eps_mode == "inside" else np.sqrt(G) + self.eps
        rate = self.lr / (1 + self.lr_decay * (t - 1))
        return self.decay_change(weight, -rate * grad / size), AdaGradState(G)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AdaGrad]
