"""Objective: rosenbrock."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Rosenbrock(Objective):
    """Rosenbrock's banana: a curved valley with steep walls and a flat floor.

        f(x) = Σᵢ 100 (xᵢ₊₁ - xᵢ²)² + (1 - xᵢ)²        i = 1 ... D - 1

    The minimum is f = 0 at (1, ..., 1). For D = 2 the Hessian there has the eigenvalues 0.4 and 1001.6: a
    rate that is stable between the walls is very slow along the floor. For D = 4 to 7 there is one more local
    minimum, near (-1, 1, ..., 1). Training starts at (-1.2, 1), repeated for D > 2, plus spread · N(0, 1) in
    each argument: with spread 0 nothing is random, and all seeds give the same.

    Domain: dimensions D a whole number of at least 2, spread ≥ 0.

    Rosenbrock, "An Automatic Method for Finding the Greatest or Least Value of a Function", The Computer
    Journal 3 (1960), 175-184. https://doi.org/10.1093/comjnl/3.3.175. For D > 2 the chained form of
    scipy.optimize.rosen; the extended form of Moré, Garbow & Hillstrom couples pairs only.
    """

    name: ClassVar[str] = "rosenbrock"
    floor: ClassVar[float] = 100 * 2.0**-52  # 100 (x₂ - x₁²)² at (1, 1) is what is left of 100

    dimensions: int = hyper(2, "int [2, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        standard = np.resize([-1.2, 1.0], self.dimensions)
        return standard + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.ones(self.dimensions)

    def value(self, x: Array) -> Array:
        low, high = x[:, :, :-1], x[:, :, 1:]
        return (100 * (high - low * low) ** 2 + (1 - low) ** 2).sum(axis=(1, 2))

    def residuals(self, x: Array) -> Array:
        low, high = x[:, :, :-1], x[:, :, 1:]
        return np.concatenate([10 * (high - low * low), 1 - low], axis=2)

    def grad(self, x: Array) -> Array:
        # By hand for speed: steps are so short that the derived gradient would double them.
        low, high = x[:, :, :-1], x[:, :, 1:]
        above = high - low * low
        slope = np.zeros_like(x)
        slope[:, :, :-1] = -400 * low * above - 2 * (1 - low)
        slope[:, :, 1:] += 200 * above
        return slope


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Rosenbrock]
