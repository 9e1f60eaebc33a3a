"""Optimizer: dog."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, hookimpl, hyper, log


class DoGState(NamedTuple):
    """The state of DoG."""

    start: Array  # the weights before the first step
    far: Array  # the largest distance from them so far, (T, 1, 1)
    total: Array  # the sum of ‖g‖², (T, 1, 1)


@dataclass(frozen=True)
class DoG(WeightDecay, Optimizer):
    """Gradient descent that finds its own learning rate: distance over gradients.

        r ← max(r, ‖θ - θ₀‖),  G ← G + ‖g‖²
        θ ← θ - lr r / √(G + eps) g

    ‖·‖ is the Euclidean norm over all weights of a trial. r starts at first (1 + ‖θ₀‖) (start "heuristic"),
    at first itself ("distance"), or so that steps have the rate
    `first` until one has moved θ ("rate"). Leave lr at 1. The
    rate grows until the weights no longer move away and then falls as 1/√t. Choose it in place of `sgd`
    without a search for lr; the authors advise to evaluate at an average of the weights, which `ema` or `swa`
    around it gives. `dowg` reacts faster, `prodigy` and `d_adaptation` do the same for Adam.

    Domain: lr > 0, first > 0, eps > 0, weight_decay ≥ 0. Weight decay acts on the gradient (decay_mode
    "coupled") or on θ itself, times lr alone.

    Ivgi, Hinder & Carmon, "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule", ICML 2023,
    equation 1. https://arxiv.org/abs/2302.12022. optax's dog is the same, but with "rate" it never moves if
    the first gradient is 0.
    """

    name: ClassVar[str] = "dog"
    scope: ClassVar[str] = "trial"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1.0, "start": "heuristic", "first": 1e-6, "eps": 1e-8, "weight_decay": 0.0},
        "optax": {"lr": 1.0, "start": "heuristic", "first": 1e-6, "eps": 1e-8, "weight_decay": 0.0},
    }

    lr: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))
    start: str = hyper("heuristic", ("heuristic", "distance", "rate"))
    first: Hyper = hyper(1e-6, "(0, inf)", search=log(1e-8, 1e-2))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> DoGState:
        nothing = np.zeros((len(weight), 1, 1), weight.dtype)
        if self.start == "heuristic":
            far = nothing + self.first * (1 + np.sqrt(_total(weight * weight)))
        else:
            far = nothing + self.first if self.start == "distance" else nothing
        return DoGState(weight.copy(), far, nothing)

    def step(self, weight: Array, grad: Array, state: DoGState, t: int) -> tuple[Array, DoGState]:
        grad = self.decay_gradient(weight, grad)
        away = weight - state.start
        far = np.maximum(state.far, np.sqrt(_total(away * away)))
        total = state.total + _total(grad * grad)
        rate = far / np.sqrt(total + self.eps)
        if self.start == "rate":
            rate = np.where(far > 0, rate, self.first)
        change = self.decay_change(weight, -self.lr * rate * grad)
        return change, DoGState(state.start, far, total)


def _total(array: Array) -> Array:
    """Return the sum over the weights of each trial, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return array.reshape(len(array), 1, -1).sum(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [DoG]
