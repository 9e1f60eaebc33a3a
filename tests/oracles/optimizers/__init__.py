"""Optimizers: where ours are after some of their steps, and where the libraries' are."""

from __future__ import annotations

from oracles.optimizers import curvature, matrices, moments, momentum, rates, scales, wrappers
from oracles.optimizers.sides import THEIRS as THEIRS, ours as ours

ROWS = [
    *momentum.ROWS,
    *moments.ROWS,
    *scales.ROWS,
    *matrices.ROWS,
    *rates.ROWS,
    *curvature.ROWS,
    *wrappers.ROWS,
]
