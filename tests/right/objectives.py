"""Right objectives: a noisy one, one with residuals, and a game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Game, NoisyObjective, Objective, hyper
from anncore.contract.kinds import Array


@dataclass(frozen=True)
class Bowl(NoisyObjective):
    """A round bowl, seen through noise.

        f(x) = ½ Σᵢ xᵢ²

    From dimensions numbers of 1. Nobody, "Bowls", 2020.
    """

    name: ClassVar[str] = "bowl"
    dimensions: int = hyper(3, "int [1, inf)")

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def start(self, rng: np.random.Generator) -> Array:
        return np.ones(self.dimensions)

    def value(self, x: Array) -> Array:
        return (x * x).sum(axis=(1, 2)) / 2

    def draw(self, rng: np.random.Generator) -> Array:
        return rng.standard_normal(self.dimensions)

    def grad(self, x: Array, noise: Array) -> Array:
        return x + noise


@dataclass(frozen=True)
class Ditch(Objective):
    """A ditch with a round floor.

        f(x) = (x₁ - 1)² + 4 (x₂ - x₁²)²

    Nobody, "Ditches", 2020.
    """

    name: ClassVar[str] = "ditch"
    dimensions: ClassVar[int] = 2

    @property
    def minimum(self) -> Array:
        return np.ones(2)

    def start(self, rng: np.random.Generator) -> Array:
        return np.zeros(2)

    def value(self, x: Array) -> Array:
        one, other = x[:, 0, 0] - 1, x[:, 0, 1] - x[:, 0, 0] * x[:, 0, 0]
        return one * one + 4 * (other * other)

    def residuals(self, x: Array) -> Array:
        first, second = x[:, :, :1], x[:, :, 1:]
        return np.concatenate([first - 1, 2 * (second - first * first)], axis=2)


@dataclass(frozen=True)
class Tug(Game):
    """A tug of two over a saddle.

        p(x, y) = x y + (x² - y²) / 4

    x descends, y ascends. Nobody, "Tugs", 2020.
    """

    name: ClassVar[str] = "tug"
    dimensions: ClassVar[int] = 2
    ascending: ClassVar[tuple[bool, ...]] = (False, True)

    @property
    def minimum(self) -> Array:
        return np.zeros(2)

    def start(self, rng: np.random.Generator) -> Array:
        return np.ones(2)

    def payoff(self, x: Array) -> Array:
        one, other = x[:, 0, 0], x[:, 0, 1]
        return one * other + (one * one - other * other) / 4
