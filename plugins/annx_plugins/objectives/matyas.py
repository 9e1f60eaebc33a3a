"""Objective: matyas."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Matyas(Objective):
    """Matyas' function: a long shallow trough along the diagonal.

        f(x) = 0.26 (x₁² + x₂²) - 0.48 x₁ x₂

    The minimum is f = 0 at (0, 0). The Hessian has the eigenvalues 0.04 along (1, 1) and 1 along (1, -1), so
    that gradient descent soon lies on the diagonal and then creeps. Choose it to see whether momentum pays
    where nothing but a small slope is left; `booth` is steeper and better conditioned. Training starts at
    (-8, 6), where f = 49.04, plus spread · N(0, 1) in each argument: with spread 0 nothing is random, and
    all seeds give the same.

    Domain: spread ≥ 0.

    Matyas, "Random optimization", Automation and Remote Control 26 (1965), 246-253. Constants as in Jamil &
    Yang, "A Literature Survey of Benchmark Functions For Global Optimization Problems", International
    Journal of Mathematical Modelling and Numerical Optimisation 4 (2013), 150-194, function 71.
    https://arxiv.org/abs/1308.4008
    """

    name: ClassVar[str] = "matyas"
    dimensions: ClassVar[int] = 2

    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([-8.0, 6.0]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array:
        return np.zeros(2)

    def value(self, x: Array) -> Array:
        first, second = x[:, 0, 0], x[:, 0, 1]
        return 0.26 * (first * first + second * second) - 0.48 * first * second


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Matyas]
