"""Optimizer: splus."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, WeightDecay, choice, eigh, hookimpl, hyper, log


class SPlusState(NamedTuple):
    """The state of SPlus for each array; None on a side that is not rotated."""

    m: Array  # running mean of the gradient
    mean: Array  # running sum of the weights, to evaluate at
    share: Array  # (T, 1, 1): the share of weights in it so far
    left: Array | None  # running mean of G Gᵀ, (T, fan_in, fan_in)
    right: Array | None  # running mean of Gᵀ G, (T, fan_out, fan_out)
    left_basis: Array | None  # their eigenvectors, in columns, from the last computation
    right_basis: Array | None


@dataclass(frozen=True)
class SPlus(WeightDecay, Optimizer):
    """Sign descent in the eigenbasis of Shampoo's preconditioner, evaluated at an average: stable whitening.

        M ← beta1 M + (1 - beta1) G
        W ← W - lr 2 / (fan_in + fan_out) Q_L sign(Q_Lᵀ M Q_R) Q_Rᵀ
        L ← beta2 L + (1 - beta2) G Gᵀ,  R with Gᵀ G

    Q_L and Q_R hold the eigenvectors of L and R, at first I, computed after step 1 and then after each step
    whose number is a multiple of `every`. The sign bounds every step even while the eigenvectors are old, so
    they can be computed rarely; `soap` divides by second moments there, and steps far when these are stale.
    The scale suits matrices of any shape, so one lr suits networks of any width. Losses and metrics are those
    of the mean of the weights with decay ema_rate, corrected for its start at 0.

    An array of one row, as a bias is, or with a side of max_dim or more moves by
    lr small sign(M), rotated where a side is shorter.

    Domain: lr > 0, beta1, beta2 and ema_rate in [0, 1), every ≥ 1, small > 0, max_dim ≥ 1, weight_decay ≥ 0.
    Weight decay acts on W itself, times the scaled lr (decay_mode "decoupled"), or on G ("coupled").

    Frans, Levine & Abbeel, "A Stable Whitening Optimizer for Efficient Neural Network Training", NeurIPS
    2025. https://arxiv.org/abs/2506.07254. The defaults are those of the authors' code except for
    weight_decay, 0.01 there (preset "authors"), and for ema_rate, 0.999, and every, 100, which suit longer
    trainings. Their PyTorch code has 1 / (2 (fan_in + fan_out)) for the scale.
    """

    name: ClassVar[str] = "splus"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "authors": {
            "lr": 0.1,
            "beta1": 0.9,
            "beta2": 0.999,
            "ema_rate": 0.999,
            "every": 100,
            "small": 1e-3,
            "max_dim": 10_000,
            "weight_decay": 0.01,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(0.1, "(0, inf)", search=log(3e-3, 1.0))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.8, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    ema_rate: Hyper = hyper(0.99, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    every: int = hyper(10, "int [1, inf)")
    small: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-3, 1.0))
    max_dim: int = hyper(10_000, "int [1, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", ("coupled", "decoupled"))

    def init(self, weight: Array) -> SPlusState:
        zeros = np.zeros_like(weight)
        nothing = np.zeros((len(weight), 1, 1), weight.dtype)
        left, right = (self._square(weight, side, 0.0) for side in weight.shape[1:])
        bases = (self._square(weight, side, 1.0) for side in weight.shape[1:])
        return SPlusState(zeros, zeros, nothing, left, right, *bases)

    def _square(self, weight: Array, side: int, diagonal: float) -> Array | None:
        if weight.shape[1] == 1 or side >= self.max_dim:
            return None
        square = np.zeros((len(weight), side, side), weight.dtype)
        return square + diagonal * np.eye(side, dtype=weight.dtype)

    def step(self, weight: Array, grad: Array, state: SPlusState, t: int) -> tuple[Array, SPlusState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        left_basis, right_basis = state.left_basis, state.right_basis
        turned = m if left_basis is None else left_basis.swapaxes(1, 2) @ m
        turned = turned if right_basis is None else turned @ right_basis
        update = np.sign(turned)
        update = update if left_basis is None else left_basis @ update
        update = update if right_basis is None else update @ right_basis.swapaxes(1, 2)
        across, left, right = grad.swapaxes(1, 2), state.left, state.right
        if left is not None:
            left = self.beta2 * left + (1 - self.beta2) * (grad @ across)
        if right is not None:
            right = self.beta2 * right + (1 - self.beta2) * (across @ grad)
        if t == 1 or t % self.every == 0:
            left_basis = None if left is None else eigh(left)[1]
            right_basis = None if right is None else eigh(right)[1]
        scale = self._scale(*weight.shape[1:])
        # The rate of the decay is the scaled lr.
        change = self.decay_change(scale * weight, -self.lr * scale * update)
        mean = self.ema_rate * state.mean + (1 - self.ema_rate) * (weight + change)
        share = self.ema_rate * state.share + (1 - self.ema_rate)
        return change, SPlusState(m, mean, share, left, right, left_basis, right_basis)

    def _scale(self, fan_in: int, fan_out: int) -> Hyper:
        whole = fan_in > 1 and max(fan_in, fan_out) < self.max_dim
        return 2 / (fan_in + fan_out) if whole else self.small

    def evaluated(self, weight: Array, state: SPlusState) -> Array:
        averaged = state.share > 0
        return np.where(averaged, state.mean / np.where(averaged, state.share, 1), weight)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [SPlus]
