"""Optimizer: sm3."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log


class SM3State(NamedTuple):
    """The state of SM3 for each array."""

    rows: Array  # the largest ν of each row, (T, fan_in, 1)
    columns: Array  # the largest ν of each column, (T, 1, fan_out)
    m: Array  # running mean of the divided gradients, shaped as the weight


@dataclass(frozen=True)
class SM3(Optimizer):
    """AdaGrad that keeps one number per row and column of a matrix, not one per weight.

        ν = min(row's, column's) + g²
        row's ← max of ν over the row,  column's ← max of ν over the column
        u = g / √(ν + eps), and 0 where ν = 0
        m ← momentum m + (1 - momentum) u
        θ ← θ - lr m

    ν is never below AdaGrad's sum of squares, and equal to it for a bias, whose columns are its weights.

    Choose it where AdaGrad suits, as for sparse features, and memory is short. It is safe where `adafactor`
    guesses: steps are shorter than AdaGrad's, never longer.

    Domain: lr > 0, momentum in [0, 1), eps ≥ 0.

    Anil, Gupta, Koren & Singer, "Memory-Efficient Adaptive Optimization", NeurIPS 2019, algorithm SM3-II.
    https://arxiv.org/abs/1901.11150, with the rows and columns of a matrix as the cover. It has no eps. optax
    adds 1e-8.
    """

    name: ClassVar[str] = "sm3"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 0.1, "momentum": 0.9, "eps": 0.0},
        "optax": {"momentum": 0.9, "eps": 1e-8},
    }

    lr: Hyper = hyper(0.1, "(0, inf)", search=log(1e-3, 1.0))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9))
    eps: Hyper = hyper(0.0, "[0, inf)")

    def init(self, weight: Array) -> SM3State:
        rows, columns = np.zeros_like(weight[:, :, :1]), np.zeros_like(weight[:, :1, :])
        return SM3State(rows, columns, np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: SM3State, t: int) -> tuple[Array, SM3State]:
        total = np.minimum(state.rows, state.columns) + grad * grad
        known = total != 0  # NaN stays NaN
        divided = np.where(known, grad, 0) / np.where(known, np.sqrt(total + self.eps), 1)
        m = self.momentum * state.m + (1 - self.momentum) * divided
        rows, columns = total.max(axis=2, keepdims=True), total.max(axis=1, keepdims=True)
        return -self.lr * m, SM3State(rows, columns, m)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [SM3]
