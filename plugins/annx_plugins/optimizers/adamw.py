"""Optimizer: adamw."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AdamWState(NamedTuple):
    """The state of AdamW for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred


@dataclass(frozen=True)
class AdamW(WeightDecay, Optimizer):
    """Adam with weight decay that is not divided by √v̂.

        m ← beta1 m + (1 - beta1) g         m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) g²        v̂ = v / (1 - beta2ᵗ)
        θ ← θ - lr (m̂ / (√v̂ + eps) + weight_decay θ)            decay_mode "decoupled"
        θ ← θ - lr m̂ / (√v̂ + eps) - η weight_decay θ            decay_mode "independent"

    t = 1, 2, ... counts the steps; η is the schedule's factor, 1 without one. eps_mode "outside" is as
    written; with "inside" it is √(v̂ + eps), with "hat" (√v + eps) / √(1 - beta2ᵗ).

    Choose it as the first one to try with weight decay. It differs from `adam` in the default decay and in
    where it acts: on θ, not on the gradient.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps ≥ 0, weight_decay ≥ 0. With eps = 0, a weight whose
    gradients were all 0 only decays.

    Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
    https://arxiv.org/abs/1711.05101. Theirs is "independent" (preset "paper", with the weight_decay that
    at lr 1e-3 equals PyTorch's decay; they tune it); PyTorch, Keras, optax and, by default, Flux multiply
    by lr. weight_decay is 0.01 in PyTorch, 0.004 in Keras, 1e-4 in optax and 0 in Flux.
    """

    name: ClassVar[str] = "adamw"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "outside",
            "weight_decay": 1e-5,
            "decay_mode": "independent",
        },
        "torch": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "outside",
            "weight_decay": 0.01,
            "decay_mode": "decoupled",
        },
        "keras": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-7,
            "eps_mode": "hat",
            "weight_decay": 0.004,
            "decay_mode": "decoupled",
        },
        "optax": {
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "outside",
            "weight_decay": 1e-4,
            "decay_mode": "decoupled",
        },
        "flux": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "outside",
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "[0, inf)")
    eps_mode: str = hyper("outside", ("outside", "inside", "hat"))
    weight_decay: Hyper = hyper(0.01, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", ("decoupled", "independent"))

    _bare: ClassVar[bool]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_bare", bool(np.any(np.equal(self.eps, 0))))  # once for all steps

    def init(self, weight: Array) -> AdamWState:
        return AdamWState(np.zeros_like(weight), np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: AdamWState, t: int) -> tuple[Array, AdamWState]:
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        # As in adam.py, the corrections are applied to lr and eps, one number per trial.
        c2 = 1 - self.beta2**t
        root = c2**0.5
        lr = self.lr * root / (1 - self.beta1**t)
        if self.eps_mode == "outside":
            size = np.sqrt(v) + self.eps * root
        elif self.eps_mode == "inside":
            size = np.sqrt(v + self.eps * c2)
        else:
            size = np.sqrt(v) + self.eps
        if self._bare:
            size = np.where(size == 0, 1, size)  # there m is 0 too
        return self.decay_change(weight, -lr * m / size), AdamWState(m, v)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AdamW]
