"""Optimizer: d_adaptation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class DAdaptationState(NamedTuple):
    """The state of D-Adaptation."""

    m: Array  # first moment of η g
    v: Array  # second moment of g, uncentred
    s: Array  # running mean of η g with the memory of v
    r: Array  # running mean of η ⟨g, s / (√v + eps)⟩, (T, 1, 1)
    d: Array  # estimate of the distance to a solution, (T, 1, 1)


@dataclass(frozen=True)
class DAdaptation(WeightDecay, Optimizer):
    """Adam that finds its own learning rate, a lower bound of the distance to a solution.

        η = lr d, with bias_correction lr d √(1 - beta2ᵗ) / (1 - beta1ᵗ);  d starts at d0
        r ← √beta2 r + (1 - √beta2) η ⟨g, s / (√v + eps)⟩,  with the v before this gradient
        m ← beta1 m + (1 - beta1) η g
        v ← beta2 v + (1 - beta2) g²
        s ← √beta2 s + (1 - √beta2) η g
        d ← max(d, min(r / ((1 - √beta2) ‖s‖₁), growth d))
        θ ← θ - m / (√v + eps)

    d, r and ‖s‖₁ are common to all weights of a trial, and d never falls. Leave lr at 1, or use a schedule
    that ends low. `prodigy` is the later method of the same authors, which reaches a larger d sooner; choose
    this one to compare with it, or where prodigy's rate grows too far. growth limits the
    factor by which d may rise in one step; the default is no limit.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, d0 > 0, growth ≥ 1, weight_decay ≥ 0. decay_mode
    "decoupled" subtracts η weight_decay θ, "coupled" adds weight_decay θ to g.

    Defazio & Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023, algorithm 5.
    https://arxiv.org/abs/2301.07733. The authors' code has bias_correction off by default, optax's always on.
    """

    name: ClassVar[str] = "d_adaptation"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 1.0,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "d0": 1e-6,
            "bias_correction": False,
            "weight_decay": 0.0,
        },
        "optax": {
            "lr": 1.0,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "d0": 1e-6,
            "bias_correction": True,
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    d0: Hyper = hyper(1e-6, "(0, inf)")
    growth: Hyper = hyper(1e30, "[1, inf)")
    bias_correction: bool = hyper(False, "bool")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", ("coupled", "decoupled"))

    def init(self, weight: Array) -> DAdaptationState:
        zeros, number = np.zeros_like(weight), np.zeros((len(weight), 1, 1), weight.dtype)
        return DAdaptationState(zeros, zeros, zeros, number, number + self.d0)

    def step(
        self, weight: Array, grad: Array, state: DAdaptationState, t: int
    ) -> tuple[Array, DAdaptationState]:
        grad = self.decay_gradient(weight, grad)
        share = state.d  # η / lr
        if self.bias_correction:
            share = share * ((1 - self.beta2**t) ** 0.5 / (1 - self.beta1**t))
        beta3 = self.beta2**0.5
        # s and r in units of d0 and its square: squares of small numbers leave the range of float32.
        rate = self.lr * share
        unit = rate / self.d0
        along = _total(grad * state.s / (np.sqrt(state.v) + self.eps))
        r = beta3 * state.r + (1 - beta3) * unit * along
        m = self.beta1 * state.m + (1 - self.beta1) * rate * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        s = beta3 * state.s + (1 - beta3) * unit * grad
        size = (1 - beta3) * _total(np.abs(s))
        # Before the first gradient both are 0. A NaN in either must stay NaN.
        estimate = self.d0 * r / np.where(size == 0, 1, size)
        d = np.maximum(state.d, np.minimum(estimate, self.growth * state.d))
        change = -m / (np.sqrt(v) + self.eps)
        # The rate of the decay is η, so θ is multiplied by η / lr.
        return self.decay_change(share * weight, change), DAdaptationState(m, v, s, r, d)


def _total(array: Array) -> Array:
    """Return the sum over the weights of each trial, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return array.reshape(len(array), 1, -1).sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [DAdaptation]
