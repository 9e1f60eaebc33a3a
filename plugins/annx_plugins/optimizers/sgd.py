"""Optimizer: sgd."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, hookimpl, hyper, log


class SGDState(NamedTuple):
    """The state of SGD for each weight."""

    v: Array  # running sum of gradients


@dataclass(frozen=True)
class SGD(WeightDecay, Optimizer):
    """Stochastic gradient descent, with PyTorch's momentum.

        v ← momentum v + g
        θ ← θ - lr v                          nesterov off
        θ ← θ - lr (g + momentum v)           nesterov on

    With momentum 0, the default, this is θ ← θ - lr g.

    Domain: lr > 0, momentum in [0, 1), nesterov true or false, weight_decay ≥ 0. Weight decay acts on the
    gradient (decay_mode "coupled", as in PyTorch) or on θ itself, times lr ("decoupled", as in Keras) or
    not ("independent").

    Robbins & Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics 22 (1951),
    400-407. https://doi.org/10.1214/aoms/1177729586. Momentum as in Sutskever, Martens, Dahl & Hinton,
    "On the importance of initialization and momentum in deep learning", ICML 2013, but with lr outside
    the velocity, as in PyTorch and optax; `momentum` also offers it inside.
    """

    name: ClassVar[str] = "sgd"
    companion: ClassVar[Mapping[str, Any]] = {}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"lr": 0.01, "momentum": 0.0, "nesterov": False},
        "paper": {"lr": 0.01, "momentum": 0.0, "nesterov": False},
        "torch": {"lr": 1e-3, "momentum": 0.0, "nesterov": False, "decay_mode": "coupled"},
        "keras": {"lr": 0.01, "momentum": 0.0, "nesterov": False, "decay_mode": "decoupled"},
        "optax": {"momentum": 0.0, "nesterov": False},
        "flux": {"lr": 0.1, "momentum": 0.0, "nesterov": False},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))
    momentum: Hyper = hyper(0.0, "[0, 1)")
    nesterov: bool = hyper(False, "bool")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> SGDState:
        return SGDState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: SGDState, t: int) -> tuple[Array, SGDState]:
        grad = self.decay_gradient(weight, grad)
        v = self.momentum * state.v + grad
        direction = grad + self.momentum * v if self.nesterov else v
        return self.decay_change(weight, -self.lr * direction), SGDState(v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [SGD]
