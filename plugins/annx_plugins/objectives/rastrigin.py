"""Objective: rastrigin."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Rastrigin(Objective):
    """Rastrigin's function: a bowl whose floor is a regular grid of deep dents.

        f(x) = 10 D + Σᵢ (xᵢ² - 10 cos 2π xᵢ)        i = 1 ... D

    The minimum is f = 0 at 0; a local one lies near every point of whole numbers, about as high as the square
    of its distance. All dents are equally curved: the Hessian is (2 + 40 π²) I at 0, so that gradient descent
    is stable below lr = 0.005. Choose it to see how far momentum or noise carries an optimizer over ridges of
    height 20: without them it ends in the dent where it started. `griewank` has dents that hardly matter,
    `styblinski_tang` only two hollows for each argument. Training starts at (2.3, -1.7), repeated for D > 2,
    plus spread · N(0, 1) in each argument: with spread 0 nothing is random, and all seeds give the same.

    Domain: dimensions D a whole number of at least 1, spread ≥ 0.

    Rastrigin, "Systems of Extremal Control", Nauka, Moscow 1974 (in Russian), for D = 2. For any D as in
    Mühlenbein, Schomisch & Born, "The parallel genetic algorithm as function optimizer", Parallel Computing
    17 (1991), 619-632. https://doi.org/10.1016/S0167-8191(05)80052-3
    """

    name: ClassVar[str] = "rastrigin"

    dimensions: int = hyper(2, "int [1, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        standard = np.resize([2.3, -1.7], self.dimensions)
        return standard + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        # 10 - 10 cos 2πx = 20 sin² πx, where nothing cancels near 0
        ripple = np.sin(np.pi * x)
        return (x * x + 20 * ripple * ripple).sum(axis=(1, 2))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Rastrigin]
