"""Optimizer: shampoo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    DECAY_MODES,
    Array,
    Hyper,
    Optimizer,
    WeightDecay,
    choice,
    eigh,
    hookimpl,
    hyper,
    log,
    power,
)


class ShampooState(NamedTuple):
    """The state of Shampoo for each array; None on a side without a preconditioner."""

    left: Array | None  # statistic of the rows, (T, fan_in, fan_in)
    right: Array | None  # statistic of the columns, (T, fan_out, fan_out)
    left_root: Array | None  # inverse roots, from their last computation
    right_root: Array | None
    m: Array  # momentum
    size: Array  # the state of the grafted rule: AdaGrad's sum of squares


@dataclass(frozen=True)
class Shampoo(WeightDecay, Optimizer):
    """Full-matrix AdaGrad with one matrix for the rows and one for the columns of a weight.

        L ← L + G Gᵀ,  R ← R + Gᵀ G
        U = (L + eps I)^(-power/2) G (R + eps I)^(-power/2)
        M ← momentum M + U,  W ← W - lr M

    The roots come from eigenvalues and are computed at t = 1, 1 + every, 1 + 2 every, ...; the steps between
    use the last ones. A side of length 1, or longer than max_dim, has no preconditioner; the other side then
    gets the whole exponent, -power: a bias moves by (R + eps I)^(-power) g. If this holds for both, U = G.

    statistics "sum" is as written; "mean" has L ← beta2 L + (1 - beta2) G Gᵀ, divided by 1 - beta2ᵗ before
    the root. graft gives U the length of another rule's step: "sgd" |G|, "adagrad" that of
    G / (√ΣG² + 1e-10); "none" keeps its length.

    Choose it where weights are matrices and their directions are correlated, if a step may cost a
    decomposition. `soap` runs Adam in its basis, `muon` has no statistics, `adagrad` is its diagonal.

    Domain: lr > 0, eps > 0, power > 0, momentum and beta2 in [0, 1), every ≥ 1, max_dim ≥ 1,
    weight_decay ≥ 0, decay_mode as for all. In algorithm 1 L and R start at eps I.

    Gupta, Koren & Singer, "Shampoo: Preconditioned Stochastic Tensor Optimization", ICML 2018, algorithm 1,
    power = 1/2 (preset "paper"). https://arxiv.org/abs/1802.09568. Means, grafting and roots for several
    steps: Anil et al., "Scalable Second Order Optimization for Deep Learning", 2020,
    https://arxiv.org/abs/2002.09018. power = 1 is the other common choice, the inverse where "paper" has
    the root, as in Adam with means.
    """

    name: ClassVar[str] = "shampoo"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "eps": 1e-6,
            "power": 0.5,
            "statistics": "sum",
            "momentum": 0.0,
            "graft": "none",
            "every": 1,
            "weight_decay": 0.0,
        },
    }

    lr: Hyper = hyper(0.1, "(0, inf)", search=log(1e-3, 3.0))
    eps: Hyper = hyper(1e-6, "(0, inf)")
    power: Hyper = hyper(0.5, "(0, inf)", search=choice(0.5, 1.0))
    statistics: str = hyper("sum", ("sum", "mean"))
    beta2: Hyper = hyper(0.99, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    momentum: Hyper = hyper(0.0, "[0, 1)", search=choice(0.0, 0.5, 0.9))
    graft: str = hyper("none", ("none", "sgd", "adagrad"))
    every: int = hyper(1, "int [1, inf)")
    max_dim: int = hyper(1024, "int [1, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    def init(self, weight: Array) -> ShampooState:
        left, right = (self._square(weight, side) for side in weight.shape[1:])
        zeros = np.zeros_like(weight)
        return ShampooState(left, right, left, right, zeros, zeros)

    def _square(self, weight: Array, side: int) -> Array | None:
        if side > self.max_dim or (side == 1 and weight[0].size > 1):
            return None
        return np.zeros((len(weight), side, side), weight.dtype)

    def step(self, weight: Array, grad: Array, state: ShampooState, t: int) -> tuple[Array, ShampooState]:
        grad = self.decay_gradient(weight, grad)
        across = grad.swapaxes(1, 2)
        left, right = self._add(state.left, grad, across), self._add(state.right, across, grad)
        left_root, right_root = state.left_root, state.right_root
        if (t - 1) % self.every == 0:
            sides = (left is not None) + (right is not None)
            left_root, right_root = self._root(left, sides, t), self._root(right, sides, t)
        step = grad if left_root is None else left_root @ grad
        step = step if right_root is None else step @ right_root
        size = state.size + grad * grad if self.graft == "adagrad" else state.size
        step = self._grafted(step, grad, size)
        m = self.momentum * state.m + step
        change = self.decay_change(weight, -self.lr * m)
        return change, ShampooState(left, right, left_root, right_root, m, size)

    def _add(self, statistic: Array | None, one: Array, other: Array) -> Array | None:
        if statistic is None:
            return None
        if self.statistics == "sum":
            return statistic + one @ other
        return self.beta2 * statistic + (1 - self.beta2) * (one @ other)

    def _root(self, statistic: Array | None, sides: int, t: int) -> Array | None:
        """Return (statistic + eps I)^(-power / sides)."""
        if statistic is None:
            return None
        if self.statistics == "mean":
            statistic = statistic / (1 - self.beta2**t)
        values, vectors = eigh(statistic)
        # Eigenvalues of a sum of G Gᵀ are not negative; rounding below 0 is set to 0.
        roots = power(np.maximum(values[:, None, :], 0) + self.eps, -self.power / sides)
        return (vectors * roots) @ vectors.swapaxes(1, 2)

    def _grafted(self, step: Array, grad: Array, size: Array) -> Array:
        if self.graft == "none":
            return step
        other = grad if self.graft == "sgd" else grad / (np.sqrt(size) + 1e-10)
        length = _norm(step)
        return _norm(other) / np.where(length == 0, 1, length) * step


def _norm(array: Array) -> Array:
    """Return each trial's |array|, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return np.sqrt((array * array).reshape(len(array), 1, -1).sum(axis=2, keepdims=True))


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Shampoo]
