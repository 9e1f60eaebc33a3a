"""Objective: ackley."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear

DEPTH, WIDTH = 20.0, 0.2  # of the funnel


@dataclass(frozen=True)
class Ackley(Objective):
    """Ackley's function: a flat plain full of dents around a steep funnel.

        f(x) = 20 (1 - exp(-0.2 r)) + e - exp(mean cos 2π xᵢ)        r = √(mean xᵢ²)

    The minimum is f = 0 at 0, the tip of a cone: f rises there like 4 r, and its gradient, which does not
    exist at 0, is set to 0. So no fixed rate comes to rest, and what decides is how a method slows down. Far
    out the funnel is flat, and each dent of unit width holds those who take short steps. Choose it for the
    contrast of both; `rastrigin` has dents in a bowl, `griewank` in a very wide one. Training starts at
    (2.5, -1.5), repeated for D > 2, plus spread · N(0, 1) in each argument: with spread 0 nothing is random,
    and all seeds give the same.

    Domain: dimensions D a whole number of at least 1, spread ≥ 0.

    Ackley, "A Connectionist Machine for Genetic Hillclimbing", Kluwer 1987, for D = 2.
    https://doi.org/10.1007/978-1-4613-1997-9. For any D as in Bäck, "Evolutionary Algorithms in Theory and
    Practice", Oxford University Press 1996.
    """

    name: ClassVar[str] = "ackley"
    floor: ClassVar[float] = 23 * 2.0**-52  # 20 + e cancel

    dimensions: int = hyper(2, "int [1, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        standard = np.resize([2.5, -1.5], self.dimensions)
        return standard + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        # expm1 keeps the digits near 0, where both pairs of terms cancel.
        funnel = -DEPTH * np.expm1(-WIDTH * self._radius(x)[:, 0, 0])
        ripples = np.cos(2 * np.pi * x).mean(axis=2)[:, 0] - 1
        return funnel - np.e * np.expm1(ripples)

    def grad(self, x: Array) -> Array:
        # By hand because the derived one divides 0 by 0 at the minimum.
        radius = self._radius(x)
        cone = np.where(radius > 0, x, 0) / np.where(radius > 0, radius, 1)
        funnel = DEPTH * WIDTH * np.exp(-WIDTH * radius) * cone
        ripples = (
            2 * np.pi * np.sin(2 * np.pi * x) * np.exp(np.cos(2 * np.pi * x).mean(axis=2, keepdims=True))
        )
        return (funnel + ripples) / self.dimensions

    def _radius(self, x: Array) -> Array:
        # The largest argument is taken out of the root: squares of tiny and huge ones leave the range.
        largest = np.abs(x).max(axis=2, keepdims=True)
        scaled = x / np.where(largest > 0, largest, 1)
        return largest * np.sqrt((scaled * scaled).mean(axis=2, keepdims=True))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Ackley]
