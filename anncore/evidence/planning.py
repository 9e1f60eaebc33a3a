"""How many pairs would settle what the pairs at hand leave open: a plan for the next experiment, no test."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence.stats import ALPHA, deviation, pairs_needed

POWER = 0.8
RANGE_LEVEL = 0.9


def pairs_for_power(
    gaps: Array | Sequence[float],
    comparisons: int = 1,
    alpha: float = ALPHA,
    power: float = POWER,
    correction: float = 0.0,
) -> float:
    """Return about how many pairs would show a difference as large as the one seen, inf if none is seen.

        n = (π / 3) w / (1 - correction w)        w = ((z_(1 - α/2m) + z_power) s / mean)²

    the paired normal formula, with the signed-rank test's asymptotic relative efficiency 3/π (Lehmann,
    "Nonparametrics", 1975, section 2.4); never below what the smallest p allows. From the finite
    differences. correction: of claims about new rows, as in `mean_difference`; splits of the same rows may
    then be too much alike for any number of them to do, which is inf. The number is a guess: see
    `pairs_range`.
    """
    d = _finite(gaps)
    mean = float(np.mean(d)) if len(d) else 0.0
    if len(d) < 2 or mean == 0:
        return math.inf
    spread = deviation(d)
    return _pairs(abs(mean) / spread if spread else math.inf, comparisons, alpha, power, correction)


def pairs_range(
    gaps: Array | Sequence[float],
    comparisons: int = 1,
    alpha: float = ALPHA,
    power: float = POWER,
    level: float = RANGE_LEVEL,
    correction: float = 0.0,
) -> tuple[float, float]:
    """Return the ends between which the number of pairs lies that such differences really need.

    `pairs_for_power` at the ends of an interval of the standardised difference δ = mean / s:

        δ ± z √(1/n + correction + δ² / 2n)

    The upper end is infinite where δ may be 0, which is so of most differences that are not significant. Of
    samples of 6 to 30 normal, exponential and t-distributed differences that were not significant, the range
    holds the true number in 80 to 100 % (a number by itself is within a factor of two in 15 to 75 %).
    Hedges & Olkin, "Statistical Methods for Meta-Analysis", 1985, section 5.E, has the variance of δ.
    """
    from scipy import special

    d = _finite(gaps)
    n = len(d)
    spread = deviation(d) if n > 1 else 0.0
    if not spread:
        needed = pairs_for_power(d, comparisons, alpha, power)
        return needed, needed
    delta = abs(float(np.mean(d))) / spread
    half = float(special.ndtri((1 + level) / 2)) * math.sqrt(1 / n + correction + delta**2 / (2 * n))
    low, high = (
        _pairs(max(end, 0.0), comparisons, alpha, power, correction) for end in (delta + half, delta - half)
    )
    return low, high


def _finite(gaps: Array | Sequence[float]) -> Array:
    d = np.asarray(gaps, dtype=float)
    return d[np.isfinite(d)]


def _pairs(delta: float, comparisons: int, alpha: float, power: float, correction: float) -> float:
    """Return the pairs that a standardised difference needs; inf where it is 0, or where no number does."""
    from scipy import special

    if delta == 0:
        return math.inf
    quantiles = (1 - alpha / (2 * max(1, comparisons)), power)
    wanted = (sum(float(special.ndtri(q)) for q in quantiles) / delta) ** 2
    if correction * wanted >= 1:
        return math.inf
    pairs = float(math.ceil(math.pi / 3 * wanted / (1 - correction * wanted)))
    return max(pairs, float(pairs_needed(comparisons, alpha)))
