"""Objective: matrix_factorization."""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, log


@cache
def directions(seed: int, size: int, rank: int, side: int, dtype: Any) -> Array:
    """Return orthonormal columns (size, rank), random by the seed; side 0 is left and 1 right."""
    normal = np.random.default_rng([seed, side]).standard_normal((size, rank))
    orthogonal, upper = np.linalg.qr(normal)
    columns = (orthogonal * np.sign(np.diagonal(upper))).astype(dtype)
    columns.setflags(write=False)
    return columns


@dataclass(frozen=True)
class MatrixFactorization(Objective):
    """A matrix as the product of two factors: a linear network with one hidden layer, seen by itself.

        f(U, V) = ½ ‖U V - M‖²        U (rows, width), V (width, columns), x = both, row by row
        M = Σₖ σₖ aₖ bₖᵀ, k = 1 ... rank, σₖ evenly spaced in the logarithm from 1 to 1 / condition

    It is not convex, but every minimum is global: f = ½ Σ σₖ² over the k > width, 0 if width ≥ rank. At 0
    there is a saddle: from a small start training finds one σₖ after the other, the largest first, with
    plateaus between. Every (U A, A⁻¹ V) is as low as (U, V), so that the minimum is no point; the balanced
    one is named. Choose it for plateaus and for methods that see matrices' directions, in a problem whose
    values are known exactly; `quadratic` has the condition without the plateaus. a and b are random by
    `data_seed`.
    Training starts at scale · N(0, 1) in every number of U and V.

    Domain: rows, columns, rank and width whole numbers of at least 1, rank ≤ rows and columns; condition ≥ 1,
    scale > 0, data_seed a whole number of at least 0.

    Baldi & Hornik, "Neural networks and principal component analysis: Learning from examples without local
    minima", Neural Networks 2 (1989), 53-58. https://doi.org/10.1016/0893-6080(89)90014-2. Plateaus: Saxe,
    McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", ICLR 2014. https://arxiv.org/abs/1312.6120
    """

    name: ClassVar[str] = "matrix_factorization"

    rows: int = hyper(8, "int [1, inf)")
    columns: int = hyper(6, "int [1, inf)")
    rank: int = hyper(3, "int [1, inf)")
    width: int = hyper(3, "int [1, inf)")
    condition: Hyper = hyper(10.0, "[1, inf)", search=log(1.0, 1e3))
    scale: Hyper = hyper(0.1, "(0, inf)", search=log(1e-3, 1.0))
    data_seed: int = hyper(0, "int [0, inf)")

    def validate(self) -> None:
        if self.rank > min(self.rows, self.columns):
            raise ValueError(
                f"rank must be at most rows and columns, {min(self.rows, self.columns)}, got {self.rank}"
            )

    @property
    def dimensions(self) -> int:
        return (self.rows + self.columns) * self.width

    def start(self, rng: np.random.Generator) -> Array:
        return self.scale * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        left, right = self._directions(np.dtype(np.float64))
        roots = np.sqrt(np.ravel(self._singular(np.dtype(np.float64))))
        kept = min(self.rank, self.width)
        u, v = np.zeros((self.rows, self.width)), np.zeros((self.width, self.columns))
        u[:, :kept], v[:kept] = (left * roots)[:, :kept], (right * roots).T[:kept]
        return np.concatenate([u.ravel(), v.ravel()])

    def value(self, x: Array) -> Array:
        residuals = self._errors(x)
        return 0.5 * (residuals * residuals).sum(axis=(1, 2))

    def residuals(self, x: Array) -> Array:
        return np.sqrt(np.asarray(0.5, x.dtype)) * self._errors(x).reshape(-1, 1, self.rows * self.columns)

    def _errors(self, x: Array) -> Array:
        """Return U V minus the matrix to be factorized, (T, rows, columns)."""
        split = self.rows * self.width
        u = x[:, :, :split].reshape(-1, self.rows, self.width)
        v = x[:, :, split:].reshape(-1, self.width, self.columns)
        left, right = self._directions(x.dtype)
        return np.matmul(u, v) - np.matmul(left * self._singular(x.dtype), right.T)

    def _directions(self, dtype: Any) -> tuple[Array, Array]:
        left = directions(self.data_seed, self.rows, self.rank, 0, dtype)
        return left, directions(self.data_seed, self.columns, self.rank, 1, dtype)

    def _singular(self, dtype: Any) -> Array:
        share = np.linspace(0, 1, self.rank, dtype=dtype)
        # exp and not a power: NumPy computes powers of one number and of an array differently.
        return np.exp(-share * np.log(np.asarray(self.condition, dtype=dtype)))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [MatrixFactorization]
