"""Optimizer: scion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, WeightSpec, choice, hookimpl, hyper, log, orthogonalized

QUINTIC = (3.4445, -4.775, 2.0315)


class ScionState(NamedTuple):
    """The state of Scion for each weight."""

    d: Array  # running mean of the gradient


@dataclass(frozen=True)
class Scion(Optimizer):
    """Momentum whose steps have the same length in a norm that fits each layer.

        D ← momentum D + (1 - momentum) G
        W ← W - lr radius step(D)                      constrained off
        W ← (1 - lr) W - lr radius step(D)             constrained on

    step(D) is the longest way down D in a ball of the layer's norm, for W (fan_in, fan_out):

        "spectral"    √(fan_out / fan_in) P Qᵀ for D = P Σ Qᵀ, by ns_steps iterations as in `muon`
        "sign"        sign(D) / fan_in
        biases and gains: D / (RMS of D + eps)

    Matrices have the norm `inner`, those of the output layer `output`, whose radius is output_radius. Steps
    do not depend on the size of gradients, and one lr suits networks of any width; choose it to compare with
    `muon`, which leaves all but hidden matrices to another optimizer. With constrained = true the weights end
    in the ball of the radius (Frank-Wolfe), which takes the place of weight decay.

    Domain: lr > 0 (at most 1 if constrained), momentum in [0, 1), radii > 0, ns_steps ≥ 1, eps > 0.

    Pethick, Xie, Antonakopoulos, Zhu, Silveti-Falls & Cevher, "Training Deep Learning Models with
    Norm-Constrained LMOs", ICML 2025, algorithms 1 and 2. https://arxiv.org/abs/2502.07529. There momentum is
    the share of the new gradient, 1 - momentum here. For language models they have radius 50 and
    output_radius 3000 with lr 4e-4, the preset "paper".
    """

    name: ClassVar[str] = "scion"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 4e-4,
            "momentum": 0.9,
            "radius": 50.0,
            "output_radius": 3000.0,
            "inner": "spectral",
            "output": "sign",
        },
    }

    lr: Hyper = hyper(0.02, "(0, inf)", search=log(1e-3, 0.3))
    momentum: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    radius: Hyper = hyper(1.0, "(0, inf)", search=log(0.3, 30.0))
    output_radius: Hyper = hyper(1.0, "(0, inf)", search=log(0.3, 100.0))
    inner: str = hyper("spectral", ("spectral", "sign"))
    output: str = hyper("sign", ("spectral", "sign"))
    constrained: bool = hyper(False, "bool")
    ns_steps: int = hyper(5, "int [1, inf)")
    eps: Hyper = hyper(1e-7, "(0, inf)")

    _spec: ClassVar[WeightSpec | None] = None  # the array that it updates; without it a matrix within

    def validate(self) -> None:
        """Raise ValueError for a rate that leaves the ball."""
        if self.constrained and self.lr > 1:
            raise ValueError(f"lr must be at most 1 where constrained is true, got {self.lr}")

    def fitted_to(self, specs: Sequence[WeightSpec]) -> Scion:
        twin = copy(self)
        object.__setattr__(twin, "_spec", specs[0])
        return twin

    def init(self, weight: Array) -> ScionState:
        return ScionState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: ScionState, t: int) -> tuple[Array, ScionState]:
        d = self.momentum * state.d + (1 - self.momentum) * grad
        last = self._spec is not None and self._spec.place == "output"
        vector = self._spec is not None and self._spec.role != "weight"
        radius = self.output_radius if last and not vector else self.radius
        change = (
            -self.lr * radius * self._longest(d, "bias" if vector else self.output if last else self.inner)
        )
        return change - self.lr * weight if self.constrained else change, ScionState(d)

    def _longest(self, d: Array, norm: str) -> Array:
        """Return the longest way down d, but for its sign."""
        _, fan_in, fan_out = d.shape
        if norm == "spectral":
            return (fan_out / fan_in) ** 0.5 * orthogonalized(d, self.ns_steps, QUINTIC, self.eps)
        if norm == "sign":
            return np.sign(d) / fan_in
        square = (d * d).reshape(len(d), 1, -1).mean(axis=2, keepdims=True)
        return d / (np.sqrt(square) + self.eps)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Scion]
