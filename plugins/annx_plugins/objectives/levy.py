"""Objective: levy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Levy(Objective):
    """Lévy's function: parallel furrows of growing depth, crossed by fine ripples.

        f(x) = sin²(π w₁) + Σᵢ (wᵢ - 1)² (1 + 10 sin²(π wᵢ + 1)) + (w_D - 1)² (1 + sin²(2π w_D))
        wᵢ = 1 + (xᵢ - 1) / 4        i = 1 ... D - 1 in the sum

    The minimum is f = 0 at (1, ..., 1). The last argument is special: it has no furrows of its own, only
    ripples. Choose it for walls that stand across the way to the minimum while the other direction is open;
    in `rastrigin` all directions are equal. Training starts at (-5, 5), repeated for D > 2, plus
    spread · N(0, 1) in each argument: with spread 0 nothing is random, and all seeds give the same.

    Domain: dimensions D a whole number of at least 1, spread ≥ 0.

    Levy & Montalvo, "The Tunneling Algorithm for the Global Minimization of Functions", SIAM Journal on
    Scientific and Statistical Computing 6 (1985), 15-29. https://doi.org/10.1137/0906002. In the form of
    Laguna & Martí, "Experimental Testing of Advanced Scatter Search Designs for Global Optimization of
    Multimodal Functions", Journal of Global Optimization 33 (2005), 235-255.
    https://doi.org/10.1007/s10898-004-1936-z
    """

    name: ClassVar[str] = "levy"

    dimensions: int = hyper(2, "int [1, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        standard = np.resize([-5.0, 5.0], self.dimensions)
        return standard + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.ones(self.dimensions)

    def value(self, x: Array) -> Array:
        away = (x - 1) / 4  # w - 1: sines of whole turns more are the same, and exact near the minimum
        first, others, last = away[:, :, :1], away[:, :, :-1], away[:, :, -1:]
        furrows, ripples = np.sin(np.pi * others + 1), np.sin(2 * np.pi * last)
        wall = np.sin(np.pi * first)
        value = wall * wall + last * last * (1 + ripples * ripples)
        return value[:, 0, 0] + (others * others * (1 + 10 * furrows * furrows)).sum(axis=(1, 2))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Levy]
