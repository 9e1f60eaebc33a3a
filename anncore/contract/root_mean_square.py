"""Root mean squares of numbers of any size."""

from __future__ import annotations

import numpy as np

from anncore.contract.arrays import Array


def root_mean_squares(errors: Array) -> Array:
    """Return √(mean of squares) over the examples, (T, N, D) to (T, D), as float64.

    Squares of 1e154 overflow and those of 1e-170 are 0, so that each column is first divided by a power of
    two near its largest number, which changes no digit.
    """
    errors = errors.astype(float)
    power = np.frexp(np.abs(errors).max(axis=1, keepdims=True))[1]
    scaled = np.ldexp(errors, -power)
    return np.ldexp(np.sqrt((scaled * scaled).mean(axis=1)), power[:, 0])
