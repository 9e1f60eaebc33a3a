"""The mean of paired differences: its interval and its tests, also where the differences are skewed.

Student's t errs where differences lean to one side: of exponential ones its 95 % interval holds the mean in
87 to 92 % of samples of 5 to 20. Hall's transformation takes the skewness out, but errs where there is none
to see. Here a value is left out only if both leave it out, so the interval reaches to the farther of both
ends. It holds the mean in 94 to 97 % of samples of 5 to 30 differences that are normal, t-distributed,
rounded, bounded or those of exponential scores, and in 92 to 96 % where the differences themselves are
exponential or log-normal (tests/evidence/test_simulations.py). No interval does so for a mean that rare
far-off values make, which a small sample has not seen.

Hall, "On the Removal of Skewness by Transformation", JRSS B 54(1), 1992, 221-228. With x = (m - μ) / s, the
skewness γ and n differences

    t = √n g(x)        g(x) = x + γ x² / 3 + γ² x³ / 27 + γ / 6n

is compared with Student's distribution with n - 1 degrees of freedom, as t = √n x is.

Where every difference comes from another split of the same rows, these differences share most of their
training rows, and t speaks of the rows at hand. For what is said of new rows, `correction` is added to the
variance of the mean, as if the differences had the correlation n_test / (n_test + n_train):

    t = x / √(1/n + correction)        correction = n_test / n_train

Nadeau & Bengio, "Inference for the Generalization Error", Machine Learning 52(3), 2003, 239-281, section 3.
Student's t alone is corrected; Hall's stays, as the less favourable one counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence.stats import LEVEL, Estimate, deviations


class Moments(NamedTuple):
    """What both tests need to know of n differences: mean, standard deviation and skewness.

    Where some are infinite, in one direction, the mean is; in both it is NaN, and so is the rest.
    """

    n: int
    mean: float
    spread: float
    gamma: float


def mean_difference(gaps: Array | Sequence[float], level: float = LEVEL, correction: float = 0.0) -> Estimate:
    """Return the mean with its interval; see the module.

    gaps: without NaN. Where some are infinite, in one direction, the mean is, and has no interval; in both,
    it is NaN. One gap has no interval, gaps that all agree have one of width 0.
    """
    return interval_of(moments(np.asarray(gaps, dtype=float)[None])[0], level, correction)


def interval_of(known: Moments, level: float = LEVEL, correction: float = 0.0) -> Estimate:
    """Return `mean_difference` of differences with these moments."""
    from scipy import special

    n, mean, spread, gamma = known
    if n < 2 or not math.isfinite(mean):
        return Estimate(mean, math.nan, math.nan, n)
    if spread == 0:
        return Estimate(mean, mean, mean, n)
    t = float(special.stdtrit(n - 1, (1 + level) / 2)) / math.sqrt(n)
    wide = t * math.sqrt(1 + n * correction)
    ends = [mean - x * spread for x in (wide, -wide, _straightened(t, gamma, n), _straightened(-t, gamma, n))]
    return Estimate(mean, min(ends), max(ends), n)


def mean_p(gaps: Array | Sequence[float], at: float = 0.0, correction: float = 0.0) -> float:
    """Return the two-sided p-value of the mean being `at`: the larger of Student's and Hall's.

    It is at most 1 - level where `mean_difference` leaves `at` out. Infinite gaps in one direction have the
    p-value 0, in both 1; so has a single gap.
    """
    return p_of(moments(np.asarray(gaps, dtype=float)[None])[0], at, correction)


def p_of(known: Moments, at: float = 0.0, correction: float = 0.0) -> float:
    """Return `mean_p` of differences with these moments."""
    from scipy import special

    n, mean, spread, gamma = known
    if math.isinf(mean):
        return 0.0
    if n < 2 or math.isnan(mean):
        return 1.0
    if spread == 0:
        return float(mean == at)
    x = (mean - at) / spread
    distances = (abs(x) / math.sqrt(1 + n * correction), abs(_transformed(x, gamma, n)))
    return float(2 * special.stdtr(n - 1, -math.sqrt(n) * min(distances)))


def moments(rows: Array) -> list[Moments]:
    """Return the moments of each row of differences, none of which is NaN.

    The skewness is γ = n Σ (d - m)³ / (n - 1) (n - 2) s³, the usual estimate for small samples; 0 below
    three.
    """
    count, n = rows.shape
    if n == 0:
        return [Moments(0, math.nan, math.nan, math.nan)] * count
    finite: Array = np.all(np.isfinite(rows), axis=1)
    d = rows[finite]
    mean, spread, gamma = d.mean(axis=1), np.zeros(len(d)), np.zeros(len(d))
    if n > 1 and len(d):
        spread = deviations(d)
    if n > 2:
        with np.errstate(invalid="ignore"):  # differences that all agree have no skewness
            cubes = ((d - mean[:, None]) / spread[:, None]) ** 3
        gamma = np.sum(cubes, axis=1) * n / ((n - 1) * (n - 2))
    columns = iter(zip(mean.tolist(), spread.tolist(), gamma.tolist(), strict=True))
    return [
        Moments(n, *next(columns)) if whole else Moments(n, _infinite_mean(row), math.nan, math.nan)
        for whole, row in zip(finite, rows, strict=True)
    ]


def _infinite_mean(row: Array) -> float:
    infinite = np.unique(row[np.isinf(row)])
    return float(infinite[0]) if len(infinite) == 1 else math.nan


def _transformed(x: float, gamma: float, n: int) -> float:
    """Return g(x); see the module. It is infinite where a power of x is beyond the floats."""
    try:
        return x + gamma * x**2 / 3 + gamma**2 * x**3 / 27 + gamma / (6 * n)
    except OverflowError:
        return math.copysign(math.inf, x)  # g rises without an end


def _straightened(y: float, gamma: float, n: int) -> float:
    """Return the x with g(x) = y, which is 3 (∛(1 + γ (y - γ / 6n)) - 1) / γ."""
    moved = y - gamma / (6 * n)
    if abs(gamma * moved) < 1e-6:  # where the cube root would lose its digits
        return moved
    return float(3 * (np.cbrt(1 + gamma * moved) - 1) / gamma)
