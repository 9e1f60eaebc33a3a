"""Optimizer: nesterov."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class NesterovState(NamedTuple):
    """The state of Nesterov for each weight."""

    v: Array  # velocity


@dataclass(frozen=True)
class Nesterov(WeightDecay, Optimizer):
    """Gradient descent with Nesterov's momentum: the gradient corrects the step that is about to be made.

        v ← momentum v - lr g,  θ ← θ + momentum v - lr g        form "velocity"
        v ← momentum v + g,     θ ← θ - lr (g + momentum v)      form "heavy_ball"

    The forms are equal if lr is constant. If a schedule changes lr, "velocity" keeps the size of earlier
    steps, and "heavy_ball" scales them by the new lr.

    Domain: lr > 0, momentum in [0, 1), weight_decay ≥ 0. Weight decay acts on the gradient (decay_mode
    "coupled", as in PyTorch) or on θ itself, times lr ("decoupled", as in Keras) or not ("independent").

    Nesterov, "A method for solving the convex programming problem with convergence rate O(1/k²)", Soviet
    Mathematics Doklady 27 (1983), 372-376, as rewritten by Sutskever, Martens, Dahl & Hinton, "On the
    importance of initialization and momentum in deep learning", ICML 2013, equations 3 and 4.
    https://proceedings.mlr.press/v28/sutskever13.html. They take the gradient ahead, at θ + momentum v.
    Here, as in all libraries, θ is that point: the path is the same, with other names. Keras and Flux are
    "velocity", PyTorch and optax "heavy_ball", which is `sgd` with nesterov on.
    """

    name: ClassVar[str] = "nesterov"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"momentum": 0.9, "form": "velocity"},
        "torch": {"lr": 1e-3, "momentum": 0.9, "form": "heavy_ball", "decay_mode": "coupled"},
        "keras": {"lr": 0.01, "momentum": 0.9, "form": "velocity", "decay_mode": "decoupled"},
        "optax": {"momentum": 0.9, "form": "heavy_ball"},
        "flux": {"lr": 1e-3, "momentum": 0.9, "form": "velocity"},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-4, 0.1))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95, 0.99))
    form: str = hyper("velocity", ("velocity", "heavy_ball"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> NesterovState:
        return NesterovState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: NesterovState, t: int) -> tuple[Array, NesterovState]:
        grad = self.decay_gradient(weight, grad)
        if self.form == "velocity":
            step = self.lr * grad
            v = self.momentum * state.v - step
            change = self.momentum * v - step
        else:
            v = self.momentum * state.v + grad
            change = -self.lr * (grad + self.momentum * v)
        return self.decay_change(weight, change), NesterovState(v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Nesterov]
