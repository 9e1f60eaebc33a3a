"""Optimizer: novograd."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log


class NovoGradState(NamedTuple):
    """The state of NovoGrad for each array."""

    m: Array  # momentum of the normalized gradients, shaped as the weight
    v: Array  # running mean of |g|², (T, 1, 1)


@dataclass(frozen=True)
class NovoGrad(Optimizer):
    """Momentum of gradients that are divided by the running size of their layer's gradient.

        v ← beta2 v + (1 - beta2) |g|²,  v = |g|² in the first step
        m ← beta1 m + g / (√v + eps) + weight_decay θ
        θ ← θ - lr m

    |·| is the norm of one weight matrix or bias.

    Choose it to save memory: it keeps one array where Adam keeps two, because v is one number per array.
    Unlike Adam it leaves the gradients of one array in proportion to each other. `lars` also scales by the
    norm of the weights, and divides by the newest gradient alone.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0. m is a sum, so with beta1 = 0.95
    steps are about 20 times as long as lr. The decay is not divided by √v, but it goes through m.

    Ginsburg, Castonguay, Hrinchuk, Kuchaiev, Lavrukhin, Leary, Li, Nguyen, Zhang & Cohen, "Stochastic
    Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks", 2019, algorithm 1.
    https://arxiv.org/abs/1905.11286. There beta2 is 0.98, in optax 0.25.
    """

    name: ClassVar[str] = "novograd"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 0.01, "beta1": 0.95, "beta2": 0.98, "eps": 1e-8},
        "optax": {"beta1": 0.9, "beta2": 0.25, "eps": 1e-6, "weight_decay": 0.0},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.95, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.98, "[0, 1)", search=choice(0.25, 0.9, 0.98))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))

    def init(self, weight: Array) -> NovoGradState:
        return NovoGradState(np.zeros_like(weight), np.zeros_like(weight[:, :1, :1]))

    def step(self, weight: Array, grad: Array, state: NovoGradState, t: int) -> tuple[Array, NovoGradState]:
        kept = self.beta2 * (t > 1)  # 0 in the first step
        # One long row per trial: the order of the sum then does not depend on the other trials.
        square = (grad * grad).reshape(len(grad), 1, -1).sum(axis=2, keepdims=True)
        v = kept * state.v + (1 - kept) * square
        m = self.beta1 * state.m + (grad / (np.sqrt(v) + self.eps) + self.weight_decay * weight)
        return -self.lr * m, NovoGradState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [NovoGrad]
