"""Objective: six_hump_camel."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class SixHumpCamel(Objective):
    """The six-hump camel back: six hollows in three pairs, of which one pair is deepest.

        f(x) = (4 - 2.1 x₁² + x₁⁴ / 3) x₁² + x₁ x₂ + (4 x₂² - 4) x₂²

    The minimum is f = -1.031628 at (0.089842, -0.712656) and its mirror image through (0, 0). The other
    hollows have f = -0.215464 at ±(1.703607, -0.796084) and f = 2.104250 at ±(1.607105, 0.568651). Choose it
    for hollows of different depth that lie close together; in `himmelblau` and `branin` all are equally deep.
    Training starts at (-2, 1), where f = 1.733333, plus spread · N(0, 1) in each argument: with spread 0
    nothing is random, and all seeds give the same.

    Domain: spread ≥ 0.

    Branin, "Widely Convergent Method for Finding Multiple Solutions of Simultaneous Nonlinear Equations",
    IBM Journal of Research and Development 16 (1972), 504-522. https://doi.org/10.1147/rd.165.0504; Dixon &
    Szegö, "Towards Global Optimisation 2", North-Holland 1978.
    """

    name: ClassVar[str] = "six_hump_camel"
    dimensions: ClassVar[int] = 2
    floor: ClassVar[float] = 4 * 2.0**-52  # (4 x₂² - 4) x₂² at the minimum is what is left of 2

    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([-2.0, 1.0]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array:
        place = np.array([0.08984201310031806, -0.7126564030207396])
        return np.array([place, -place])

    def value(self, x: Array) -> Array:
        first, second = x[:, 0, 0], x[:, 0, 1]
        one, other = first * first, second * second
        return (4 - 2.1 * one + one * one / 3) * one + first * second + (4 * other - 4) * other


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [SixHumpCamel]
