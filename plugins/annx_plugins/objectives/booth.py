"""Objective: booth."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Booth(Objective):
    """Booth's function: a slanted bowl, a quadratic that is not written along its axes.

        f(x) = (x₁ + 2 x₂ - 7)² + (2 x₁ + x₂ - 5)²

    The minimum is f = 0 at (1, 3), where both lines cross. The Hessian has the eigenvalues 2 and 18 along
    (1, -1) and (1, 1). Choose it as an easy test for a mixture of both arguments: methods that scale each
    argument by itself gain nothing here. `matyas` is the same with a condition of 25 and its minimum at 0.
    Training starts at (-5, 5), where f = 104, plus spread · N(0, 1) in each argument: with spread 0 nothing
    is random, and all seeds give the same.

    Domain: spread ≥ 0.

    Jamil & Yang, "A Literature Survey of Benchmark Functions For Global Optimization Problems", International
    Journal of Mathematical Modelling and Numerical Optimisation 4 (2013), 150-194, function 17.
    https://arxiv.org/abs/1308.4008
    """

    name: ClassVar[str] = "booth"
    dimensions: ClassVar[int] = 2
    floor: ClassVar[float] = 7**2 * 2.0**-52  # (x₁ + 2 x₂ - 7)² is what is left of 7²

    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([-5.0, 5.0]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array:
        return np.array([1.0, 3.0])

    def value(self, x: Array) -> Array:
        first, second = x[:, 0, 0], x[:, 0, 1]
        one, other = first + 2 * second - 7, 2 * first + second - 5
        return one * one + other * other

    def residuals(self, x: Array) -> Array:
        first, second = x[:, :, :1], x[:, :, 1:]
        return np.concatenate([first + 2 * second - 7, 2 * first + second - 5], axis=2)


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Booth]
