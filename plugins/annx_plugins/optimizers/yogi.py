"""Optimizer: yogi."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class YogiState(NamedTuple):
    """The state of Yogi for each weight."""

    m: Array  # first moment
    v: Array  # second moment, which moves by steps of the size of g²


@dataclass(frozen=True)
class Yogi(WeightDecay, Optimizer):
    """Adam whose second moment falls only slowly.

        m ← beta1 m + (1 - beta1) g
        v ← v - (1 - beta2) sign(v - g²) g²,  sign 0 = 0
        θ ← θ - lr m̂ / (√v̂ + eps)

    m and v start at `initial`. With `bias_correction` on, m̂ = m / (1 - beta1ᵗ) and v̂ = v / (1 - beta2ᵗ),
    else m̂ = m and v̂ = v; t = 1, 2, ... counts the steps.

    Choose it where gradients are sparse or become small for a while. Adam's v then falls by the factor beta2
    in every step, and its steps grow; Yogi's v falls by no more than (1 - beta2) g², so small gradients leave
    it where it was. `amsgrad` never lets it fall at all.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, initial ≥ 0, weight_decay ≥ 0. Weight decay acts on θ
    itself, times lr (decay_mode "decoupled") or not ("independent"), or on the gradient ("coupled").

    Zaheer, Reddi, Sachan, Kale & Kumar, "Adaptive Methods for Nonconvex Optimization", NeurIPS 2018,
    algorithm 2. https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization. It has no bias
    correction and starts at 0. In optax both moments start at 1e-6, with the correction.
    """

    name: ClassVar[str] = "yogi"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 0.01,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-3,
            "initial": 0.0,
            "bias_correction": False,
        },
        "optax": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-3, "initial": 1e-6, "bias_correction": True},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-8, 1e-2))
    initial: Hyper = hyper(0.0, "[0, inf)")
    bias_correction: bool = hyper(False, "bool")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> YogiState:
        start = np.zeros_like(weight) + self.initial
        return YogiState(start, start.copy())

    def step(self, weight: Array, grad: Array, state: YogiState, t: int) -> tuple[Array, YogiState]:
        grad = self.decay_gradient(weight, grad)
        square = grad * grad
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = state.v - (1 - self.beta2) * np.sign(state.v - square) * square
        c1 = c2 = 1.0
        if self.bias_correction:
            c1, c2 = 1 - self.beta1**t, 1 - self.beta2**t
        # As in adam.py, the corrections are applied to lr and eps, one number per trial.
        root = c2**0.5
        change = -(self.lr * root / c1) * m / (np.sqrt(v) + self.eps * root)
        return self.decay_change(weight, change), YogiState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Yogi]
