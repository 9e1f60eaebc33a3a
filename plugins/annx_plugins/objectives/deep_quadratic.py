"""Objective: deep_quadratic."""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, NoisyObjective, hookimpl, hyper, log

WIDTH = 0.6  # the standard deviation of an example


@cache
def hessian(dtype: Any) -> Array:
    """Return the Hessian of the benchmark, (100, 100): eigenvalues, then a rotation, of one generator."""
    legacy = np.random.RandomState(42)
    eigenvalues = np.concatenate([legacy.uniform(0, 1, 90), legacy.uniform(30, 60, 10)])
    rotation = _rotation(legacy, len(eigenvalues))
    made = (rotation.T @ (eigenvalues[:, None] * rotation)).astype(dtype)
    made.setflags(write=False)
    return made


def _rotation(legacy: np.random.RandomState, size: int) -> Array:
    """Return a uniformly random rotation, built up from the plane by one reflection a dimension."""
    angle = 2 * np.pi * legacy.uniform()
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for smaller in range(2, size):
        direction = legacy.normal(size=smaller + 1)
        mirror = -direction / np.linalg.norm(direction)
        mirror[0] += 1
        mirror /= np.linalg.norm(mirror)
        larger = np.eye(smaller + 1)
        larger[1:, 1:] = rotation
        rotation = larger - 2 * np.outer(mirror, mirror @ larger)
    return -rotation


@dataclass(frozen=True)
class DeepQuadratic(NoisyObjective):
    """A noisy quadratic with the spectrum of a deep network: many small curvatures, a few large ones.

        f(x) = ½ E (x - a)ᵀ Q (x - a) = ½ xᵀ Q x + ½ 0.6² tr Q,    a ~ N(0, 0.6² I)
        g    = Q (x - mean of `batch` examples a)                  the optimizer gets g; examples are new

    Of 100 eigenvalues of Q 90 are uniform in (0, 1) and 10 in (30, 60), as measured in networks; the largest
    is 53.1, so that gradient descent is stable below lr = 0.0377. The axes are rotated, so that a rate for
    each argument gains little. The minimum is f = 85.97 at 0, what the spread of the examples leaves. Choose
    it to see who follows the small curvatures while the large ones shake; in `noisy_quadratic` the noise
    has the covariance of the Hessian and the curvatures fall like 1 / i. Training starts at 1 in every
    argument: seeds differ by their noise.

    Domain: batch > 0, the examples of one step.

    Schneider, Balles & Hennig, "DeepOBS: A Deep Learning Optimizer Benchmark Suite", ICLR 2019, test problem
    quadratic_deep, https://openreview.net/forum?id=rJg6ssC5Y7, with a fixed set of 1000 examples and batches
    of 128. Spectrum: Chaudhari et al., "Entropy-SGD: Biasing Gradient Descent Into Wide Valleys", ICLR 2017,
    https://arxiv.org/abs/1611.01838. Rotation: Diaconis & Shahshahani, "The Subgroup Algorithm for Generating
    Uniform Random Variables", Probability in the Engineering and Informational Sciences 1 (1987), 15-32.
    https://doi.org/10.1017/S0269964800000255
    """

    name: ClassVar[str] = "deep_quadratic"
    dimensions: ClassVar[int] = 100
    floor: ClassVar[float] = 200 * 2.0**-52  # of the constant 85.97, in two roundings

    batch: Hyper = hyper(128.0, "(0, inf)", search=log(1.0, 1024.0))

    def start(self, rng: np.random.Generator) -> Array:
        return np.ones(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        curved = hessian(x.dtype)
        spread = 0.5 * WIDTH**2 * float(np.trace(curved))
        return 0.5 * (np.matmul(x, curved) * x).sum(axis=(1, 2)) + spread

    def draw(self, rng: np.random.Generator) -> Array:
        return rng.standard_normal(self.dimensions)

    def grad(self, x: Array, noise: Array) -> Array:
        mean = WIDTH / np.sqrt(self.batch) * noise
        return np.matmul(x - mean, hessian(x.dtype))


@hookimpl
def annx_objectives() -> list[type[NoisyObjective]]:
    return [DeepQuadratic]
