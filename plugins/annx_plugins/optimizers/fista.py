"""Optimizer: fista."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, WeightSpec, hookimpl, hyper, log


class FISTAState(NamedTuple):
    """The state of FISTA."""

    x: Array  # the point after the last shrinkage, shaped as the weight
    s: Array  # (T, 1, 1): what the momentum is made of


@dataclass(frozen=True)
class FISTA(Optimizer):
    """Proximal gradient descent with an L1 penalty, accelerated: weights become exactly 0.

        x₊ = shrink(y - lr g(y), lr strength),  shrink(a, b) = sign(a) max(|a| - b, 0)
        s₊ = (1 + √(1 + 4 s²)) / 2,  s = 1 at first
        y ← x₊ + (s - 1) / s₊ (x₊ - x)

    It minimises L(θ) + strength Σ|θ|, the sum over the weight matrices (on "weights") or over biases and
    gains as well (on "all"). The trained weight θ is y; losses, without the penalty, and metrics are those of
    x. momentum "none" is y = x, proximal gradient descent (ISTA). Choose it for sparse models such as the
    lasso; gradient descent with `l1_penalty` leaves weights that are small but not 0. With strength = 0 it is
    Nesterov's accelerated gradient descent, whose momentum grows towards 1, so it suits exact gradients: take
    the full batch, or "none" with small ones.

    Domain: lr > 0, at most 1 over the largest curvature of L; strength ≥ 0.

    Beck & Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems", SIAM
    Journal on Imaging Sciences 2 (2009), 183-202, with a constant step size.
    https://doi.org/10.1137/080716542
    """

    name: ClassVar[str] = "fista"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"momentum": "fista", "on": "all"},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))
    strength: Hyper = hyper(1e-3, "[0, inf)", search=log(1e-5, 0.1))
    momentum: str = hyper("fista", ("fista", "none"))
    on: str = hyper("weights", ("weights", "all"))

    _penalized: ClassVar[Any] = True  # which numbers, (1, 1, P), where not all are

    @property
    def scope(self) -> str:
        """The scope: all arrays where it must know which are matrices, else each number alone."""
        return "arrays" if self.on == "weights" else "number"

    def fitted_to(self, specs: Sequence[WeightSpec]) -> FISTA:
        if self.on == "all":
            return self
        twin = copy(self)
        sizes = [spec.shape[0] * spec.shape[1] for spec in specs]
        matrices = np.repeat([spec.role == "weight" for spec in specs], sizes)
        object.__setattr__(twin, "_penalized", matrices[None, None, :])
        return twin

    def init(self, weight: Array) -> FISTAState:
        return FISTAState(weight.copy(), np.ones((len(weight), 1, 1), weight.dtype))

    def step(self, weight: Array, grad: Array, state: FISTAState, t: int) -> tuple[Array, FISTAState]:
        moved = weight - self.lr * grad
        x = np.sign(moved) * np.maximum(np.abs(moved) - self.lr * self.strength, 0)
        if self.on == "weights":
            x = np.where(self._penalized, x, moved)
        if self.momentum == "none":
            return x - weight, FISTAState(x, state.s)
        s = (1 + np.sqrt(1 + 4 * state.s * state.s)) / 2
        return x + (state.s - 1) / s * (x - state.x) - weight, FISTAState(x, s)

    def evaluated(self, weight: Array, state: FISTAState) -> Array:
        return state.x


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [FISTA]
