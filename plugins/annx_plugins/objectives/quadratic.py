"""Objective: quadratic."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear, log


@cache
def basis(seed: int, dimensions: int, dtype: Any) -> Array:
    """Return a random rotation of the space, (D, D), which depends only on the seed."""
    normal = np.random.default_rng(seed).standard_normal((dimensions, dimensions))
    orthogonal, upper = np.linalg.qr(normal)
    # The signs make it uniform over all orthogonal matrices and independent of LAPACK's signs.
    rotation = (orthogonal * np.sign(np.diagonal(upper))).astype(dtype)
    rotation.setflags(write=False)
    return rotation


@dataclass(frozen=True)
class Quadratic(Objective):
    """A convex quadratic with a given condition number, along the axes or rotated.

        f(x) = ½ Σᵢ λᵢ yᵢ²,  y = x, or y = x Q if rotated
        ∂f/∂x = λ y,  or (λ y) Qᵀ

    The λᵢ are evenly spaced in the logarithm from 1 to `condition`. Training starts at y = (-1, 1, -1, ...)
    plus spread · N(0, 1): with spread 0 nothing is random, and all seeds give the same. The rotation only
    changes the coordinates: gradient descent and momentum give the same values, but methods that scale each
    argument by itself (AdaGrad, Adam) lose their advantage. Q is a uniformly random orthogonal matrix of
    `rotation_seed`.

    The best fixed rate of gradient descent is 2 / (1 + condition); each step then shrinks the distance to the
    minimum by (condition - 1) / (condition + 1). Beyond 2 / condition it diverges.

    Domain: condition ≥ 1, dimensions D a whole number of at least 2, spread ≥ 0, rotated true or false,
    rotation_seed a whole number of at least 0.

    Rates: Polyak, "Introduction to Optimization", Optimization Software, New York 1987, section 1.4;
    Nesterov, "Introductory Lectures on Convex Optimization", Kluwer 2004, theorem 2.1.15.
    https://doi.org/10.1007/978-1-4419-8853-9. Uniform Q: Mezzadri, "How to generate random matrices from
    the classical compact groups", Notices of the AMS 54 (2007). https://arxiv.org/abs/math-ph/0609050
    """

    name: ClassVar[str] = "quadratic"
    companion: ClassVar[Mapping[str, Any]] = {"condition": 30.0, "rotated": True, "spread": 0.3}

    condition: Hyper = hyper(100.0, "[1, inf)", search=log(1e1, 1e6))
    dimensions: int = hyper(2, "int [2, inf)")
    rotated: bool = hyper(False, "bool")
    rotation_seed: int = hyper(0, "int [0, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        y = np.resize([-1.0, 1.0], self.dimensions) + self.spread * rng.standard_normal(self.dimensions)
        return self._basis(np.dtype(np.float64)) @ y if self.rotated else y

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def value(self, x: Array) -> Array:
        y = self._along(x)
        return (0.5 * self._curvature(x) * y * y).sum(axis=(1, 2))

    def _along(self, x: Array) -> Array:
        return np.matmul(x, self._basis(x.dtype)) if self.rotated else x

    def _curvature(self, x: Array) -> Array:
        share = np.linspace(0, 1, self.dimensions, dtype=x.dtype)
        # exp and not a power: NumPy computes powers of one number and of an array differently.
        return np.exp(share * np.log(np.asarray(self.condition, dtype=x.dtype))).reshape(-1, 1, len(share))

    def _basis(self, dtype: Any) -> Array:
        return basis(self.rotation_seed, self.dimensions, dtype)


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Quadratic]
