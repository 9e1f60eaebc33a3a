"""Optimizer: dowg."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, hookimpl, hyper, log


class DoWGState(NamedTuple):
    """The state of DoWG."""

    start: Array  # the weights before the first step
    far: Array  # the square of the largest distance from them so far, (T, 1, 1)
    total: Array  # the sum of ‖g‖², each weighted with `far`, (T, 1, 1)


@dataclass(frozen=True)
class DoWG(WeightDecay, Optimizer):
    """Gradient descent that finds its own learning rate: distance over weighted gradients.

        r² ← max(r², ‖θ - θ₀‖²),  v ← v + r² ‖g‖²
        θ ← θ - lr r² / (√v + eps) g

    ‖·‖ is the Euclidean norm over all weights of a trial, and r² starts at `first`. Leave lr at 1. Gradients
    that came before the weights had moved far count little, so the rate grows faster than that of `dog` and
    is larger in the end; where noise is strong, dog is the safer one. Choose it in place of `sgd` without a
    search for lr.

    Domain: lr > 0, first > 0, eps > 0, weight_decay ≥ 0. Weight decay acts on the gradient (decay_mode
    "coupled") or on θ itself, times lr alone.

    Khaled, Mishchenko & Jin, "DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent Method",
    NeurIPS 2023, algorithm 1. https://arxiv.org/abs/2305.16284. In optax first and eps are both 1e-4.
    """

    name: ClassVar[str] = "dowg"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "optax": {"lr": 1.0, "first": 1e-4, "eps": 1e-4, "weight_decay": 0.0},
    }

    lr: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))
    first: Hyper = hyper(1e-4, "(0, inf)", search=log(1e-8, 1e-2))
    eps: Hyper = hyper(1e-4, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> DoWGState:
        nothing = np.zeros((len(weight), 1, 1), weight.dtype)
        return DoWGState(weight.copy(), nothing + self.first, nothing)

    def step(self, weight: Array, grad: Array, state: DoWGState, t: int) -> tuple[Array, DoWGState]:
        grad = self.decay_gradient(weight, grad)
        away = weight - state.start
        far = np.maximum(state.far, _total(away * away))
        total = state.total + far * _total(grad * grad)
        rate = far / (np.sqrt(total) + self.eps)
        change = self.decay_change(weight, -self.lr * rate * grad)
        return change, DoWGState(state.start, far, total)


def _total(array: Array) -> Array:
    """Return the sum over the weights of each trial, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return array.reshape(len(array), 1, -1).sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [DoWG]
