"""Optimizer: qhm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, linear, log


class QHMState(NamedTuple):
    """The state of QHM for each weight."""

    m: Array  # running mean of the gradient


@dataclass(frozen=True)
class QHM(WeightDecay, Optimizer):
    """Gradient descent by a mean of the present gradient and of momentum: quasi-hyperbolic momentum.

        m ← momentum m + (1 - momentum) g
        θ ← θ - lr ((1 - nu) g + nu m)

    The present gradient keeps the share 1 - nu however long the memory is, so it can be much longer than with
    `momentum`: the authors advise momentum = 0.999 with nu = 0.7 in place of 0.9. nu = 0 is gradient descent,
    nu = 1 momentum with a mean in place of a sum, whose lr is that of `momentum` divided by 1 - momentum;
    nu = momentum is Nesterov's momentum with that lr.

    Domain: lr > 0, momentum in [0, 1), nu in [0, 1], weight_decay ≥ 0. Weight decay acts on the gradient
    (decay_mode "coupled") or on θ itself.

    Ma & Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", ICLR 2019, section 3.
    https://arxiv.org/abs/1810.06801. As there, m starts at 0 without a correction.
    """

    name: ClassVar[str] = "qhm"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1.0, "momentum": 0.999, "nu": 0.7},
    }

    lr: Hyper = hyper(0.1, "(0, inf)", search=log(1e-3, 3.0))
    momentum: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.995, 0.999))
    nu: Hyper = hyper(0.7, "[0, 1]", search=linear(0.5, 1.0))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> QHMState:
        return QHMState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: QHMState, t: int) -> tuple[Array, QHMState]:
        grad = self.decay_gradient(weight, grad)
        m = self.momentum * state.m + (1 - self.momentum) * grad
        return self.decay_change(weight, -self.lr * ((1 - self.nu) * grad + self.nu * m)), QHMState(m)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [QHM]
