"""The statistics of paired comparisons, as plain functions on arrays.

Everything here works on costs: lower is better, a diverged trial is +inf, a missing one NaN. Differences
are b - a, so that a positive one speaks for a. Nothing here knows of trials, arms or reports.

What is computed and why: intervals are Student's, since a percentile bootstrap of a handful of seeds
covers far less than it says; the test is Wilcoxon's signed-rank in its exact permutation form, since it
does not depend on who else takes part (Benavoli, Corani & Mangili, "Should We Really Use Post-Hoc Tests
Based on Mean-Ranks?", JMLR 17(5), 2016) and stays defined where a difference is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.numeric_noise import (
    ABSOLUTE_NOISE as ABSOLUTE_NOISE,
    RELATIVE_NOISE as RELATIVE_NOISE,
)
from anncore.evidence import signed_rank
from anncore.evidence.signed_rank import WalshAverages, listed_averages, outermost, two_sided_ps

# scipy.special is a tenth of the import that scipy.stats is, and the latter's t, normal and F distributions
# are its functions by other names.
ALPHA = 0.05
LEVEL = 0.95
MOST_AT_ONCE = 1_000_000  # averages of pairs that are listed together

Centre = Literal["mean", "median"]


class Estimate(NamedTuple):
    """A value with its interval; NaN where it is undefined. n counts the values it rests on."""

    value: float
    low: float
    high: float
    n: int


def to_cost(values: Array | Sequence[float], goal: str, scale: str) -> Array:
    """Return scores as costs: lower is better, and differences are on the scale.

    goal "min": x, on the scale "log" log x        goal "max": -x, -log x
    """
    x = np.asarray(values, dtype=float)
    if scale == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            x = np.log(x)
    return -x if goal == "max" else x


def mean_interval(values: Array | Sequence[float], scale: str = "linear", level: float = LEVEL) -> Estimate:
    """Return the mean of the finite values with Student's t-interval.

        linear: m ± t s / √n                        m = mean(x)
        log:    exp(m ± t s / √n)                   m = mean(log x), so the value is the geometric mean
        unit:   expit(logit m ± t s / (√n m (1-m))) m = mean(x), for values in [0, 1] (delta method)

    t is the (1 + level)/2 quantile of Student's distribution with n - 1 degrees of freedom. One value
    has no interval; values that all agree have one of width 0.
    """
    from scipy import special

    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x)]
    if scale == "log" and np.any(x <= 0):
        raise ValueError("the log scale needs positive values")
    n = len(x)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    y = np.log(x) if scale == "log" else x
    m = float(np.mean(y))
    back = np.exp if scale == "log" else float
    if n == 1:
        return Estimate(float(back(m)), math.nan, math.nan, 1)
    half = float(special.stdtrit(n - 1, (1 + level) / 2) * deviation(y) / math.sqrt(n))
    if scale == "unit":
        if not 0 < m < 1:  # every value is 0, or every value is 1
            return Estimate(m, m, m, n)
        half /= m * (1 - m)
        centre = special.logit(m)
        return Estimate(m, float(special.expit(centre - half)), float(special.expit(centre + half)), n)
    with np.errstate(over="ignore"):  # an end beyond the largest float is infinite
        return Estimate(float(back(m)), float(back(m - half)), float(back(m + half)), n)


def deviation(values: Array) -> float:
    """Return the standard deviation with n - 1; squares of 1e154 would overflow, a power of two cannot."""
    return float(deviations(values[None])[0])


def deviations(rows: Array) -> Array:
    """Return `deviation` of each row."""
    powers = np.frexp(np.abs(rows).max(axis=1))[1]
    spread: Array = np.ldexp(np.std(np.ldexp(rows, -powers[:, None]), axis=1, ddof=1), powers)
    return spread


def mean_band(values: Array, scale: str = "linear", level: float = LEVEL) -> tuple[Array, Array, Array]:
    """Return `mean_interval` of every column of (seeds, steps): values, lower and upper ends.

    Pointwise, with NaN where a column has no finite value (no interval: fewer than two). Scale "linear"
    or "log"; the log scale leaves out what is not positive.
    """
    from scipy import special

    x = np.asarray(values, dtype=float)
    good = np.isfinite(x) & ((x > 0) | (scale != "log"))
    y = np.where(good, np.log(np.where(good, x, 1.0)) if scale == "log" else np.where(good, x, 0.0), 0.0)
    n = good.sum(axis=0)
    m = np.where(n > 0, y.sum(axis=0) / np.maximum(n, 1), np.nan)
    power = np.frexp(np.abs(y).max(axis=0, initial=0.0))[1]
    squares = np.where(good, np.ldexp(y - m, -power) ** 2, 0.0).sum(axis=0)
    spread = np.ldexp(np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1)), power)
    half = np.where(n > 1, special.stdtrit(np.maximum(n - 1, 1), (1 + level) / 2) * spread, np.nan)
    back = np.exp if scale == "log" else np.asarray
    return back(m), back(m - half), back(m + half)


def iqm(values: Array | Sequence[float]) -> float:
    """Return the interquartile mean: the mean of the middle half, with the ends' shares weighted.

    Each sorted value i covers [i/n, (i+1)/n]; its weight is the part of that inside [1/4, 3/4]. +inf
    (a diverged trial) is harmless as long as it lies in the upper quarter. Agarwal et al., "Deep
    Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021, section 4.3.
    """
    x = np.sort(np.asarray(values, dtype=float))
    n = len(x)
    if n == 0 or np.isnan(x).any():
        return math.nan
    edges = np.arange(n + 1) / n
    weights = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0, None)
    inside = weights > 1e-15  # inf times 0 is NaN
    return float(np.sum(x[inside] * weights[inside]) / np.sum(weights[inside]))


def iqm_interval(values: Array | Sequence[float], level: float = LEVEL) -> Estimate:
    """Return the interquartile mean with Tukey and McLaughlin's interval for trimmed means.

        IQM ± t s_w / (½ √n),  t the quantile with n - 2g - 1 degrees of freedom,  g = ⌊n/4⌋

    s_w is the standard deviation after winsorising: the g smallest values are set to the next one, the g
    largest likewise, so a quarter may be infinite. Below four values it is Student's interval. Tukey &
    McLaughlin, Sankhyā A 25(3), 1963; Wilcox, "Introduction to Robust Estimation and Hypothesis Testing",
    4th ed. NaN where an end would rest on something infinite.
    """
    from scipy import special

    x = np.sort(np.asarray(values, dtype=float))
    n, g = len(x), len(x) // 4
    middle = iqm(x)
    if n < 2 or not np.isfinite(middle) or not np.isfinite(x[[g, n - 1 - g]]).all():
        return Estimate(middle, math.nan, math.nan, n)
    spread = deviation(np.clip(x, x[g], x[n - 1 - g]))
    half = float(special.stdtrit(n - 2 * g - 1, (1 + level) / 2)) * spread
    half /= (0.5 if g else 1.0) * math.sqrt(n)
    return Estimate(middle, middle - half, middle + half, n)


def median(values: Array | Sequence[float]) -> float:
    """Return the median; +inf counts as the worst value, NaN anywhere makes it NaN."""
    x = np.sort(np.asarray(values, dtype=float))
    if len(x) == 0 or np.isnan(x).any():
        return math.nan
    low, high = x[(len(x) - 1) // 2], x[len(x) // 2]
    return float(low if low == high else (low + high) / 2)


def median_interval(values: Array | Sequence[float], level: float = LEVEL) -> Estimate:
    """Return the median of the finite values with its distribution-free interval.

        [x_(k), x_(n + 1 - k)],   k the largest with P(B < k) ≤ (1 - level)/2,   B binomial (n, 1/2)

    Below six values there is no interval at 95 %. Conover, "Practical Nonparametric Statistics", 3rd ed.,
    section 3.2.
    """
    from scipy import special

    x = np.sort(np.asarray(values, dtype=float))
    x = x[np.isfinite(x)]
    n = len(x)
    below = special.bdtr(np.arange(n), n, 0.5)  # P(B ≤ j), so P(B < k) is at k - 1
    k = int(np.searchsorted(below, (1 - level) / 2, side="right"))
    ends = (float(x[k - 1]), float(x[n - k])) if k else (math.nan, math.nan)
    return Estimate(median(x) if n else math.nan, *ends, n)


def one_decides(values: Array | Sequence[float], scale: str = "linear") -> bool:
    """Say whether a single value decides the mean of the finite ones, so that it describes none of them.

    That is so where the mean lies outside the middle half of the values, and leaving out some one of them
    changes it by more than a factor of two (scale "log": the geometric mean; "linear": by more than the
    size of the others' mean). Never for shares (scale "unit"), which are bounded, nor below four values.
    """
    x = np.asarray(values, dtype=float)
    return ones_decide(x[np.isfinite(x)][None], scale)[0]


def ones_decide(rows: Array, scale: str = "linear") -> list[bool]:
    """Return `one_decides` of each row."""
    finite: Array = np.all(np.isfinite(rows), axis=1)
    decides = iter(_decided(rows[finite], scale).tolist())
    return [
        next(decides) if whole else one_decides(row, scale) for whole, row in zip(finite, rows, strict=True)
    ]


def _decided(rows: Array, scale: str) -> Array:
    n = rows.shape[1]
    if n < 4 or scale == "unit":
        return np.zeros(len(rows), bool)
    y = np.log(rows) if scale == "log" else rows
    mean = y.mean(axis=1)
    low, high = np.quantile(y, (0.25, 0.75), axis=1)
    others = (y.sum(axis=1, keepdims=True) - y) / (n - 1)  # the mean without each one
    limits = math.log(2) if scale == "log" else np.abs(others)
    changed = (np.abs(mean[:, None] - others) > limits).any(axis=1)
    decided: Array = ~((low <= mean) & (mean <= high)) & changed
    return decided


def typical(
    values: Array | Sequence[float], scale: str = "linear", level: float = LEVEL
) -> tuple[Estimate, Centre]:
    """Return `mean_interval`, or where `one_decides` the mean `median_interval`; and which of them it is."""
    if one_decides(values, scale):
        return median_interval(values, level), "median"
    return mean_interval(values, scale, level), "mean"


def wilson_interval(share: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's score interval of a share of n: NaN where the share is 0 or 1, or nothing was counted.

        (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n)

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.
    """
    from scipy import special

    if n == 0 or not 0 < share < 1:
        return math.nan, math.nan
    z = float(special.ndtri((1 + level) / 2))
    centre, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def clopper_pearson(successes: int, n: int, level: float = LEVEL) -> Estimate:
    """Return a share of n with its exact interval; NaN where nothing was counted.

        [B(α/2; k, n - k + 1), B(1 - α/2; k + 1, n - k)],   B(q; a, b) the q-quantile of the beta distribution

    The lower end is 0 where k = 0, the upper one 1 where k = n. It holds the true rate in at least `level` of
    all samples, however few they are. Clopper & Pearson, "The Use of Confidence or Fiducial Limits
    Illustrated in the Case of the Binomial", Biometrika 26(4), 1934.
    """
    from scipy import special

    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    tail = (1 - level) / 2
    low = float(special.betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(special.betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return Estimate(successes / n, low, high, n)


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the exact two-sided p-value of McNemar's test, from the pairs in which one alone succeeds.

        p = min(1, 2 P(X ≤ min(b, c))),   X binomial (b + c, 1/2)

    Pairs in which both or neither succeed say nothing; without any other, p = 1. McNemar, "Note on the
    Sampling Error of the Difference Between Correlated Proportions or Percentages", Psychometrika 12(2),
    1947.
    """
    from scipy import special

    n = only_a + only_b
    return min(1.0, 2 * float(special.bdtr(min(only_a, only_b), n, 0.5))) if n else 1.0


def pairs_for_mcnemar(
    only_a: int, only_b: int, n: int, comparisons: int = 1, alpha: float = ALPHA, power: float = 0.8
) -> float:
    """Return about how many pairs would show a difference of rates as large as the one seen, inf for none.

        n = (z_(1 - α/2m) √d + z_power √(d - e²))² / e²,   d = (b + c) / n,   e = (b - c) / n

    Connor, "Sample Size for Testing Differences in Proportions for the Paired-Sample Design", Biometrics
    43(1), 1987, formula 3; never below what the smallest p allows.
    """
    from scipy import special

    if only_a == only_b:
        return math.inf
    apart, gap = (only_a + only_b) / n, (only_a - only_b) / n
    z_alpha, z_power = (float(special.ndtri(q)) for q in (1 - alpha / (2 * max(1, comparisons)), power))
    wanted = (z_alpha * math.sqrt(apart) + z_power * math.sqrt(apart - gap**2)) ** 2 / gap**2
    return max(float(math.ceil(wanted)), float(pairs_needed(comparisons, alpha)))


def differences(a: Array | Sequence[Any], b: Array | Sequence[Any]) -> Array:
    """Return b - a pair by pair: positive where a is better (cheaper).

    A diverged partner makes the difference infinite, two diverged partners a tie (0), a missing one
    (NaN) leaves NaN. Differences within numeric noise, 1e-6 relative or 1e-12 absolute, are ties.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    both = np.isinf(x) & np.isinf(y)
    with np.errstate(invalid="ignore"):
        gap = np.where(both, 0.0, y - x)
        size = np.maximum(np.abs(x), np.abs(y))
        noise = np.abs(gap) <= np.maximum(ABSOLUTE_NOISE, RELATIVE_NOISE * np.where(np.isinf(size), 0, size))
    return np.where(noise, 0.0, gap)


def wilcoxon(gaps: Array | Sequence[float]) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test.

        W⁺ = Σ rank(|d|) over d > 0;  p = min(1, 2 min(P(W ≤ W⁺), P(W ≥ W⁺)))

    over all 2ⁿ sign patterns of the mid-ranks at hand, counted by dynamic programming, so ties are
    exact too; from 301 differences on by a saddlepoint approximation that is within 0.3 % of it (see
    `anncore.evidence.signed_rank`). Zeros are left out, as Wilcoxon did; if all are zero, p = 1. An infinite
    difference has the largest rank. Wilcoxon, "Individual Comparisons by Ranking Methods", Biometrics 1(6),
    1945. scipy's method="auto" is exact only up to 13 pairs where there are ties.
    """
    d = np.asarray(gaps, dtype=float)
    return wilcoxons(d[None, ~np.isnan(d)])[0]


def wilcoxons(rows: Array) -> list[float]:
    """Return `wilcoxon` of each row of differences, none of which is NaN."""
    without: Array = np.all(rows != 0, axis=1) if rows.shape[1] else np.zeros(len(rows), bool)
    p = iter(two_sided_ps(np.abs(rows[without]), rows[without] > 0))
    return [next(p) if there else _without_zeros(row) for there, row in zip(without, rows, strict=True)]


def _without_zeros(d: Array) -> float:
    d = d[None, d != 0]
    return two_sided_ps(np.abs(d), d > 0)[0] if d.size else 1.0


def _average_ranks(groups: Array) -> Array:
    """Return ranks from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def pseudomedian(gaps: Array | Sequence[float], level: float = LEVEL) -> Estimate:
    """Return the Hodges-Lehmann estimate with the interval that inverts the exact signed-rank test.

    The median of the averages of all pairs (i ≤ j). Its interval runs from the k-th smallest to the k-th
    largest of them, k the largest with P(W⁺ < k) ≤ (1 - level)/2, from 301 differences on by the
    approximation that `wilcoxon` uses, which moves k by 0.01 % at most; below six pairs there is none. Stays
    defined where a minority of the differences is infinite. Hodges & Lehmann, "Estimates of Location
    Based on Rank Tests", Annals of Mathematical Statistics 34(2), 1963.
    """
    d = np.asarray(gaps, dtype=float)
    return pseudomedians(d[None, ~np.isnan(d)], level)[0]


def pseudomedians(rows: Array, level: float = LEVEL) -> list[Estimate]:
    """Return `pseudomedian` of each row of differences, none of which is NaN."""
    count, n = rows.shape
    if n == 0:
        return [Estimate(math.nan, math.nan, math.nan, 0)] * count
    k = outermost(n, level)
    if n > signed_rank.MOST_LISTED:
        every = [WalshAverages(row) for row in rows]
        return [Estimate(found.median, found[k - 1], found[len(found) - k], n) for found in every]
    pairs = n * (n + 1) // 2
    estimates: list[Estimate] = []
    for start in range(0, count, size := max(1, MOST_AT_ONCE // pairs)):
        averages = listed_averages(rows[start : start + size])
        low, high = averages[:, (pairs - 1) // 2], averages[:, pairs // 2]
        with np.errstate(invalid="ignore"):  # infinite ones are equal, or have no middle
            middle = np.where(low == high, low, (low + high) / 2)
        ends = (averages[:, k - 1], averages[:, pairs - k]) if k else np.full((2, len(low)), math.nan)
        value, lows, highs = (column.tolist() for column in (middle, *ends))
        estimates += map(Estimate, value, lows, highs, [n] * len(value))
    return estimates


def holm(p: Array | Sequence[float]) -> Array:
    """Return Holm's adjusted p-values, in the order given.

        p̃_(i) = max over j ≤ i of min(1, (m - j + 1) p_(j)),  p_(1) ≤ ... ≤ p_(m)

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian J. Statistics 6(2), 1979.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, (len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted


def selection_factor(p: Array, alpha: float = ALPHA) -> float:
    """Return m / R: of m p-values Benjamini and Hochberg's procedure selects the R smallest; m if none.

        R = max {i: p_(i) ≤ i alpha / m},   p_(1) ≤ ... ≤ p_(m)

    A p-value within a selected family is multiplied by it. Benjamini & Hochberg, "Controlling the False
    Discovery Rate", JRSS B 57(1), 1995; Benjamini & Bogomolov, JRSS B 76(1), 2014.
    """
    m = len(p)
    if not m:
        return 1.0
    selected = np.flatnonzero(np.sort(p) <= alpha * np.arange(1, m + 1) / m)
    return m / (int(selected[-1]) + 1 if len(selected) else 1)


def smallest_p(pairs: int, sequential: bool = False) -> float:
    """Return the smallest p that so many pairs can give, where one arm wins every one of them.

    The exact two-sided signed-rank test: 2^(1 - pairs); `always_valid_p`: (pairs + 1) 2^-pairs.
    """
    return min(1.0, (pairs + 1) * 2.0**-pairs if sequential else 2.0 ** (1 - pairs))


@cache
def pairs_needed(comparisons: int, alpha: float = ALPHA, sequential: bool = False) -> int:
    """Return how many pairs it takes to clear Holm's first step: the least n with smallest p ≤ alpha / m."""
    limit, pairs = alpha / max(1, comparisons) * (1 + 1e-12), 1
    while smallest_p(pairs, sequential) > limit:
        pairs += 1
    return pairs


def ranks(costs: Array | Sequence[float]) -> Array:
    """Return ranks from 1 (cheapest), ties shared; +inf and NaN come last, together.

    Costs that differ by numeric noise alone share their rank.
    """
    x = np.asarray(costs, dtype=float)
    x = np.where(np.isnan(x), np.inf, x)
    ordered = np.sort(x)
    group = np.cumsum(np.concatenate([[1.0], differences(ordered[:-1], ordered[1:]) > 0]))
    return _average_ranks(group[np.searchsorted(ordered, x)])


def friedman(costs: Array) -> tuple[float, int, int, float]:
    """Return Iman and Davenport's F, its two degrees of freedom and its p-value; costs (d, k).

        χ² = 12 d / (k (k + 1)) (Σ R_j² - k (k + 1)² / 4)    F = (d - 1) χ² / (d (k - 1) - χ²)

    R_j the mean rank of column j. Iman & Davenport, "Approximations of the Critical Region of the
    Friedman Statistic", Communications in Statistics 9(6), 1980; Demšar, JMLR 7, 2006, section 3.2.2.
    """
    from scipy import special

    d, k = np.shape(costs)
    if d < 2 or k < 2:
        return math.nan, k - 1, (k - 1) * (d - 1), math.nan
    mean = np.mean([ranks(row) for row in np.asarray(costs, dtype=float)], axis=0)
    chi = 12 * d / (k * (k + 1)) * (float(np.sum(mean**2)) - k * (k + 1) ** 2 / 4)
    rest = d * (k - 1) - chi
    f = math.inf if rest <= 1e-9 else (d - 1) * chi / rest
    return f, k - 1, (k - 1) * (d - 1), float(special.fdtrc(k - 1, (k - 1) * (d - 1), f))
