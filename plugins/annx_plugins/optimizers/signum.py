"""Optimizer: signum."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class SignumState(NamedTuple):
    """The state of Signum for each weight."""

    m: Array  # running mean of the gradient


@dataclass(frozen=True)
class Signum(WeightDecay, Optimizer):
    """Gradient descent by the sign of a running mean of the gradient.

        m ← momentum m + (1 - momentum) g
        θ ← θ - lr sign(m),  sign 0 = 0

    Choose it in place of `signsgd` where the gradients of single batches are noisy: a sign then comes from
    about 1 / (1 - momentum) of them. `lion` has one momentum for the step and a longer one to remember; with
    both equal it is this.

    Domain: lr > 0, momentum in [0, 1), weight_decay ≥ 0. momentum 0 is `signsgd`. Weight decay acts on θ
    itself, times lr (decay_mode "decoupled") or not ("independent"), or on the gradient ("coupled").

    Bernstein, Wang, Azizzadenesheli & Anandkumar, "signSGD: Compressed Optimisation for Non-Convex Problems",
    ICML 2018, algorithm 2. https://arxiv.org/abs/1802.04434
    """

    name: ClassVar[str] = "signum"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"momentum": 0.9, "decay_mode": "decoupled"},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-5, 0.03))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.99))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> SignumState:
        return SignumState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: SignumState, t: int) -> tuple[Array, SignumState]:
        grad = self.decay_gradient(weight, grad)
        m = self.momentum * state.m + (1 - self.momentum) * grad
        return self.decay_change(weight, -self.lr * np.sign(m)), SignumState(m)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Signum]
