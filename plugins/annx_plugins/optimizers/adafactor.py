"""Optimizer: adafactor."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, hookimpl, hyper, log


class AdafactorState(NamedTuple):
    """The state of Adafactor for each array: rows and columns, or if it is not factored, full alone."""

    rows: Any  # running mean of g² over each row, (T, fan_in, 1), or ()
    columns: Any  # running mean of g² over each column, (T, 1, fan_out), or ()
    full: Any  # running mean of g², shaped as the weight, or ()


@dataclass(frozen=True)
class Adafactor(WeightDecay, Optimizer):
    """Adam without momentum that keeps one number per row and column of a matrix, not one per weight.

        R ← (1 - t^-decay) R + t^-decay mean of (g² + eps1) over each row, C likewise over each column
        V = R C / mean(R)
        U = g / √V
        U ← U / max(1, rms(U) / clip)
        θ ← θ - α U,  α = min(lr, 1 / √t) max(eps2, rms(θ))

    t = 1, 2, ... counts the steps; rms is the root mean square of an array. Biases, and matrices that have a
    side shorter than min_factored, keep V itself, the running mean of g² + eps1. Without relative_step, α has
    lr in place of min(lr, 1 / √t); without scale_parameter there is no max(eps2, rms(θ)). eps_mode "added" is
    as written; with "floor" eps1 is added nowhere, but √V and mean(R) are at least eps1.

    Choose it where the memory for Adam's two arrays is missing, and steps in proportion to the size of each
    array are welcome. V is exact where g² is a product of a row's and a column's number; else it is a guess.

    Domain: lr > 0, decay > 0, clip > 0, eps1 > 0, eps2 > 0, min_factored ≥ 2 a whole number, weight_decay ≥
    0. decay_mode "decoupled" multiplies by lr, not by α; Keras takes rms(θ) after the decay.

    Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", ICML 2018, algorithms 4
    to 6. https://arxiv.org/abs/1804.04235, without momentum, as they advise. Keras is the paper with an lr of
    1e-3. PyTorch has the "floor", where eps1 is the dtype's resolution (that of float32 in the preset). optax
    factors from 128 on and takes lr as it is.
    """

    name: ClassVar[str] = "adafactor"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 0.01, "decay": 0.8, "clip": 1.0, "eps1": 1e-30, "eps2": 1e-3, "eps_mode": "added"},
        "torch": {
            "lr": 0.01,
            "decay": 0.8,
            "clip": 1.0,
            "eps1": 2.0**-23,
            "eps2": 1e-3,
            "eps_mode": "floor",
            "decay_mode": "decoupled",
        },
        "keras": {
            "lr": 1e-3,
            "decay": 0.8,
            "clip": 1.0,
            "eps1": 1e-30,
            "eps2": 1e-3,
            "eps_mode": "added",
            "decay_mode": "decoupled",
        },
        "optax": {
            "decay": 0.8,
            "clip": 1.0,
            "eps1": 1e-30,
            "eps2": 1e-3,
            "eps_mode": "added",
            "relative_step": False,
            "min_factored": 128,
        },
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))
    decay: Hyper = hyper(0.8, "(0, inf)")
    clip: Hyper = hyper(1.0, "(0, inf)")
    eps1: Hyper = hyper(1e-30, "(0, inf)")
    eps2: Hyper = hyper(1e-3, "(0, inf)")
    eps_mode: str = hyper("added", ("added", "floor"))
    relative_step: bool = hyper(True, "bool")
    scale_parameter: bool = hyper(True, "bool")
    min_factored: int = hyper(2, "int [2, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> AdafactorState:
        if min(weight.shape[1:]) < self.min_factored:
            return AdafactorState((), (), np.zeros_like(weight))
        return AdafactorState(np.zeros_like(weight[:, :, :1]), np.zeros_like(weight[:, :1, :]), ())

    def step(self, weight: Array, grad: Array, state: AdafactorState, t: int) -> tuple[Array, AdafactorState]:
        grad = self.decay_gradient(weight, grad)
        square = grad * grad
        if self.eps_mode == "added":
            square = square + self.eps1
        new = np.exp(-self.decay * math.log(t))  # 1 in the first step
        rows, columns, full = state
        if isinstance(full, tuple):
            rows = (1 - new) * rows + new * square.mean(axis=2, keepdims=True)
            columns = (1 - new) * columns + new * square.mean(axis=1, keepdims=True)
            mean = _mean(rows)
            mean = np.maximum(mean, self.eps1) if self.eps_mode == "floor" else mean
            size = rows / mean * columns
        else:
            size = full = (1 - new) * full + new * square
        size = np.sqrt(size)
        if self.eps_mode == "floor":
            size = np.maximum(size, self.eps1)
        direction = grad / size
        direction = direction / np.maximum(np.sqrt(_mean(direction * direction)) / self.clip, 1)
        rate = np.minimum(self.lr, t**-0.5) if self.relative_step else self.lr
        if self.scale_parameter:
            rate = rate * np.maximum(np.sqrt(_mean(weight * weight)), self.eps2)
        return self.decay_change(weight, -rate * direction), AdafactorState(rows, columns, full)


def _mean(array: Array) -> Array:
    """Return the mean over the weights of each trial, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return array.reshape(len(array), 1, -1).mean(axis=2, keepdims=True)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Adafactor]
