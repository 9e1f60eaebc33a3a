"""Objective: sphere."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Sphere(Objective):
    """The sphere: the easiest function there is, equally curved in every direction.

        f(x) = Σᵢ xᵢ²        i = 1 ... D

    The minimum is f = 0 at 0. Gradient descent with lr = 1/2 is there after one step, with lr = 1 it jumps
    between x and -x, and above it diverges. Choose it to see what an optimizer does without any difficulty:
    how fast it slows down near the minimum, and whether it comes to rest there. `quadratic` has a condition
    number on top. Training starts at (-3, 4), repeated for D > 2, plus spread · N(0, 1) in each argument:
    with spread 0 nothing is random, and all seeds give the same.

    Domain: dimensions D a whole number of at least 1, spread ≥ 0.

    Rechenberg, "Evolutionsstrategie", Frommann-Holzboog, Stuttgart 1973; as f₁ in De Jong, "An Analysis of
    the Behavior of a Class of Genetic Adaptive Systems", PhD thesis, University of Michigan, 1975.
    """

    name: ClassVar[str] = "sphere"

    dimensions: int = hyper(2, "int [1, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        standard = np.resize([-3.0, 4.0], self.dimensions)
        return standard + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        return (x * x).sum(axis=(1, 2))

    def residuals(self, x: Array) -> Array:
        return x


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Sphere]
