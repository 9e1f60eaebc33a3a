"""Objective: mccormick."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class McCormick(Objective):
    """McCormick's function: a trough along the diagonal with one hollow after the other, in a box.

        f(x) = sin(x₁ + x₂) + (x₁ - x₂)² - 1.5 x₁ + 2.5 x₂ + 1        x₁ in [-1.5, 4], x₂ in [-3, 4]

    The minimum is f = -√3/2 - π/3 = -1.913223 at (1/2 - π/3, -1/2 - π/3) = (-0.547198, -1.547198). A hollow π
    higher lies at (2.594395, 1.594395). Outside of the box f has no minimum, so that what leaves it is put
    back to its edge after each step. Choose it for a box that counts, and for a choice between two hollows.
    Training starts at (-1, 3), just on the side of the deeper one, where f = 26.909297, plus
    spread · N(0, 1) in each argument: with spread 0 nothing is random, and all seeds give the same.

    Domain: spread ≥ 0.

    Adorio & Diliman, "MVF - Multivariate Test Functions Library in C for Unconstrained Global Optimization",
    University of the Philippines, 2005; Jamil & Yang, "A Literature Survey of Benchmark Functions For Global
    Optimization Problems", International Journal of Mathematical Modelling and Numerical Optimisation 4
    (2013), 150-194, function 72. https://arxiv.org/abs/1308.4008
    """

    name: ClassVar[str] = "mccormick"
    dimensions: ClassVar[int] = 2
    floor: ClassVar[float] = 8 * 2.0**-52  # 2.5 x₂ is 3.9 at the minimum, and its neighbours cancel it
    bounds: ClassVar[tuple[tuple[float, float], tuple[float, float]]] = ((-1.5, -3.0), (4.0, 4.0))

    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.clip(np.array([-1.0, 3.0]) + self.spread * rng.standard_normal(2), *self.bounds)

    @property
    def minimum(self) -> Array:
        return np.array([0.5, -0.5]) - np.pi / 3

    def value(self, x: Array) -> Array:
        first, second = x[:, 0, 0], x[:, 0, 1]
        apart = first - second
        return np.sin(first + second) + apart * apart - 1.5 * first + 2.5 * second + 1


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [McCormick]
