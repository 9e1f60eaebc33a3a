"""Activations of the special forms, for the places of a network under check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore.contract.kinds import Activation, Array, LearnedActivation, RandomActivation, Weights, WeightSpec
from anncore.engine.arrays import sum_examples


@dataclass(frozen=True)
class Learning(LearnedActivation):
    """z / √(1 + z²) + tilt z, with a tilt to learn for every unit."""

    name: ClassVar[str] = "learning"
    does: ClassVar[str] = "learns"

    def specs(self, units: int) -> Sequence[WeightSpec]:
        """Return the tilts."""
        return [WeightSpec("tilt", (1, units), 1, units, "gain", 0.1)]

    def forward(self, z: Array, weights: Weights) -> Array:
        """Return f(z)."""
        return z / np.sqrt(1 + z * z) + weights["tilt"] * z

    def backward(self, grad: Array, z: Array, a: Array, weights: Weights, grads: Weights) -> Array:
        """Return ∂L/∂z, and write the gradient of the tilts."""
        sum_examples(grad * z, out=grads["tilt"])
        return grad * ((1 + z * z) ** -1.5 + weights["tilt"])


@dataclass(frozen=True)
class Drawing(RandomActivation):
    """(1 + u) z / √(1 + z²), u from U(0, 1), 1/2 in evaluation."""

    name: ClassVar[str] = "drawing"
    does: ClassVar[str] = "draws"

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return the numbers of one trial."""
        return rng.random(shape)

    def forward(self, z: Array, noise: Array | None) -> Array:
        """Return f(z)."""
        return (1 + _or_half(noise)) * z / np.sqrt(1 + z * z)

    def backward(self, grad: Array, z: Array, a: Array, noise: Array | None) -> Array:
        """Return ∂L/∂z."""
        return (1 + _or_half(noise)) * grad * (1 + z * z) ** -1.5


def _or_half(noise: Array | None) -> Any:
    return 0.5 if noise is None else noise


@dataclass(frozen=True)
class Gating(Activation):
    """u v / √(1 + v²) of z = (u, v): half as many units as pre-activations."""

    name: ClassVar[str] = "gating"
    does: ClassVar[str] = "gates"

    def width(self, units: int) -> int:
        """Return two pre-activations for a unit."""
        return 2 * units

    def forward(self, z: Array) -> Array:
        """Return f(z)."""
        u, v = np.split(z, 2, axis=2)
        return u * v / np.sqrt(1 + v * v)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return ∂L/∂z."""
        u, v = np.split(z, 2, axis=2)
        return np.concatenate([grad * v / np.sqrt(1 + v * v), grad * u * (1 + v * v) ** -1.5], axis=2)


STAND_INS: tuple[Any, ...] = (Learning, Drawing, Gating)
