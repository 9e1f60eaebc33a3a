"""Objective: student_noise."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, NoisyObjective, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class StudentNoise(NoisyObjective):
    """A bowl under noise with heavy tails: most gradients are good, a few are enormous.

        f(x) = ½ Σᵢ xᵢ²                       i = 1 ... D
        g    = x + size ε,  ε ~ Student's t with `tails` degrees of freedom, new in every step

    With `tails` of at most 2 the noise has no finite variance, and gradient descent, however small its fixed
    rate is, is thrown far away now and then; clipping a gradient, or dividing it by its size, limits that.
    With large `tails` the noise is Gaussian. The values are those of f, without noise. Training starts at
    (-3, 4), repeated for D > 2, plus spread · N(0, 1) in each argument.

    Domain: dimensions D a whole number of at least 1, tails > 0, size > 0, spread ≥ 0.

    Zhang, Karimireddy, Veit, Kim, Reddi, Kumar & Sra, "Why are Adaptive Methods Good for Attention Models?",
    NeurIPS 2020. https://arxiv.org/abs/1912.03194
    """

    name: ClassVar[str] = "student_noise"

    dimensions: int = hyper(10, "int [1, inf)")
    tails: Hyper = hyper(1.5, "(0, inf)", search=log(1.0, 30.0))
    size: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.resize([-3.0, 4.0], self.dimensions) + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        return (0.5 * x * x).sum(axis=(1, 2))

    def draw(self, rng: np.random.Generator) -> Array:
        return rng.standard_t(self.tails, self.dimensions)

    def grad(self, x: Array, noise: Array) -> Array:
        return x + self.size * noise


@hookimpl
def annx_objectives() -> list[type[NoisyObjective]]:
    return [StudentNoise]
