"""Optimizer: laprop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class LaPropState(NamedTuple):
    """The state of LaProp: two running means of each weight, and one number of each trial."""

    m: Array  # mean of the gradients, each divided by its size
    v: Array  # second moment of the gradients, uncentred
    share: Array  # (T, 1, 1): the sum of the weights of all directions in m


@dataclass(frozen=True)
class LaProp(WeightDecay, Optimizer):
    """Adam with momentum of the normalized gradients, where Adam normalizes the momentum.

        v ← beta2 v + (1 - beta2) g²                  v̂ = v / (1 - beta2ᵗ)
        m ← beta1 m + (1 - beta1) g / (√v̂ + eps)
        θ ← θ - lr m / (1 - beta1ᵗ)                   t = 1, 2, ...

    Each gradient is divided by the size that was known when it came, so beta1 and beta2 can be chosen freely:
    Adam needs beta1 < √beta2, otherwise a large m meets a v that has already forgotten it. Choose it where a
    small beta2 or a large beta1 is to be tried, or where gradients grow suddenly. With beta1 = 0 it is Adam
    with beta1 = 0.

    rate "inside" puts lr into m, so that a direction keeps the lr that it came with:
    m ← beta1 m + (1 - beta1) lr g / (√v̂ + eps), s ← beta1 s + (1 - beta1) lr, θ ← θ - lr m / s. With a
    constant lr both are equal. eps_mode "hat" divides by (√v + eps) / √(1 - beta2ᵗ).

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0. Weight decay acts on θ itself
    (decay_mode "decoupled") or on the gradient ("coupled").

    Ziyin, Wang & Ueda, "LaProp: Separating Momentum and Adaptivity in Adam", 2020, algorithm 1.
    https://arxiv.org/abs/2002.04839. The authors' code has the rate "inside" (preset "authors").
    """

    name: ClassVar[str] = "laprop"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 4e-4,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-15,
            "eps_mode": "outside",
            "rate": "outside",
            "weight_decay": 0.0,
        },
        "authors": {
            "lr": 4e-4,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-15,
            "eps_mode": "outside",
            "rate": "inside",
            "weight_decay": 0.0,
        },
    }

    lr: Hyper = hyper(4e-4, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95, 0.98))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.5, 0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-15, "(0, inf)")
    eps_mode: str = hyper("outside", ("outside", "hat"))
    rate: str = hyper("outside", ("outside", "inside"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> LaPropState:
        zeros = np.zeros_like(weight)
        return LaPropState(zeros, zeros, np.zeros((len(weight), 1, 1), weight.dtype))

    def step(self, weight: Array, grad: Array, state: LaPropState, t: int) -> tuple[Array, LaPropState]:
        grad = self.decay_gradient(weight, grad)
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        # As in adam.py, the correction is applied to eps and to the factor, one number per trial.
        root = (1 - self.beta2**t) ** 0.5
        eps = self.eps * root if self.eps_mode == "outside" else self.eps
        new = (1 - self.beta1) * self.lr if self.rate == "inside" else 1 - self.beta1
        m = self.beta1 * state.m + (new * root) * grad / (np.sqrt(v) + eps)
        share = self.beta1 * state.share + new
        # The share is 0, and m with it, as long as every lr was 0, as at the start of some schedules.
        rate = self.lr / np.where(share > 0, share, 1)
        return self.decay_change(weight, -rate * m), LaPropState(m, v, share)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [LaProp]
