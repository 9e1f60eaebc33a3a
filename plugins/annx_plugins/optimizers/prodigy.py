"""Optimizer: prodigy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class ProdigyState(NamedTuple):
    """The state of Prodigy."""

    m: Array  # first moment of d g
    v: Array  # second moment of d g, uncentred
    s: Array  # weighted sum of gradients
    start: Array  # the weights before the first step
    r: Array  # weighted sum of ⟨g, start - θ⟩, (T, 1, 1)
    d: Array  # estimate of the distance to a solution, (T, 1, 1)


@dataclass(frozen=True)
class Prodigy(WeightDecay, Optimizer):
    """Adam that finds its own learning rate, a lower bound of the distance to a solution.

        η = lr d, with bias_correction lr d √(1 - beta2ᵗ) / (1 - beta1ᵗ);  d starts at d0
        m ← beta1 m + (1 - beta1) d g
        v ← beta2 v + (1 - beta2) d² g²
        r ← √beta2 r + η d ⟨g, θ₀ - θ⟩,  s ← √beta2 s + η d g
        d ← max(d, d_coef r / ‖s‖₁)
        θ ← θ - η m / (√v + d eps),  η with the d before

    d, r and ‖s‖₁ are common to all weights of a trial, and d never falls. Leave lr at 1, or use a schedule
    that ends low; d_coef makes steps longer or shorter. With safeguard_warmup s adds d² g instead, so that
    a low lr at first does not make d jump.

    Choose it in place of `adamw` where lr is not to be tuned. It finds a larger rate sooner than
    `d_adaptation`; `dog` and `dowg` do that for gradient descent.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, d0 > 0, d_coef > 0, weight_decay ≥ 0. decay_mode
    "decoupled" subtracts η weight_decay θ, "coupled" adds weight_decay θ to g.

    Mishchenko & Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", ICML 2024,
    algorithm 4. https://arxiv.org/abs/2306.06101. Theirs has no bias_correction (preset "paper"),
    optax's always has.
    """

    name: ClassVar[str] = "prodigy"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 1.0,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "d0": 1e-6,
            "d_coef": 1.0,
            "bias_correction": False,
            "safeguard_warmup": False,
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
        "optax": {
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "d0": 1e-6,
            "d_coef": 1.0,
            "bias_correction": True,
            "safeguard_warmup": False,
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    d0: Hyper = hyper(1e-6, "(0, inf)")
    d_coef: Hyper = hyper(1.0, "(0, inf)", search=log(0.3, 3.0))
    bias_correction: bool = hyper(False, "bool")
    safeguard_warmup: bool = hyper(False, "bool")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", ("coupled", "decoupled"))

    def init(self, weight: Array) -> ProdigyState:
        zeros, number = np.zeros_like(weight), np.zeros_like(weight[:, :1, :1])
        return ProdigyState(zeros, zeros, zeros, weight.copy(), number, number + self.d0)

    def step(self, weight: Array, grad: Array, state: ProdigyState, t: int) -> tuple[Array, ProdigyState]:
        grad = self.decay_gradient(weight, grad)
        d = state.d
        share = d  # η / lr
        if self.bias_correction:
            share = d * ((1 - self.beta2**t) ** 0.5 / (1 - self.beta1**t))
        dg = d * grad
        m = self.beta1 * state.m + (1 - self.beta1) * dg
        v = self.beta2 * state.v + (1 - self.beta2) * (dg * dg)
        # r and s in units of d0, because d² would cost small gradients their digits.
        beta3, unit = self.beta2**0.5, d / self.d0
        rate = unit * (self.lr * share)
        r = beta3 * state.r + rate * _total(grad * (state.start - weight))
        s = beta3 * state.s + (unit * d if self.safeguard_warmup else rate) * grad
        size = _total(np.abs(s))
        # Before the first gradient both are 0. A NaN in either must stay NaN.
        estimate = self.d_coef * r / np.where(size == 0, 1, size)
        after = np.maximum(d, estimate)
        change = -self.lr * share * m / (np.sqrt(v) + after * self.eps)
        # The rate of the decay is η, so θ is multiplied by η / lr.
        change = self.decay_change(share * weight, change)
        return change, ProdigyState(m, v, s, state.start, r, after)


def _total(array: Array) -> Array:
    """Return the sum over the weights of each trial, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return array.reshape(len(array), 1, -1).sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Prodigy]
