"""Optimizer: qhadam."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, linear, log


class QHAdamState(NamedTuple):
    """The state of QHAdam for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred


@dataclass(frozen=True)
class QHAdam(WeightDecay, Optimizer):
    """Adam whose moments are averaged with the present gradient and its square: quasi-hyperbolic Adam.

        m ← beta1 m + (1 - beta1) g         m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) g²        v̂ = v / (1 - beta2ᵗ)
        θ ← θ - lr ((1 - nu1) g + nu1 m̂) / (√((1 - nu2) g² + nu2 v̂) + eps)

    t = 1, 2, ... counts the steps. A long memory (a large beta1) then costs no reaction to the present
    gradient, which has at least the share 1 - nu1. Choose it in place of Adam where a large beta1 helps but
    overshoots. nu1 = nu2 = 1 is Adam, nu1 = 0 RMSprop with bias correction.

    Domain: lr > 0, beta1 and beta2 in [0, 1), nu1 and nu2 in [0, 1], eps > 0, weight_decay ≥ 0. Weight decay
    acts on the gradient (decay_mode "coupled") or on θ itself.

    Ma & Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", ICLR 2019, section 5.
    https://arxiv.org/abs/1810.06801. The defaults are those that the authors advise in place of Adam's; their
    code starts from nu1 = nu2 = 1 and beta1 = 0.9.
    """

    name: ClassVar[str] = "qhadam"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1e-3, "beta1": 0.995, "beta2": 0.999, "nu1": 0.7, "nu2": 1.0, "eps": 1e-8},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.995, "[0, 1)", search=choice(0.9, 0.95, 0.99, 0.995))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    nu1: Hyper = hyper(0.7, "[0, 1]", search=linear(0.5, 1.0))
    nu2: Hyper = hyper(1.0, "[0, 1]")
    eps: Hyper = hyper(1e-8, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> QHAdamState:
        return QHAdamState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: QHAdamState, t: int) -> tuple[Array, QHAdamState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        direction = (1 - self.nu1) * grad + self.nu1 / (1 - self.beta1**t) * m
        # From the left: with nu2 = 1 a square that overflows must not count, as 0 times infinity is NaN.
        square = (1 - self.nu2) * grad * grad
        size = np.sqrt(square + self.nu2 / (1 - self.beta2**t) * v) + self.eps
        return self.decay_change(weight, -self.lr * direction / size), QHAdamState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [QHAdam]
