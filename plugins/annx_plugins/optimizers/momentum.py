"""Optimizer: momentum."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class MomentumState(NamedTuple):
    """The state of Momentum for each weight."""

    v: Array  # velocity


@dataclass(frozen=True)
class Momentum(WeightDecay, Optimizer):
    """Gradient descent with classical momentum.

        v ← momentum v - lr d g,  θ ← θ + v        form "velocity"
        v ← momentum v + d g,     θ ← θ - lr v     form "heavy_ball"
        d = 1 in the first step, then 1 - dampening

    The forms are equal if lr is constant. If a schedule changes lr, "velocity" keeps the size of earlier
    steps, and "heavy_ball" scales them by the new lr.

    With dampening = momentum v is the running mean of the gradient, not a sum, so lr keeps its meaning when
    momentum is tuned; the first gradient then has a large share.

    Choose it where valleys are long and narrow; it is the plain optimizer to compare with. `nesterov` looks
    ahead and overshoots less, `adam` also scales each weight.

    Domain: lr > 0, momentum in [0, 1), dampening in [0, 1], weight_decay ≥ 0. Weight decay acts on the
    gradient (decay_mode "coupled", as in PyTorch) or on θ itself, times lr ("decoupled", as in Keras) or not
    ("independent").

    Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational
    Mathematics and Mathematical Physics 4 (1964), 1-17. https://doi.org/10.1016/0041-5553(64)90137-5;
    v is the last step there, so it is "velocity", as are the seed document, Keras and Flux. PyTorch and
    optax are "heavy_ball". The dampening is PyTorch's, which leaves it out if momentum is 0.
    """

    name: ClassVar[str] = "momentum"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"momentum": 0.9, "form": "velocity"},
        "paper": {"momentum": 0.9, "form": "velocity"},
        "torch": {
            "lr": 1e-3,
            "momentum": 0.9,
            "form": "heavy_ball",
            "dampening": 0.0,
            "decay_mode": "coupled",
        },
        "keras": {"lr": 0.01, "momentum": 0.9, "form": "velocity", "decay_mode": "decoupled"},
        "optax": {"momentum": 0.9, "form": "heavy_ball"},
        "flux": {"lr": 0.01, "momentum": 0.9, "form": "velocity"},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-4, 0.1))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95, 0.99))
    form: str = hyper("velocity", ("velocity", "heavy_ball"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)
    dampening: Hyper = hyper(0.0, "[0, 1]")

    _damped: ClassVar[bool]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_damped", bool(np.any(self.dampening)))  # once for all steps

    def init(self, weight: Array) -> MomentumState:
        return MomentumState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: MomentumState, t: int) -> tuple[Array, MomentumState]:
        grad = self.decay_gradient(weight, grad)
        if self._damped:
            grad = grad * (1 - self.dampening * (t > 1))
        if self.form == "velocity":
            v = self.momentum * state.v - self.lr * grad
            return self.decay_change(weight, v), MomentumState(v)
        v = self.momentum * state.v + grad
        return self.decay_change(weight, -self.lr * v), MomentumState(v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Momentum]
