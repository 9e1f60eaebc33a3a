"""Optimizer: signsgd."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, hookimpl, hyper, log


@dataclass(frozen=True)
class SignSGD(WeightDecay, Optimizer):
    """Gradient descent by the sign alone: every weight moves by lr, independent of the size of its gradient.

        θ ← θ - lr sign(g),  sign 0 = 0

    Choose it to see what of Adam is the sign: with beta1 = beta2 = 0 and a negligible eps Adam is this. It
    keeps no state, and a gradient costs one bit to send. Near a minimum it jumps by lr to and fro, so it
    needs a schedule; `signum` takes the sign of a running mean.

    Domain: lr > 0, weight_decay ≥ 0. Weight decay acts on θ itself, times lr (decay_mode "decoupled") or not
    ("independent"), or on the gradient ("coupled"), where only its sign is left of it.

    Bernstein, Wang, Azizzadenesheli & Anandkumar, "signSGD: Compressed Optimisation for Non-Convex Problems",
    ICML 2018, algorithm 1. https://arxiv.org/abs/1802.04434
    """

    name: ClassVar[str] = "signsgd"

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-5, 0.03))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> tuple[()]:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        direction = np.sign(self.decay_gradient(weight, grad))
        return self.decay_change(weight, -self.lr * direction), state


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [SignSGD]
