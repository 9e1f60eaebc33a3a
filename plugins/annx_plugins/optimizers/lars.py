"""Optimizer: lars."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log


class LARSState(NamedTuple):
    """The state of LARS for each weight."""

    v: Array  # velocity


@dataclass(frozen=True)
class LARS(Optimizer):
    """Momentum with a trust ratio: every array of weights moves in proportion to its own norm.

        d = g + weight_decay θ
        λ = trust |θ| / (|g| + weight_decay |θ|)                          norms "apart"
        λ = trust |θ| / |d|                                               norms "together"
        v ← momentum v + lr λ d,  θ ← θ - v                               form "velocity"
        v ← momentum v + λ d,     θ ← θ - lr v                            form "heavy_ball"

    |·| is the norm of one weight matrix or bias. If |θ| or the denominator is 0, as for a bias at the start,
    λ is 1. With nesterov on, θ moves by momentum v plus the newest term, as in `nesterov`.

    Choose it for very large batches and rates, where the layers' gradients differ in size so much that one
    rate suits none: no array moves by more than about lr trust of its norm. `lamb` does the same with Adam's
    direction.

    Domain: lr > 0, momentum in [0, 1), trust > 0, weight_decay ≥ 0.

    You, Gitman & Ginsburg, "Large Batch Training of Convolutional Networks", 2017, algorithm 1.
    https://arxiv.org/abs/1708.03888. It has norms "apart" and form "velocity"; optax has "together".
    """

    name: ClassVar[str] = "lars"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"momentum": 0.9, "trust": 1e-3, "norms": "apart", "form": "velocity"},
        "optax": {
            "momentum": 0.9,
            "trust": 1e-3,
            "weight_decay": 0.0,
            "norms": "together",
            "form": "velocity",
            "nesterov": False,
        },
    }

    lr: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 30.0))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    trust: Hyper = hyper(1e-3, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    norms: str = hyper("apart", ("apart", "together"))
    form: str = hyper("velocity", ("velocity", "heavy_ball"))
    nesterov: bool = hyper(False, "bool")

    def init(self, weight: Array) -> LARSState:
        return LARSState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: LARSState, t: int) -> tuple[Array, LARSState]:
        size = _norm(weight)
        direction = grad + self.weight_decay * weight
        apart = self.norms == "apart"
        length = _norm(grad) + self.weight_decay * size if apart else _norm(direction)
        still = (size == 0) | (length == 0)
        ratio = np.where(still, 1, self.trust * size) / np.where(still, 1, length)
        inside, outside = (self.lr, 1) if self.form == "velocity" else (1, self.lr)
        newest = inside * ratio * direction
        v = self.momentum * state.v + newest
        move = newest + self.momentum * v if self.nesterov else v
        return -outside * move, LARSState(v)


def _norm(array: Array) -> Array:
    """Return each trial's |array|, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return np.sqrt((array * array).reshape(len(array), 1, -1).sum(axis=2, keepdims=True))


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [LARS]
