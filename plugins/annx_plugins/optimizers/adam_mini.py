"""Optimizer: adam_mini."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    DECAY_MODES,
    Array,
    Hyper,
    Optimizer,
    WeightDecay,
    WeightSpec,
    choice,
    hookimpl,
    hyper,
    log,
)


class AdamMiniState(NamedTuple):
    """The state of Adam-mini."""

    m: Array  # first moment of each weight
    v: Array  # second moment of each block, uncentred: (T, 1, 1) or (T, 1, fan_out)


@dataclass(frozen=True)
class AdamMini(WeightDecay, Optimizer):
    """AdamW with one second moment for a whole block of weights.

        m ← beta1 m + (1 - beta1) g                 m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) mean(g²)          v̂ = v / (1 - beta2ᵗ),  the mean over a block
        θ ← θ - lr (m̂ / (√v̂ + eps) + weight_decay θ)

    t = 1, 2, ... counts the steps. blocks "units": the incoming weights of one unit are a block, a column of
    a weight matrix, and so is a whole bias; "arrays": every array is one. Weights of a block share their
    rate, so directions within it are those of `momentum`. Choose it to see how much of Adam's gain comes from
    rates of single weights, or where memory is short: it keeps half of `adamw`'s. `novograd` has the norm of
    an array in the same place, but divides before it averages.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps > 0, weight_decay ≥ 0, decay_mode as for all. With a bias
    or a matrix of one number it is AdamW.

    Zhang, Chen, Li, Ding, Wu, Kingma, Ye, Luo & Sun, "Adam-mini: Use Fewer Learning Rates To Gain More", ICLR
    2025. https://arxiv.org/abs/2406.16793. The blocks of a multilayer perceptron are units there; in
    attention some are heads, which a network here does not tell.
    """

    name: ClassVar[str] = "adam_mini"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "blocks": "units",
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    blocks: str = hyper("units", ("units", "arrays"))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    _whole: ClassVar[bool] = False  # whether the array is one block

    def fitted_to(self, specs: Sequence[WeightSpec]) -> "AdamMini":
        twin = copy(self)
        whole = self.blocks == "arrays" or specs[0].role != "weight"
        object.__setattr__(twin, "_whole", whole)
        return twin

    def init(self, weight: Array) -> AdamMiniState:
        return AdamMiniState(np.zeros_like(weight), np.zeros_like(self._mean(weight)))

    def step(self, weight: Array, grad: Array, state: AdamMiniState, t: int) -> tuple[Array, AdamMiniState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * self._mean(grad * grad)
        # As in adam.py, the corrections are applied to lr and eps, one number per trial.
        root = (1 - self.beta2**t) ** 0.5
        rate = self.lr * root / (1 - self.beta1**t) / (np.sqrt(v) + self.eps * root)
        return self.decay_change(weight, -rate * m), AdamMiniState(m, v)

    def _mean(self, array: Array) -> Array:
        """Return the mean of each block."""
        if self._whole:
            # One long row per trial: the order of the sum then does not depend on the other trials.
            return array.reshape(len(array), 1, -1).sum(axis=2, keepdims=True) / array[0].size
        return array.sum(axis=1, keepdims=True) / array.shape[1]


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AdamMini]
