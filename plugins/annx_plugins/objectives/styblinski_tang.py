"""Objective: styblinski_tang."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear

# The roots of f' = 2 x³ - 16 x + 5/2 are the hollow, the hilltop between both, and the shallower hollow.
DEEPEST = -2.9035340277711770


@dataclass(frozen=True)
class StyblinskiTang(Objective):
    """The function of Styblinski & Tang: each argument has a deep and a shallow hollow.

        f(x) = ½ Σᵢ (xᵢ⁴ - 16 xᵢ² + 5 xᵢ)        i = 1 ... D

    The minimum is f = -39.166166 D where every xᵢ is -2.903534. Where xᵢ is 2.746803 instead, the value is
    14.137 higher for each such argument, so that there are 2^D local minima. Arguments do not mix. Choose it
    to ask whether an optimizer crosses a low ridge or falls into the hollow that is nearest; `rastrigin` has
    far more hollows. Training starts at -1 in every argument, on the side of the deep hollow, plus
    spread · N(0, 1): with spread 0 nothing is random, and all seeds give the same; the ridge between both
    hollows is at 0.156731.

    Domain: dimensions D a whole number of at least 1, spread ≥ 0.

    Styblinski & Tang, "Experiments in Nonconvex Optimization: Stochastic Approximation with Function
    Smoothing and Simulated Annealing", Neural Networks 3 (1990), 467-483.
    https://doi.org/10.1016/0893-6080(90)90029-K
    """

    name: ClassVar[str] = "styblinski_tang"
    floor: ClassVar[float] = 136 * 2.0**-52  # of D = 2: 16 xᵢ² / 2 is 67.4 in each argument

    dimensions: int = hyper(2, "int [1, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.full(self.dimensions, -1.0) + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.full(self.dimensions, DEEPEST)

    def value(self, x: Array) -> Array:
        squares = x * x
        return 0.5 * (squares * (squares - 16) + 5 * x).sum(axis=(1, 2))  # no inf - inf far out


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [StyblinskiTang]
