"""Optimizer: fromage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Optimizer, hookimpl, hyper, log


@dataclass(frozen=True)
class Fromage(Optimizer):
    """Gradient descent in which every array of weights moves by lr times its own norm.

        θ ← (θ - lr |θ| / |g| g) / √(1 + lr²)

    |·| is the norm of one weight matrix or bias, but at least min_norm. If |θ| or |g| is 0 with min_norm = 0,
    their ratio counts as 1. The division keeps the norm where g is at right angles to θ.

    Choose it for deep networks without normalization layers where no rate is known: lr is the share by which
    every layer changes, about 0.01 for all of them. It has no momentum and keeps no state. `lars` has a trust
    ratio too, with momentum; there the norms may grow.

    Domain: lr > 0, min_norm ≥ 0. Weights shrink in each step by lr² / 2, as with weight decay. Biases that
    start at 0 move by lr g at first.

    Bernstein, Vahdat, Yue & Liu, "On the distance between two neural networks and the stability of learning",
    NeurIPS 2020, algorithm 1. https://arxiv.org/abs/2002.03432. optax has min_norm = 1e-6, with which weights
    that start at 0 hardly move.
    """

    name: ClassVar[str] = "fromage"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 0.01, "min_norm": 0.0},
        "optax": {"min_norm": 1e-6},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 0.3))
    min_norm: Hyper = hyper(0.0, "[0, inf)")

    def init(self, weight: Array) -> tuple[()]:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        size, length = np.maximum(_norm(weight), self.min_norm), np.maximum(_norm(grad), self.min_norm)
        still = (size == 0) | (length == 0)
        ratio = np.where(still, 1, size) / np.where(still, 1, length)
        square = self.lr * self.lr
        root = np.sqrt(1 + square)
        # 1 / √(1 + lr²) - 1 without the digits that the difference would lose
        loss = square / (root * (1 + root))
        return -(loss * weight + self.lr / root * ratio * grad), state


def _norm(array: Array) -> Array:
    """Return each trial's |array|, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return np.sqrt((array * array).reshape(len(array), 1, -1).sum(axis=2, keepdims=True))


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Fromage]
