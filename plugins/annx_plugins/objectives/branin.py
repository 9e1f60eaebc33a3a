"""Objective: branin."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear

BEND, SLOPE, RIPPLE = 5.1 / (4 * np.pi**2), 5 / np.pi, 10 * (1 - 1 / (8 * np.pi))


@dataclass(frozen=True)
class Branin(Objective):
    """Branin's function: a curved valley with three equally deep hollows in its usual window.

        f(x) = (x₂ - b x₁² + c x₁ - 6)² + 10 (1 - t) cos x₁ + 10
        b = 5.1 / (4 π²),  c = 5 / π,  t = 1 / (8 π)

    The minimum is f = 10 t = 5 / (4 π) = 0.397887 at (-π, 12.275), (π, 2.275) and (3π, 2.475); the same
    hollow comes back at every odd multiple of π. Choose it for a curved valley whose floor goes up and down:
    all hollows count the same, and a path shows which one training reached. `himmelblau` has four hollows
    without a valley between them. Training starts at (2.5, 12.5), where f = 95.844668, plus spread · N(0, 1)
    in each argument: with spread 0 nothing is random, and all seeds give the same.

    Domain: spread ≥ 0.

    Branin, "Widely Convergent Method for Finding Multiple Solutions of Simultaneous Nonlinear Equations",
    IBM Journal of Research and Development 16 (1972), 504-522. https://doi.org/10.1147/rd.165.0504.
    Constants as in Dixon & Szegö, "Towards Global Optimisation 2", North-Holland 1978.
    """

    name: ClassVar[str] = "branin"
    dimensions: ClassVar[int] = 2
    floor: ClassVar[float] = 20 * 2.0**-52  # 10 + 10 (1 - t) cos x₁ is what is left of both

    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([2.5, 12.5]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array:
        return np.array([[-np.pi, 12.275], [np.pi, 2.275], [3 * np.pi, 2.475]])

    def value(self, x: Array) -> Array:
        first, second = x[:, 0, 0], x[:, 0, 1]
        aside = second - BEND * first * first + SLOPE * first - 6
        return aside * aside + RIPPLE * np.cos(first) + 10


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Branin]
