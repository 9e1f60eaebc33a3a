"""Optimizer: adopt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class ADOPTState(NamedTuple):
    """The state of ADOPT for each weight."""

    m: Array  # running mean of the divided gradients
    v: Array  # second moment, uncentred, without the newest gradient


@dataclass(frozen=True)
class ADOPT(WeightDecay, Optimizer):
    """Adam that divides each gradient by the size of those before it, and averages only then.

        v ← g²                                             the first step, which leaves θ as it is
        u = g / max(√v, eps), limited to [-c, c]           c = (t - 1)^¼, no limit with clip off
        m ← beta1 m + (1 - beta1) u
        θ ← θ - lr m,  then  v ← beta2 v + (1 - beta2) g²

    t = 1, 2, ... counts the steps.

    Choose it where Adam with the usual beta2 does not settle, as with rare large gradients, and one does not
    want to tune beta2: it converges with any. The newest gradient is not part of the v that divides it, as in
    Adam, where a large one shortens its own step. The limit c protects the first steps.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0. Weight decay acts on θ itself,
    times lr (decay_mode "decoupled", also in the first step) or not ("independent"), or on the gradient
    ("coupled").

    Taniguchi, Harada, Minegishi, Oshima, Jeong, Nagahara, Iiyama, Suzuki, Iwasawa & Matsuo, "ADOPT: Modified
    Adam Can Converge with Any β₂ with the Optimal Rate", NeurIPS 2024, algorithm 2, with the limit that its
    authors advise. https://arxiv.org/abs/2411.02853
    """

    name: ClassVar[str] = "adopt"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.9999, "eps": 1e-6, "clip": True},
        "optax": {"beta1": 0.9, "beta2": 0.9999, "eps": 1e-6, "clip": True},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.9999, "[0, 1)", search=choice(0.9, 0.99, 0.999, 0.9999))
    eps: Hyper = hyper(1e-6, "(0, inf)")
    clip: bool = hyper(True, "bool")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> ADOPTState:
        return ADOPTState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: ADOPTState, t: int) -> tuple[Array, ADOPTState]:
        grad = self.decay_gradient(weight, grad)
        divided = grad / np.maximum(np.sqrt(state.v), self.eps)
        if self.clip:
            limit = (t - 1) ** 0.25
            divided = np.minimum(np.maximum(divided, -limit), limit)
        m = self.beta1 * state.m + (1 - self.beta1) * np.where(t > 1, divided, 0.0)
        kept = self.beta2 * (t > 1)  # 0 in the first step
        v = kept * state.v + (1 - kept) * (grad * grad)
        return self.decay_change(weight, -self.lr * m), ADOPTState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [ADOPT]
