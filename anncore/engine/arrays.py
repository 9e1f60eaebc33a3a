"""Arithmetic on stacks in cases where NumPy's result would depend on the number of trials."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Symbol
from anncore.contract.kinds import Array, Hyper
from anncore.engine.fusing import Formula, transposed


class _Fused(threading.local):
    """Formulas that all stacks share. Each thread has its own: a kernel remembers the addresses of arrays.

    They are made at their first use, as plugins import this module and LLVM need not come with it.
    """

    @cached_property
    def plus(self) -> Formula:
        return Formula(lambda one, other: one + other)

    @cached_property
    def times(self) -> Formula:
        return Formula(lambda one, other: one * other)


_fused = _Fused()


def power(base: Array, exponent: Hyper) -> Array:
    """Return base ** exponent, elementwise, the same to the bit for one trial and for many.

    base (T, N, D); exponent a float or (T, 1, 1). For a single exponent of 2, 0.5 or -1 NumPy squares, or
    takes the root or the reciprocal; for an array of exponents it calls the C library's pow, and the last
    digit differs. With the exponent written out at full size NumPy always takes the same path.
    """
    shape = np.broadcast_shapes(base.shape, np.shape(exponent))
    if isinstance(base, Symbol) or isinstance(exponent, Symbol):
        return np.power(base, np.broadcast_to(exponent, shape))
    full: Any = np.empty(shape, base.dtype)
    full[...] = exponent
    return np.power(base, full)


def orthogonalized(matrix: Array, steps: int, coefficients: tuple[float, ...], eps: Hyper) -> Array:
    """Return P Qᵀ of each matrix P Σ Qᵀ (T, N, D), about, by Newton-Schulz iterations.

    X ← matrix / (|matrix| + eps),  |·| the Frobenius norm
    X ← a X + (b X Xᵀ + c (X Xᵀ)²) X,  steps times, with (a, b, c) = coefficients
    """
    a, b, c = coefficients
    tall = matrix.shape[1] > matrix.shape[2]
    x = matrix.swapaxes(1, 2) if tall else matrix  # the smaller of X Xᵀ and Xᵀ X
    # One long row per trial: the order of the sum then does not depend on the other trials.
    size = np.sqrt((matrix * matrix).reshape(len(matrix), 1, -1).sum(axis=2, keepdims=True))
    x = x / (size + eps)
    for _ in range(steps):
        gram = x @ x.swapaxes(1, 2)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.swapaxes(1, 2) if tall else x


def plus(one: Array, other: Array, out: Array | None = None) -> Array:
    """Return one + other, (T, N, D); an axis of length 1 is broadcast."""
    return _fused.plus(one, other, out=out)


def dense(inputs: Array, weight: Array, bias: Array | None = None) -> Array:
    """Return inputs W + b: (T, N, D) times (T, D, K), plus (T, 1, K), to (T, N, K)."""
    z: Array = np.matmul(inputs, weight)
    if isinstance(z, Symbol):
        return z if bias is None else z + bias
    return z if bias is None else _fused.plus(z, bias, out=z)


def sum_examples(values: Array, out: Array | None = None) -> Array:
    """Return Σₙ values, (T, N, D) to (T, 1, D), as the product of a row of ones with each trial's matrix.

    BLAS is several times as fast here as NumPy, which is slow at sums along a middle axis.
    """
    if isinstance(values, Symbol):
        summed: Array = values.graph.record(primitives.sum_examples, values)
        return summed
    return primitives.sum_examples(values, out)


def times_transposed(grad: Array, weight: Array) -> Array:
    """Return grad Wᵀ, (T, N, K) times (T, D, K) transposed, to (T, N, D).

    With one output, K = 1, each entry is a single product, and a plain multiplication is faster than BLAS.
    BLAS takes twice as long to multiply by a transposed view, so the matrix is copied transposed first.
    """
    if isinstance(grad, Symbol) or isinstance(weight, Symbol):
        return np.matmul(grad, weight.swapaxes(1, 2))
    if grad.shape[2] == 1:
        return _fused.times(grad, weight.swapaxes(1, 2))
    examples, above, below = grad.shape[1], weight.shape[2], weight.shape[1]
    if above * below > examples * (above + below):
        # (W gradᵀ)ᵀ: for a wide layer the two transposes are smaller than W's.
        return transposed(np.matmul(weight, transposed(grad)))
    return np.matmul(grad, transposed(weight))


def eigh(matrices: Array) -> tuple[Array, Array]:
    """Return eigenvalues (T, n), ascending, and eigenvectors (T, n, n) of symmetric matrices, one per trial.

    np.linalg.eigh works on one matrix after the other, so each has the same bits alone and among others. But
    it raises an error for all of them if one is not finite or does not converge. Here that trial gets NaN,
    and the others get their results.
    """
    sick = np.asarray(~np.isfinite(matrices).all(axis=(1, 2)))
    if sick.any():
        matrices = np.where(sick[:, None, None], np.eye(matrices.shape[2], dtype=matrices.dtype), matrices)
    try:
        values, vectors = np.linalg.eigh(matrices)
    except np.linalg.LinAlgError:
        values, vectors = np.full_like(matrices[:, 0], np.nan), np.full_like(matrices, np.nan)
        for row, matrix in enumerate(matrices):
            with suppress(np.linalg.LinAlgError):
                values[row], vectors[row] = np.linalg.eigh(matrix)
    values[sick], vectors[sick] = np.nan, np.nan
    return values, vectors
