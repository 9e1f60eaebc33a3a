"""Optimizer: amsbound."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AMSBoundState(NamedTuple):
    """The state of AMSBound for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred
    peak: Array  # the largest second moment so far


@dataclass(frozen=True)
class AMSBound(WeightDecay, Optimizer):
    """AMSGrad whose rates are held between two bounds, which close in on one rate for all weights.

        m ← beta1 m + (1 - beta1) g
        v ← beta2 v + (1 - beta2) g²
        p ← max(p, v)                                      v̂ = p / (1 - beta2ᵗ)
        r = lr / ((1 - beta1ᵗ) (√v̂ + eps)), limited to [low, high]
        low = f (1 - 1 / (gamma t + 1))                    high = f (1 + 1 / (gamma t))
        θ ← θ - r m

    t = 1, 2, ... counts the steps; f = η final_lr, where η is the schedule's factor, 1 without one. In v̂,
    eps is divided by √(1 - beta2ᵗ) too.

    Choose it as `adabound`, where in addition gradients are mostly small and a few large ones must not be
    forgotten: p keeps the largest of them, so a rate within the bounds hardly grows again.

    Domain: lr > 0, final_lr > 0, beta1 and beta2 in [0, 1), gamma > 0, eps > 0, weight_decay ≥ 0. Weight
    decay acts on θ itself, times lr (decay_mode "decoupled") or not ("independent"), or on the gradient
    ("coupled").

    Luo, Xiong, Liu & Sun, "Adaptive Gradient Methods with Dynamic Bound of Learning Rate", ICLR 2019,
    algorithm 3. https://arxiv.org/abs/1902.09843. This is the authors' code: the paper writes neither the
    bias corrections nor eps, and divides r by √t.
    """

    name: ClassVar[str] = "amsbound"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1e-3, "final_lr": 0.1, "beta1": 0.9, "beta2": 0.999, "gamma": 1e-3, "eps": 1e-8},
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    final_lr: Hyper = hyper(0.1, "(0, inf)", search=log(1e-2, 1.0))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    gamma: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def __post_init__(self) -> None:
        super().__post_init__()
        # A schedule multiplies lr in place; its factor acts on the bounds too.
        object.__setattr__(self, "_first_lr", copy(self.lr))

    _first_lr: ClassVar[Any]

    def init(self, weight: Array) -> AMSBoundState:
        return AMSBoundState(*(np.zeros_like(weight) for _ in range(3)))

    def step(self, weight: Array, grad: Array, state: AMSBoundState, t: int) -> tuple[Array, AMSBoundState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        peak = np.maximum(state.peak, v)
        final = self.final_lr * (self.lr / self._first_lr)
        low, high = final * (1 - 1 / (self.gamma * t + 1)), final * (1 + 1 / (self.gamma * t))
        rate = self.lr * (1 - self.beta2**t) ** 0.5 / (1 - self.beta1**t) / (np.sqrt(peak) + self.eps)
        change = -np.minimum(np.maximum(rate, low), high) * m
        return self.decay_change(weight, change), AMSBoundState(m, v, peak)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AMSBound]
