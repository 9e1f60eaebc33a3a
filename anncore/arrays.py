"""Arithmetic on stacks where NumPy's own depends on how many trials there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from anncore.types import Array, Hyper


def power(base: Array, exponent: Hyper) -> Array:
    """Return base ** exponent, elementwise, the same to the bit for one trial and for many.

    base (T, N, D); exponent a float or (T, 1, 1). NumPy squares, takes the root or the reciprocal where
    the exponent is a single 2, 0.5 or -1, but calls the C library's pow where it is an array of them,
    and the last digit differs. Laying the exponent out at full size leaves it one way to go.
    """
    shape = np.broadcast_shapes(base.shape, np.shape(exponent))
    full: Any = np.empty(shape, base.dtype)
    full[...] = exponent
    return np.power(base, full)


def sum_examples(values: Array, out: Array | None = None) -> Array:
    """Return Σₙ values, (T, N, D) to (T, 1, D), as the product of a row of ones with each trial's matrix.

    BLAS does it several times as fast as NumPy adds along a middle axis.
    """
    ones = np.ones((1, 1, values.shape[1]), values.dtype)
    return np.matmul(ones, values, out=out)


def times_transposed(grad: Array, weight: Array) -> Array:
    """Return grad Wᵀ, (T, N, K) times (T, D, K) transposed, to (T, N, D).

    With one output, K = 1, each entry is a single product, and multiplying takes less time than BLAS.
    """
    transposed = weight.swapaxes(1, 2)
    return grad * transposed if grad.shape[2] == 1 else grad @ transposed
