"""Optimizer: psgd_kron."""

from __future__ import annotations

import zlib
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
    counted_normal,
    hookimpl,
    hyper,
    log,
)


class PSGDKronState(NamedTuple):
    """The state of PSGD for each array."""

    m: Array  # first moment
    left: Array  # factor of the rows, (T, fan_in, fan_in), or its diagonal, (T, 1, fan_in)
    right: Array  # factor of the columns, (T, fan_out, fan_out) or (T, 1, fan_out)


@dataclass(frozen=True)
class PSGDKron(WeightDecay, Optimizer):
    """Preconditioned gradient descent whose preconditioner is itself learned, by a factor for each side.

        M ← momentum M + (1 - momentum) G,  M̂ = M / (1 - momentumᵗ)
        A = L M̃ Rᵀ,  B = L⁻ᵀ V R⁻¹,  M̃ = M̂ + damping mean|M̂| V,  V standard normal
        L ← L - rate triu(A Aᵀ - B Bᵀ) / ‖A Aᵀ + B Bᵀ‖ L,  R likewise with Aᵀ A and Bᵀ B
        U = Lᵀ L M̂ Rᵀ R
        W ← W - lr (U min(1, 1.1 / RMS(U)) + weight_decay W)

    L and R are upper triangular and start as identities; they are updated at t = 1, 1 + every, ... They seek
    the preconditioner P = RᵀR ⊗ LᵀL for which P M̃ M̃ᵀ P has the mean of V Vᵀ, so that directions of large
    and small gradients get steps of one size, as in `shampoo` and `soap`, but without eigenvalues or roots:
    every step multiplies by a matrix near the identity. ‖·‖ is a lower bound of the spectral norm from one
    power iteration. A side longer than max_dim or of length 1, and a bias, keep the diagonal alone. damping
    keeps a factor bounded where a unit has no gradient. Choose it where `soap` is used, or where its
    decompositions cost too much.

    Domain: lr > 0, momentum in [0, 1), rate in (0, 1), damping ≥ 0, every ≥ 1, max_dim ≥ 1, weight_decay ≥ 0,
    decay_mode as for all. All arms of one seed get the same V.

    Li, "Preconditioned Stochastic Gradient Descent", IEEE Transactions on Neural Networks and Learning
    Systems 29 (2018), 1454-1466, https://arxiv.org/abs/1512.04202, and "Preconditioner on Matrix Lie Group
    for SGD", ICLR 2019, https://arxiv.org/abs/1809.10232. Momentum, the limit of 1.1 and the rate of 0.1 are
    those of pytorch_optimizer's Kron, which has no damping and updates the factors less often after 500
    steps. It also balances the factors' sizes at random, which changes no step; here this is done always.
    """

    name: ClassVar[str] = "psgd_kron"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pytorch_optimizer": {
            "lr": 1e-3,
            "momentum": 0.9,
            "rate": 0.1,
            "damping": 0.0,
            "every": 1,
            "max_dim": 8192,
            "weight_decay": 0.0,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    rate: Hyper = hyper(0.1, "(0, 1)", search=choice(0.01, 0.1, 0.5))
    damping: Hyper = hyper(2.0**-13, "[0, inf)")
    every: int = hyper(1, "int [1, inf)")
    max_dim: int = hyper(1024, "int [1, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    _seeds: ClassVar[Any] = None  # (T, 1, 1); without them all trials have the seed 0
    _array: ClassVar[int] = 0  # what tells the array from others
    _flat: ClassVar[bool] = False  # whether it is a bias or a gain

    def seeded(self, seeds: Array) -> PSGDKron:
        twin = copy(self)
        object.__setattr__(twin, "_seeds", seeds)
        return twin

    def fitted_to(self, specs: Sequence[WeightSpec]) -> PSGDKron:
        twin = copy(self)
        object.__setattr__(twin, "_array", zlib.crc32(specs[0].name.encode()))
        object.__setattr__(twin, "_flat", specs[0].role != "weight")
        return twin

    def init(self, weight: Array) -> PSGDKronState:
        left, right = (self._start(weight, side) for side in weight.shape[1:])
        return PSGDKronState(np.zeros_like(weight), left, right)

    def _start(self, weight: Array, side: int) -> Array:
        one = np.ones((len(weight), 1, 1), weight.dtype)
        if side == 1 or side > self.max_dim or self._flat:
            return one * np.ones((1, 1, side), weight.dtype)
        return one * np.eye(side, dtype=weight.dtype)

    def step(self, weight: Array, grad: Array, state: PSGDKronState, t: int) -> tuple[Array, PSGDKronState]:
        grad = self.decay_gradient(weight, grad)
        m = self.momentum * state.m + (1 - self.momentum) * grad
        mean = m / (1 - self.momentum**t)
        left, right = state.left, state.right
        if (t - 1) % self.every == 0:
            left, right = self._learned(left, right, mean, t)
        step = _across(_turned(left), _across(left, mean))
        step = _across(_turned(right), _across(right, step.swapaxes(1, 2))).swapaxes(1, 2)
        rms = np.sqrt(_total(step * step) / step[0].size)
        step = step * np.minimum(1.1 / (rms + 1e-6), 1)
        return self.decay_change(weight, -self.lr * step), PSGDKronState(m, left, right)

    def _learned(self, left: Array, right: Array, mean: Array, t: int) -> tuple[Array, Array]:
        """Return both factors after a step of their own."""
        noise = self._noise(mean, t)
        size = _total(np.abs(mean)) / mean[0].size
        damped = mean + self.damping * size * noise
        a = _across(right, _across(left, damped).swapaxes(1, 2)).swapaxes(1, 2)
        b = _solved(right, _solved(left, noise).swapaxes(1, 2)).swapaxes(1, 2)
        still = size == 0  # there is nothing to learn from, and the factors would grow without end
        left = np.where(still, left, self._moved(left, a, b))
        right = np.where(still, right, self._moved(right, a.swapaxes(1, 2), b.swapaxes(1, 2)))
        # Both change by factors whose product is 1, so that neither leaves the range of the dtype.
        sizes = [np.abs(factor).max(axis=(1, 2), keepdims=True) for factor in (left, right)]
        ratio = np.sqrt(sizes[1] / sizes[0])
        return left * ratio, right / ratio

    def _moved(self, factor: Array, a: Array, b: Array) -> Array:
        if _is_diagonal(factor):
            one, other = ((array * array).sum(axis=2)[:, None, :] for array in (a, b))
            most = (one + other).max(axis=(1, 2), keepdims=True)
            return factor - self.rate * (one - other) * factor / most
        one, other = (array @ array.swapaxes(1, 2) for array in (a, b))
        return factor - (self.rate / _norm_bound(one + other)) * np.triu(one - other) @ factor

    def _noise(self, like: Array, t: int) -> Array:
        seeds = np.zeros((len(like), 1, 1), np.uint64) if self._seeds is None else self._seeds
        return counted_normal(seeds ^ np.uint64(self._array), t, like)


def _is_diagonal(factor: Array) -> bool:
    return factor.shape[1] == 1


def _turned(factor: Array) -> Array:
    return factor if _is_diagonal(factor) else factor.swapaxes(1, 2)


def _across(factor: Array, array: Array) -> Array:
    """Return the factor of an array's rows times the array."""
    return factor.swapaxes(1, 2) * array if _is_diagonal(factor) else factor @ array


def _solved(factor: Array, array: Array) -> Array:
    """Return the inverse of the turned factor times the array."""
    if _is_diagonal(factor):
        return array / factor.swapaxes(1, 2)
    return np.linalg.solve(factor.swapaxes(1, 2), array)


def _total(array: Array) -> Array:
    """Return the sum over each trial, (T, 1, 1)."""
    # One long row per trial: the order of the sum then does not depend on the other trials.
    return array.reshape(len(array), 1, -1).sum(axis=2, keepdims=True)


def _norm_bound(matrices: Array) -> Array:
    """Return a lower bound of the spectral norm of symmetric matrices, (T, 1, 1), by a power iteration."""
    most = np.abs(matrices).max(axis=(1, 2), keepdims=True)
    scaled = matrices / np.where(most > 0, most, 1)
    longest = (scaled * scaled).sum(axis=2).argmax(axis=1)
    row = np.take_along_axis(scaled, longest[:, None, None], axis=1)
    x = row @ scaled
    x = x / np.sqrt((x * x).sum(axis=2, keepdims=True))
    y = x @ scaled
    return most * np.sqrt((y * y).sum(axis=2, keepdims=True))


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [PSGDKron]
