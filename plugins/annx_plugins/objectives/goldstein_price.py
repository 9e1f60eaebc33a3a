"""Objective: goldstein_price."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class GoldsteinPrice(Objective):
    """The function of Goldstein & Price: four hollows between walls of the eighth degree.

        f(x) = (1 + (s + 1)² (3 s² - 14 s + 19)) (3 + (u - 3)² (3 u² + 2 u + 3))
        s = x₁ + x₂,  u = 2 x₁ - 3 x₂

    The minimum is f = 3 at (0, -1), where s = -1 and u = 3 make both factors as small as they get. Other
    hollows have the values 30 at (-0.6, -0.4), 84 at (1.8, 0.2) and 840 at (1.2, 0.8). A unit from the
    minimum f is in the thousands: the gradient grows by orders of magnitude within a few steps. Choose it for
    such scales; `beale` has its walls only at the corners. Training starts at (-0.5, 0.25), where
    f = 2738.7433, plus spread · N(0, 1) in each argument: with spread 0 nothing is random, and all seeds give
    the same.

    Domain: spread ≥ 0.

    Goldstein & Price, "On Descent from Local Minima", Mathematics of Computation 25 (1971), 569-574.
    The usual form has 30 + u² (18 - 32 x₁ + 12 x₁² + 48 x₂ - 36 x₁ x₂ + 27 x₂²) as its second factor, which
    is the same number; here nothing cancels near the minimum.
    """

    name: ClassVar[str] = "goldstein_price"
    dimensions: ClassVar[int] = 2
    floor: ClassVar[float] = 12 * 2.0**-52  # two roundings of 3 in each of two factors

    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([-0.5, 0.25]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array:
        return np.array([0.0, -1.0])

    def value(self, x: Array) -> Array:
        s = x[:, 0, 0] + x[:, 0, 1]
        u = 2 * x[:, 0, 0] - 3 * x[:, 0, 1]
        first = 1 + (s + 1) * (s + 1) * (3 * s * s - 14 * s + 19)
        second = 3 + (u - 3) * (u - 3) * (3 * u * u + 2 * u + 3)
        return first * second


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [GoldsteinPrice]
