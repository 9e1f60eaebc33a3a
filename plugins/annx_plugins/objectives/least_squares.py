"""Objective: least_squares."""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear, log


@cache
def drawn(seed: int, examples: int, dimensions: int, dtype: Any) -> tuple[Array, Array, Array, Array]:
    """Return normal features (n, D), uniform numbers of that shape, weights (D,) and normal noise (n,)."""
    rng = np.random.default_rng(seed)
    shape = examples, dimensions
    numbers = rng.standard_normal(shape), rng.random(shape), rng.standard_normal(dimensions)
    made = [array.astype(dtype) for array in (*numbers, rng.standard_normal(examples))]
    for array in made:
        array.setflags(write=False)
    return made[0], made[1], made[2], made[3]


@dataclass(frozen=True)
class LeastSquares(Objective):
    """Linear least squares, with features that may be rare and of different sizes.

        f(x) = 1 / (2n) ‖A x - b‖²,  b = A w + noise · N(0, 1)        n examples
        Aᵢⱼ ~ N(0, 1) sizeⱼ with probability `density`, else 0
        sizeⱼ evenly spaced in the logarithm from 1 to 1 / ratio

    The minimum is the solution of the normal equations, the one of smallest norm if D > n; f there is what
    the noise leaves. With a density of 1 and a ratio of 1 it is well conditioned. A ratio of r makes the
    condition number about r², along the axes, which methods that scale each argument by itself undo; rare
    features are what AdaGrad was made for. Choose it for such questions on a problem with an exact answer;
    in `quadratic` the curvatures are given by themselves. A, w and noise are random by `data_seed`.
    Training starts at 0 plus spread · N(0, 1) in each argument: with spread 0 all seeds give the same.

    Domain: examples and dimensions D whole numbers of at least 1, density in (0, 1], ratio ≥ 1, noise ≥ 0,
    data_seed a whole number of at least 0, spread ≥ 0.

    Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", Paris 1805. Rare features:
    Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    Journal of Machine Learning Research 12 (2011), 2121-2159. https://jmlr.org/papers/v12/duchi11a.html
    """

    name: ClassVar[str] = "least_squares"
    floor: ClassVar[float] = 16 * 2.0**-52  # (A x - b)² is what is left of squares of 4

    examples: int = hyper(100, "int [1, inf)")
    dimensions: int = hyper(10, "int [1, inf)")
    density: Hyper = hyper(1.0, "(0, 1]", search=linear(0.1, 1.0))
    ratio: Hyper = hyper(1.0, "[1, inf)", search=log(1.0, 1e3))
    noise: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 1.0))
    data_seed: int = hyper(0, "int [0, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        features, targets = self._data(np.dtype(np.float64))
        return np.linalg.lstsq(features.reshape(-1, self.dimensions), np.ravel(targets), rcond=None)[0]

    def value(self, x: Array) -> Array:
        features, targets = self._data(x.dtype)
        residuals = np.matmul(x, features.swapaxes(-1, -2)) - targets
        return (residuals * residuals).sum(axis=(1, 2)) / (2 * self.examples)

    def residuals(self, x: Array) -> Array:
        features, targets = self._data(x.dtype)
        residuals = np.matmul(x, features.swapaxes(-1, -2)) - targets
        return residuals / np.sqrt(np.asarray(2 * self.examples, x.dtype))

    def _data(self, dtype: Any) -> tuple[Array, Array]:
        """Return A (n, D) and b (1, n), both with an axis of trials where hyperparameters have one."""
        normal, uniform, weights, noise = drawn(self.data_seed, self.examples, self.dimensions, dtype)
        share = np.linspace(0, 1, self.dimensions, dtype=dtype)
        sizes = np.exp(-share * np.log(np.asarray(self.ratio, dtype=dtype)))
        features = np.where(uniform < self.density, normal, 0) * sizes
        exact = np.matmul(weights[None], features.swapaxes(-1, -2))
        return features, exact + np.asarray(self.noise, dtype=dtype) * noise


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [LeastSquares]
