"""The tests of one pair of arms: by the typical difference, by the mean one, and of their equivalence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from anncore.evidence import stats
from anncore.evidence.always_valid import always_valid_interval, always_valid_p
from anncore.evidence.mean_difference import mean_difference, mean_p
from anncore.evidence.stats import Centre
from anncore.evidence.units import SEEDS

FEWEST_DATA_SETS = 6  # below, over all data sets is description only


class Pair(NamedTuple):
    """Two arms to compare: their costs unit by unit, and why nothing may be claimed of either, if so."""

    where: str
    a: str
    b: str
    costs_a: Any
    costs_b: Any
    scale: str
    reasons: Mapping[str, str] = MappingProxyType({})
    floor: float = -math.inf


class Rule(NamedTuple):
    """What all comparisons of one table share."""

    unit: str
    rope: float | None
    alpha: float
    sequential: bool
    comparisons: int

    @property
    def least(self) -> int:
        """The fewest pairs with which any comparison could be significant."""
        pairs = stats.pairs_needed(self.comparisons, self.alpha, self.sequential)
        return pairs if self.unit == SEEDS else max(pairs, FEWEST_DATA_SETS)

    @property
    def of_means(self) -> bool:
        """Whether the mean difference is tested and printed beside the typical one."""
        return self.unit == SEEDS and not self.sequential


class PairTests(NamedTuple):
    """The p-values of one pair: of the signed ranks, of these and the mean together, of equivalence."""

    typical: float
    both: float
    equivalent: float


class Draft(NamedTuple):
    """A pair's complete differences b - a, their two averages, and what is tested of them."""

    gaps: Any
    typical: stats.Estimate
    mean: stats.Estimate  # NaN where it is not asked for
    tests: PairTests

    @property
    def centre(self) -> Centre:
        """Which average is printed: the mean, unless it is not asked for, infinite, or made by one seed."""
        usable = math.isfinite(self.mean.value) and not stats.one_decides(self.gaps)
        return "mean" if usable else "median"


def draft(pair: Pair, rule: Rule) -> Draft:
    """Return a pair's complete differences with their averages and p-values, before any adjustment."""
    gaps = stats.differences(pair.costs_a, pair.costs_b)
    gaps = gaps[~np.isnan(gaps)]
    typical = always_valid_interval(gaps) if rule.sequential else stats.pseudomedian(gaps)
    p = _p_value(gaps, rule.sequential)
    mean, both = stats.Estimate(math.nan, math.nan, math.nan, 0), p
    if rule.of_means:
        mean = mean_difference(gaps)
        agree = mean.value * typical.value > 0
        both = max(p, mean_p(gaps)) if agree else 1.0
    return Draft(gaps, typical, mean, PairTests(p, both, _equivalence_p(gaps, rule)))


def _equivalence_p(gaps: Any, rule: Rule) -> float:
    """Return the p-value of the difference being as large as what is worth having, at either side.

    Twice the larger of two one-sided ones, so that it is at most 1 - level just where the interval at that
    level lies inside; 1 where nothing is stated, or where a difference is infinite. In rounds it is found
    among the levels at which intervals hold for every look: alpha over 1, 2, ... comparisons.
    """
    rope = rule.rope
    if rope is None or not len(gaps) or np.isinf(gaps).any():
        return 1.0
    if rule.sequential:
        return _sequential_equivalence(gaps, rope, rule)
    if rule.of_means:
        inside = abs(float(np.mean(gaps))) < rope
        return max(mean_p(gaps, rope), mean_p(gaps, -rope)) if inside else 1.0
    inside = abs(stats.pseudomedian(gaps).value) < rope
    return max(stats.wilcoxon(gaps - rope), stats.wilcoxon(gaps + rope)) if inside else 1.0


def shifted_p(gaps: Any, at: float, rule: Rule) -> float:
    """Return the two-sided p-value of the average being `at`, by the test that the rule's verdicts rest on.

    It is at most 1 - level just where the interval at that level leaves `at` out. Where differences are
    infinite the signed ranks must agree with the mean. In rounds it is found among the levels at which
    intervals hold for every look: alpha over 1, 2, ... comparisons.
    """
    if not len(gaps):
        return 1.0
    if rule.sequential:
        p = 1.0
        for comparisons in dict.fromkeys((1, max(rule.comparisons, 1))):
            interval = always_valid_interval(gaps, 1 - rule.alpha / comparisons)
            if not (interval.low > at or interval.high < at):
                break
            p = rule.alpha / comparisons
        return p
    if not rule.of_means:
        return stats.wilcoxon(gaps - at)
    return max(mean_p(gaps, at), stats.wilcoxon(gaps - at) if np.isinf(gaps).any() else 0.0)


def _sequential_equivalence(gaps: Any, rope: float, rule: Rule) -> float:
    p = 1.0
    for comparisons in (1, rule.comparisons):  # Holm's last and first step; the ones between ask no less
        interval = always_valid_interval(gaps, 1 - rule.alpha / comparisons)
        if not (-rope <= interval.low and interval.high <= rope):
            break
        p = rule.alpha / comparisons
    return p


def _p_value(gaps: Any, sequential: bool) -> float:
    if sequential:
        return float(always_valid_p(gaps)[-1]) if len(gaps) else 1.0
    return stats.wilcoxon(gaps)
