"""Optimizer: nag."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class NAGState(NamedTuple):
    """The state of NAG for each weight."""

    ahead: Array  # from θ to where the next gradient is taken: momentum v


@dataclass(frozen=True)
class NAG(WeightDecay, Optimizer):
    """Nesterov's accelerated gradient as Sutskever writes it: the gradient is taken ahead of θ.

        v ← μₜ v - lr ∇L(θ + μₜ v)
        θ ← θ + v
        μₜ = momentum                                               momentum_form "constant"
        μₜ = min(1 - 1 / (2 ⌊t / 250⌋ + 2), momentum)               momentum_form "rising"

    t = 1, 2, ... counts the steps. Losses and metrics are those of θ; θ + μₜ v is where training stands.

    Choose it to reproduce the paper, or where one wants the value at θ: `nesterov` makes the same steps for a
    constant momentum, but reports the point ahead, as all libraries do. With "rising", a momentum of 0.99 or
    0.999 does no harm in the first steps.

    Domain: lr > 0, momentum in [0, 1), weight_decay ≥ 0. Weight decay acts on the gradient (decay_mode
    "coupled") or on the point ahead, times lr ("decoupled") or not ("independent").

    Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and momentum in deep learning",
    ICML 2013, equations 3 to 5. https://proceedings.mlr.press/v28/sutskever13.html
    """

    name: ClassVar[str] = "nag"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"momentum": 0.99, "momentum_form": "rising"},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-4, 0.1))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95, 0.99))
    momentum_form: str = hyper("constant", ("constant", "rising"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> NAGState:
        return NAGState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: NAGState, t: int) -> tuple[Array, NAGState]:
        # θ ahead is θ + v + μ v - (θ + μ v before) = μ v - lr g from one step to the next.
        move = self.lr * self.decay_gradient(weight, grad)
        ahead = self._momentum(t + 1) * (state.ahead - move)
        return self.decay_change(weight, ahead - move), NAGState(ahead)

    def evaluated(self, weight: Array, state: NAGState) -> Array:
        return weight - state.ahead

    def _momentum(self, t: int) -> Hyper:
        if self.momentum_form == "constant":
            return self.momentum
        return np.minimum(self.momentum, 1 - 0.5 / (t // 250 + 1))


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [NAG]
