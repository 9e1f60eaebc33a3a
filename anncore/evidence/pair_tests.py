"""The tests of one pair of arms: by the typical difference, by the mean one, and of their equivalence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.always_valid import always_valid_interval, always_valid_p
from anncore.evidence.looks import Seen
from anncore.evidence.mean_difference import Moments, interval_of, mean_difference, mean_p, moments, p_of
from anncore.evidence.stats import Centre
from anncore.evidence.units import SEEDS

FEWEST_DATA_SETS = 6  # below, over all data sets is description only
LEAST_ALPHA = 1e-9  # of what is left after a look that has used up all there was


class Pair(NamedTuple):
    """Two arms to compare: their costs unit by unit, and why nothing may be claimed of either, if so.

    seen: what an earlier report has shown of these two already; None where these units are looked at once.
    """

    where: str
    a: str
    b: str
    costs_a: Any
    costs_b: Any
    scale: str
    reasons: Mapping[str, str] = MappingProxyType({})
    floor: float = -math.inf
    seen: Seen | None = None


class Rule(NamedTuple):
    """What all comparisons of one table share.

    correction: what is added to the variance of a mean, in units of a difference's, where claims are about
    new rows; see `mean_difference`. rest: the share of alpha that earlier looks have left.
    """

    unit: str
    rope: float | None
    alpha: float
    sequential: bool
    comparisons: int
    correction: float = 0.0
    rest: float = 1.0

    @property
    def least(self) -> int:
        """The fewest pairs with which any comparison could be significant."""
        pairs = stats.pairs_needed(self.comparisons, self.left, self.sequential)
        return pairs if self.unit == SEEDS else max(pairs, FEWEST_DATA_SETS)

    @property
    def of_means(self) -> bool:
        """Whether the mean difference is tested and printed beside the typical one."""
        return self.unit == SEEDS and not self.sequential

    @property
    def left(self) -> float:
        """What of alpha is left for a claim that no earlier look has made; never quite nothing."""
        return max(self.alpha * self.rest, LEAST_ALPHA)

    def after(self, seen: Seen | None) -> Rule:
        """Return the rule for what earlier reports have shown: as in rounds, where seeds can be added so."""
        if seen is None:
            return self
        if self.correction:  # of a test whose p-value can be any number, a first look leaves nothing
            return self._replace(rest=0.0)
        if self.unit == SEEDS:
            return self._replace(sequential=True, rest=seen.rest)
        return self._replace(rest=seen.rest / (seen.looks * (seen.looks - 1)))  # which sum to one


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
    one_decides: bool  # the mean
    corrected: bool = False  # the mean alone is about new rows

    @property
    def centre(self) -> Centre:
        """Which average is printed: the mean, unless it is not asked for, infinite, or made by one seed."""
        usable = math.isfinite(self.mean.value) and (self.corrected or not self.one_decides)
        return "mean" if usable else "median"


def draft(pair: Pair, rule: Rule) -> Draft:
    """Return a pair's complete differences with their averages and p-values, before any adjustment."""
    return drafts([pair], [rule])[0]


def drafts(pairs: Sequence[Pair], rules: Sequence[Rule]) -> list[Draft]:
    """Return the `draft` of each pair by its rule.

    Of hundreds of pairs that are as long and have the same rule all is computed together, which takes a
    tenth of the time.
    """
    made: dict[int, Draft] = {}
    alike: dict[tuple[int, Rule], list[tuple[int, Any]]] = {}
    for place, (pair, rule, gaps) in enumerate(zip(pairs, rules, _gaps_of(pairs), strict=True)):
        if pair.seen is None:
            alike.setdefault((len(gaps), rule), []).append((place, gaps))
        else:
            made[place] = _again(gaps, pair.seen, rule)
    for (_, rule), known in alike.items():
        places, rows = zip(*known, strict=True)
        made |= zip(places, _all_at_once(np.stack(rows), rule), strict=True)
    return [made[place] for place in range(len(made))]


def _gaps_of(pairs: Sequence[Pair]) -> list[Any]:
    """Return each pair's differences b - a of units that both have."""
    rows: Any
    if len({len(costs) for pair in pairs for costs in (pair.costs_a, pair.costs_b)}) == 1:
        rows = stats.differences([pair.costs_a for pair in pairs], [pair.costs_b for pair in pairs])
    else:
        rows = [stats.differences(pair.costs_a, pair.costs_b) for pair in pairs]
    return [gaps[~np.isnan(gaps)] if np.isnan(gaps).any() else gaps for gaps in rows]


def _at_once(gaps: Any, rule: Rule) -> Draft:
    return _all_at_once(gaps[None], rule)[0]


def _all_at_once(rows: Array, rule: Rule) -> list[Draft]:
    """Return the draft of each row of differences."""
    if rule.sequential:
        typical = [always_valid_interval(gaps, 1 - rule.left) for gaps in rows]
        typical_p = [_sequential_p(gaps, rule) for gaps in rows]
    else:
        typical, typical_p = stats.pseudomedians(rows), stats.wilcoxons(rows)
    known = map(_Averages, typical, typical_p, moments(rows), stats.ones_decide(rows))
    return [_drafted(gaps, averages, rule) for gaps, averages in zip(rows, known, strict=True)]


class _Averages(NamedTuple):
    """What is computed of all rows together: the typical difference, its p-value, and the mean's moments."""

    typical: stats.Estimate
    typical_p: float
    moments: Moments
    one_decides: bool


def _drafted(gaps: Any, known: _Averages, rule: Rule) -> Draft:
    typical, p = known.typical, known.typical_p
    mean, both = stats.Estimate(math.nan, math.nan, math.nan, 0), p
    if rule.of_means:
        mean = interval_of(known.moments, correction=rule.correction)
        agree = mean.value * typical.value > 0
        both = max(p, _mean_p(gaps, known.moments, rule)) if agree else 1.0
    if rule.correction:  # signed ranks speak of these rows alone
        p, typical = both, typical._replace(low=math.nan, high=math.nan)
    tests = PairTests(p, both, _equivalence_p(gaps, known, rule))
    return Draft(gaps, typical, mean, tests, known.one_decides, corrected=bool(rule.correction))


def _again(gaps: Any, seen: Seen, rule: Rule) -> Draft:
    """Return the draft of what earlier reports have shown a part of.

    A claim stands where the first report made it and all that is there now makes it still, by the tests of a
    single look; or where all that is there now makes it by a test that holds however often one looks, at what
    the first look has left of alpha. Either way it is false in at most alpha of all chains of looks: those in
    which the first report errs, and those in which the later ones do.
    """
    once = rule._replace(sequential=False, rest=1.0)
    late = _late(gaps, rule)
    if seen.first is None or not len(seen.first):
        return late
    first, now = _at_once(seen.first, once), _at_once(gaps, once)
    agree = first.typical.value * now.typical.value > 0
    tests = PairTests(
        *(
            min(later, plain) if plain <= rule.alpha and (agree or field == "equivalent") else later
            for field, later, plain in zip(
                PairTests._fields, late.tests, map(max, first.tests, now.tests), strict=True
            )
        )
    )
    typical = _within(_hull(first.typical, now.typical), late.typical)
    mean = _within(_hull(first.mean, now.mean), late.mean) if rule.of_means else late.mean
    return Draft(gaps, typical, mean, tests, now.one_decides, corrected=bool(rule.correction))


def _late(gaps: Any, rule: Rule) -> Draft:
    """Return the draft by a test that holds however many looks there are, at what is left of alpha."""
    if rule.sequential:
        return _at_once(gaps, rule)
    wide = _at_once(gaps, rule._replace(rest=1.0))
    tests = PairTests(*(min(1.0, p / max(rule.rest, LEAST_ALPHA)) for p in wide.tests))
    mean = mean_difference(gaps, 1 - rule.left, rule.correction) if rule.of_means else wide.mean
    typical = wide.typical
    if not rule.correction:
        typical = stats.pseudomedian(gaps, 1 - rule.left)
    return Draft(gaps, typical, mean, tests, wide.one_decides, corrected=bool(rule.correction))


def _hull(first: stats.Estimate, now: stats.Estimate) -> stats.Estimate:
    """Return the estimate of now with an interval that reaches as far as either of both."""
    lows, highs = [first.low, now.low], [first.high, now.high]
    low = -math.inf if any(map(math.isnan, lows)) else min(lows)
    high = math.inf if any(map(math.isnan, highs)) else max(highs)
    return now._replace(low=low, high=high)


def _within(hull: stats.Estimate, late: stats.Estimate) -> stats.Estimate:
    """Return what two intervals share; NaN where they share nothing or have no end."""
    low = hull.low if math.isnan(late.low) else max(hull.low, late.low)
    high = hull.high if math.isnan(late.high) else min(hull.high, late.high)
    if low > high or (math.isinf(low) and low == -high):
        return hull._replace(low=math.nan, high=math.nan)
    return hull._replace(value=min(max(hull.value, low), high), low=low, high=high)


def _mean_p(gaps: Any, known: Moments, rule: Rule) -> float:
    """Return the mean's p-value; that of the mean signed rank where it is corrected and infinite."""
    if rule.correction and np.isinf(gaps).any():
        return mean_p(np.sign(gaps) * stats.ranks(np.abs(gaps)), correction=rule.correction)
    return p_of(known, correction=rule.correction)


def _equivalence_p(gaps: Any, known: _Averages, rule: Rule) -> float:
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
        inside = abs(known.moments.mean) < rope
        return max(p_of(known.moments, at, rule.correction) for at in (rope, -rope)) if inside else 1.0
    inside = abs(known.typical.value) < rope
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
            interval = always_valid_interval(gaps, 1 - rule.left / comparisons)
            if not (interval.low > at or interval.high < at):
                break
            p = rule.alpha / comparisons
        return p
    share = max(rule.rest, LEAST_ALPHA)
    if not rule.of_means:
        return min(1.0, stats.wilcoxon(gaps - at) / share)
    ranks = stats.wilcoxon(gaps - at) if np.isinf(gaps).any() else 0.0
    return min(1.0, max(mean_p(gaps, at, rule.correction), ranks) / share)


def _sequential_equivalence(gaps: Any, rope: float, rule: Rule) -> float:
    p = 1.0
    for comparisons in (1, rule.comparisons):  # Holm's last and first step; the ones between ask no less
        interval = always_valid_interval(gaps, 1 - rule.left / comparisons)
        if not (-rope <= interval.low and interval.high <= rope):
            break
        p = rule.alpha / comparisons
    return p


def _sequential_p(gaps: Any, rule: Rule) -> float:
    p = float(always_valid_p(gaps)[-1]) if len(gaps) else 1.0
    return min(1.0, p * rule.alpha / rule.left)
