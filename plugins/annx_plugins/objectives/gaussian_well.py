"""Objective: gaussian_well."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class GaussianWell(Objective):
    """A well in a plain: the slope vanishes with the distance, and tells nothing but the direction.

        f(x) = 1 - exp(-½ Σᵢ xᵢ²)

    The minimum is f = 0 at 0. At a distance r the slope is r exp(-½ r²): 0.6 at 1, 0.03 at 3, 2e-5 at 5 and
    9e-8 at 6, where no fixed rate that is safe in the well gets anywhere. Methods that divide by the size of
    the gradient walk in at a constant pace. Training starts at `distance` from the minimum, in the direction
    (3, 4), repeated for D > 2, plus spread · N(0, 1) in each argument: with spread 0 nothing is random, and
    all seeds give the same.

    Domain: dimensions D a whole number of at least 1, distance and spread ≥ 0.

    Dennis & Welsch, "Techniques for nonlinear least squares and robust regression", Communications in
    Statistics - Simulation and Computation 7 (1978), 345-359: their robust loss, of the distance.
    https://doi.org/10.1080/03610917808812083
    """

    name: ClassVar[str] = "gaussian_well"

    dimensions: int = hyper(2, "int [1, inf)")
    distance: Hyper = hyper(3.0, "[0, inf)", search=linear(0.0, 6.0))
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        direction = np.resize([3.0, 4.0], self.dimensions)
        standard = self.distance * direction / np.sqrt((direction * direction).sum())
        return standard + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        return -np.expm1(-0.5 * (x * x).sum(axis=(1, 2)))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [GaussianWell]
