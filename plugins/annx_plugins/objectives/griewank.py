"""Objective: griewank."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Griewank(Objective):
    """Griewank's function: a very wide, very flat bowl with ripples on it.

        f(x) = 1 + Σᵢ xᵢ² / 4000 - Πᵢ cos(xᵢ / √i)        i = 1 ... D

    The minimum is f = 0 at 0. The bowl's slope is x / 2000, so that near 0 the ripples of height 2 are all
    there is, and far out, where f is usually started, they hardly matter. With D the product of cosines
    vanishes: the function becomes easier. Choose it for dents of different widths along different arguments,
    and to see who still gets along with a tiny slope; `rastrigin` has equal dents in a steep bowl. Training
    starts at (-8, 6), repeated for D > 2, plus spread · N(0, 1) in each argument: with spread 0 nothing is
    random, and all seeds give the same.

    Domain: dimensions D a whole number of at least 1, spread ≥ 0.

    Griewank, "Generalized Descent for Global Optimization", Journal of Optimization Theory and Applications
    34 (1981), 11-39. https://doi.org/10.1007/BF00933356. There with 200 in place of 4000 for D = 2; 4000 as
    in Törn & Žilinskas, "Global Optimization", Springer 1989. https://doi.org/10.1007/3-540-50871-6
    """

    name: ClassVar[str] = "griewank"

    dimensions: int = hyper(2, "int [1, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        standard = np.resize([-8.0, 6.0], self.dimensions)
        return standard + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        widths = np.sqrt(np.arange(1, self.dimensions + 1, dtype=x.dtype))
        bowl = (x * x).sum(axis=(1, 2)) / 4000
        return bowl + (1 - np.cos(x / widths).prod(axis=2)[:, 0])


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Griewank]
