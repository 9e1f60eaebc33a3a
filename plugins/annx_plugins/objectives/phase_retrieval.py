"""Objective: phase_retrieval."""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@cache
def measured(seed: int, measurements: int, dimensions: int, dtype: Any) -> tuple[Array, Array, Array]:
    """Return directions (m, D), the squares measured along them (m,), and the signal (D,), of length 1."""
    rng = np.random.default_rng(seed)
    along = rng.standard_normal((measurements, dimensions))
    signal = rng.standard_normal(dimensions)
    signal /= np.linalg.norm(signal)
    squares = (along @ signal) ** 2
    made = [array.astype(dtype) for array in (along, squares, signal)]
    for array in made:
        array.setflags(write=False)
    return made[0], made[1], made[2]


@dataclass(frozen=True)
class PhaseRetrieval(Objective):
    """Phase retrieval: find a signal from the sizes of its projections, whose signs are lost.

        f(x) = 1 / (4m) Σᵢ ((aᵢ·x)² - (aᵢ·s)²)²,  aᵢ ~ N(0, I)        i = 1 ... m measurements

    The minimum is f = 0 at ±s. 0 is a local maximum, and all x of length 1/√3 that are orthogonal to s are
    saddles of E f; with enough measurements there is no other hollow, with few there are. Choose it for the
    mixture of both: a slow start near the saddles from a random place, then fast descent.
    `matrix_factorization` has several plateaus in a row. Directions and signal, of length 1, are random by
    `data_seed`. Training starts at spread · N(0, 1) / √D in each argument.

    Domain: dimensions D and measurements whole numbers of at least 1, spread > 0, data_seed a whole number
    of at least 0.

    Candès, Li & Soltanolkotabi, "Phase Retrieval via Wirtinger Flow: Theory and Algorithms", IEEE
    Transactions on Information Theory 61 (2015), 1985-2007. https://arxiv.org/abs/1407.1065. Saddles: Sun, Qu
    & Wright, "A Geometric Analysis of Phase Retrieval", Foundations of Computational Mathematics 18 (2018),
    1131-1198, for complex signals. https://arxiv.org/abs/1602.06664
    """

    name: ClassVar[str] = "phase_retrieval"

    dimensions: int = hyper(10, "int [1, inf)")
    measurements: int = hyper(100, "int [1, inf)")
    data_seed: int = hyper(0, "int [0, inf)")
    spread: Hyper = hyper(1.0, "(0, inf)", search=linear(0.1, 1.0))

    def start(self, rng: np.random.Generator) -> Array:
        return self.spread * rng.standard_normal(self.dimensions) / np.sqrt(self.dimensions)

    @property
    def minimum(self) -> Array:
        signal = measured(self.data_seed, self.measurements, self.dimensions, np.dtype(np.float64))[2]
        return np.array([signal, -signal])

    def value(self, x: Array) -> Array:
        along, squares, _ = measured(self.data_seed, self.measurements, self.dimensions, x.dtype)
        projected = np.matmul(x, along.T)
        residuals = projected * projected - squares
        return (residuals * residuals).sum(axis=(1, 2)) / (4 * self.measurements)

    def residuals(self, x: Array) -> Array:
        along, squares, _ = measured(self.data_seed, self.measurements, self.dimensions, x.dtype)
        projected = np.matmul(x, along.T)
        return (projected * projected - squares) / np.sqrt(np.asarray(4 * self.measurements, x.dtype))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [PhaseRetrieval]
