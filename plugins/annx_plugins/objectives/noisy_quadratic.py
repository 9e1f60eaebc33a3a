"""Objective: noisy_quadratic."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, NoisyObjective, hookimpl, hyper, log


@dataclass(frozen=True)
class NoisyQuadratic(NoisyObjective):
    """The noisy quadratic model: a model of the last phase of a network's training.

        f(x) = ½ Σᵢ hᵢ xᵢ²,  hᵢ = 1 / i              i = 1 ... D
        g    = h x + √(h / batch) ε,  ε ~ N(0, 1)     the optimizer gets g; ε is new in every step

    The covariance of the gradient's noise is the Hessian divided by a batch size. Training starts at N(0, 1)
    in every argument; the values are those of f, without noise. Gradient descent with rate lr converges to

        E f = Σᵢ lr hᵢ / (2 batch (2 - lr hᵢ))

    so with a small rate it is slow, and with a large one f stays high. Schedules, momentum and averaging
    try to avoid both.

    Domain: dimensions D a whole number of at least 1, batch > 0.

    Zhang, Li, Nado, Martens, Sachdeva, Dahl, Shallue & Grosse, "Which Algorithmic Choices Matter at Which
    Batch Sizes? Insights From a Noisy Quadratic Model", NeurIPS 2019. https://arxiv.org/abs/1907.04164.
    There D = 10⁴. The noisy quadratic of DeepOBS is different: its noise moves the minimum, and its value
    is noisy too.
    """

    name: ClassVar[str] = "noisy_quadratic"

    dimensions: int = hyper(100, "int [1, inf)")
    batch: Hyper = hyper(1.0, "(0, inf)", search=log(1.0, 1e4))

    def start(self, rng: np.random.Generator) -> Array:
        return rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        return (0.5 * self._curvature(x) * x * x).sum(axis=(1, 2))

    def draw(self, rng: np.random.Generator) -> Array:
        return rng.standard_normal(self.dimensions)

    def grad(self, x: Array, noise: Array) -> Array:
        h = self._curvature(x)
        return h * x + np.sqrt(h / self.batch) * noise

    def _curvature(self, x: Array) -> Array:
        return 1 / np.arange(1, self.dimensions + 1, dtype=x.dtype)


@hookimpl
def annx_objectives() -> list[type[NoisyObjective]]:
    return [NoisyQuadratic]
