"""What may be said about two arms, decided in one place.

`compare` turns costs into `Comparison`s, one per pair; titles, tables and sentences all read their
`verdict`, so that no figure claims what its table denies:

    better      a beats b: the adjusted p is at or below alpha
    undecided   the pairs at hand do not tell them apart
    equivalent  the interval lies inside the region of practical equivalence
    tie         equal on every pair, up to numeric noise
    too_few     no result could have been significant with so few pairs
    blocked     trials failed, crashed, timed out or are missing; rerun them first

The unit of a comparison is the seed on one problem, and the data set over all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from anncore.contract.shown import Shown
from anncore.evidence import stats
from anncore.evidence.always_valid import always_valid_interval, always_valid_p, pairs_until_decided
from anncore.evidence.stats import Centre as Centre
from anncore.evidence.study import Study, blocked_arms
from anncore.evidence.units import DATA_SETS as DATA_SETS, SEEDS as SEEDS, counted

Verdict = Literal["better", "undecided", "equivalent", "tie", "too_few", "blocked"]
FEWEST_DATA_SETS = 6  # below, over all data sets is description only
FEW_DATA_SETS = 10


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Arm `a`, the better one so far by its effect, against arm `b`.

    `effect` with `low` and `high` is how much cheaper a is, on `scale`: "log" a difference of logarithms,
    "unit" of shares, "linear" in the metric's own units, "range" a share of the distance between the best
    and the worst arm. `wins`, `losses` and `ties` count pairs, `n` all of them. `p` is Holm-adjusted; it
    is None wherever no p-value could settle the matter. `needed` is how many pairs would. `centre` says
    which average the effect is: the "mean" difference, or the "median" of all pairs' averages (Hodges and
    Lehmann's estimate).
    """

    where: str  # the problem, or "" over all data sets
    unit: str
    a: str
    b: str
    verdict: Verdict
    n: int
    wins: int
    losses: int
    ties: int
    diverged: int  # pairs decided by one arm's divergence alone
    effect: float
    low: float
    high: float
    scale: str
    p: float | None
    needed: float | None
    comparisons: int
    reason: str = ""
    centre: Centre = "mean"
    at_floor: int = 0  # pairs whose two trials are both at a function's floor: their steps decide

    def _title(self) -> str:
        return f"Comparison of {self.a} and {self.b}"

    def _facts(self) -> dict[str, object]:
        effect = f"{self.effect:.3g} in [{self.low:.3g}, {self.high:.3g}] ({self.scale})"
        return {
            "on": self.where or f"all {self.unit}",
            "verdict": self.verdict,
            "pairs": f"{self.n} ({self.wins} won, {self.losses} lost, {self.ties} equal)",
            "effect": effect,
            "p": None if self.p is None else f"{self.p:.3g}",
            "reason": self.reason,
        }


def compare(
    costs: Any,
    *,
    where: str = "",
    unit: str = SEEDS,
    scale: str = "linear",
    blocked: Mapping[str, str] | None = None,
    control: str | None = None,
    rope: float | None = None,
    alpha: float = stats.ALPHA,
    sequential: bool = False,
    floor: float = -math.inf,
) -> list[Comparison]:
    """Decide every pair of columns of `costs`, or every column against `control`.

    costs: DataFrame, a row per unit (seed or data set), a column per arm; lower is better, +inf diverged,
    NaN missing; already on the scale that differences are taken on. blocked: arm to reason. sequential:
    p-values that stay valid where one looks again after every few more rows (`always_valid_p`) take
    the place of the exact signed-rank test's, which allows for a single look at a planned number of rows;
    intervals and `needed` are then those that go with them (`anncore.evidence.always_valid`). floor: the
    cost at or below which a function's value is rounding and the steps to reach it decide.
    """
    column = {arm: costs[arm].to_numpy(float) for arm in costs.columns}  # once: there are hundreds of pairs
    arms = list(column)
    names = list(combinations(arms, 2))
    if control in column:
        names = [(str(control), arm) for arm in arms if arm != control]
    reasons = blocked or {}
    pairs = [
        Pair(
            where,
            a,
            b,
            column[a],
            column[b],
            scale,
            reasons={arm: reasons[arm] for arm in (a, b) if arm in reasons},
            floor=floor,
        )
        for a, b in names
    ]
    return judge(pairs, unit=unit, rope=rope, alpha=alpha, sequential=sequential)


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


def judge(
    pairs: Sequence[Pair],
    *,
    unit: str = SEEDS,
    rope: float | None = None,
    alpha: float = stats.ALPHA,
    sequential: bool = False,
) -> list[Comparison]:
    """Decide pairs that share one Holm correction; see `compare`."""
    rule = _Rule(unit, rope, alpha, sequential, len(pairs))
    drafts = [_draft(pair, unit, sequential) for pair in pairs]
    adjusted = stats.holm([_p_value(draft.gaps, sequential) for draft in drafts])
    return [
        _decided(pair, _turned(draft, float(p), rule), float(p), rule)
        for pair, draft, p in zip(pairs, drafts, adjusted, strict=True)
    ]


def _decided(pair: Pair, draft: _Draft, p: float, rule: _Rule) -> Comparison:
    reason = _reason(pair, draft, rule.unit)
    verdict = _verdict(draft, p, reason, rule)
    both = np.maximum(pair.costs_a, pair.costs_b) <= pair.floor + 1e-9
    return Comparison(
        where=pair.where,
        unit=rule.unit,
        a=draft.a,
        b=draft.b,
        verdict=verdict,
        n=len(draft.gaps),
        wins=int((draft.gaps > 0).sum()),
        losses=int((draft.gaps < 0).sum()),
        ties=int((draft.gaps == 0).sum()),
        diverged=int(np.isinf(draft.gaps).sum()),
        effect=draft.estimate.value,
        low=draft.estimate.low,
        high=draft.estimate.high,
        scale=pair.scale,
        p=p if verdict in ("better", "undecided", "equivalent", "tie") else None,
        needed=_needed(draft.gaps, verdict, rule),
        comparisons=rule.comparisons,
        reason=reason,
        centre=draft.centre,
        at_floor=int(both.sum()),
    )


class _Draft(NamedTuple):
    """A pair with the arm first that the effect speaks for, and its complete pairs' differences."""

    a: str
    b: str
    gaps: Any
    estimate: stats.Estimate
    centre: Centre


class _Rule(NamedTuple):
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


def _draft(pair: Pair, unit: str, sequential: bool) -> _Draft:
    gaps = stats.differences(pair.costs_a, pair.costs_b)
    a, b, complete = _led(gaps[~np.isnan(gaps)], pair.a, pair.b, unit, sequential)
    return _Draft(a, b, complete, *_effect(complete, unit, sequential))


def _led(gaps: Any, a: str, b: str, unit: str, sequential: bool) -> tuple[str, str, Any]:
    """Return the pair with the arm first that is ahead, and its differences in that direction."""
    lead = 0.0
    if len(gaps):
        # The estimate is what counts here, and an interval for every look takes longer than all the rest.
        lead = (stats.pseudomedian(gaps) if sequential else _effect(gaps, unit, sequential)[0]).value
    if lead < 0 or (lead == 0 and (gaps < 0).sum() > (gaps > 0).sum()):
        return b, a, -gaps
    return a, b, gaps


def _turned(draft: _Draft, p: float, rule: _Rule) -> _Draft:
    """Turn a significant pair where a few large gaps pull the mean away from what the test says."""
    estimate = draft.estimate if rule.sequential else stats.pseudomedian(draft.gaps)
    if p > rule.alpha or not estimate.value < 0:
        return draft
    gaps = -draft.gaps
    return draft._replace(
        a=draft.b, b=draft.a, gaps=gaps, estimate=_median(gaps, rule.sequential), centre="median"
    )


def _reason(pair: Pair, draft: _Draft, unit: str) -> str:
    """Say why nothing may be claimed of a pair; "" where nothing speaks against it."""
    reasons = [f"{arm}: {pair.reasons[arm]}" for arm in (draft.a, draft.b) if arm in pair.reasons]
    missing = len(pair.costs_a) - len(draft.gaps)
    if missing and not reasons:
        lack = "lacks" if missing == 1 else "lack"
        reasons = [f"{missing} of {counted(len(pair.costs_a), unit)} {lack} a partner"]
    return "; ".join(reasons)


def _verdict(draft: _Draft, p: float, reason: str, rule: _Rule) -> Verdict:
    gaps, estimate = draft.gaps, draft.estimate
    if reason:
        return "blocked"
    if len(gaps) and not gaps.any():
        return "tie"
    if rule.rope is not None and -rule.rope <= estimate.low and estimate.high <= rule.rope:
        return "equivalent"
    if len(gaps) < rule.least:
        return "too_few"
    return "better" if p <= rule.alpha else "undecided"


def _needed(gaps: Any, verdict: Verdict, rule: _Rule) -> float | None:
    """Return how many pairs would settle what is open; None where nothing is."""
    if verdict == "too_few":
        return float(rule.least)
    if verdict != "undecided":
        return None
    planned = pairs_until_decided if rule.sequential else stats.pairs_for_power
    return max(planned(gaps, rule.comparisons, rule.alpha), len(gaps) + 1.0)


def seed_claims(study: Study, problem: str) -> list[Comparison]:
    """Return the comparisons of a `Study` on one problem, over its seeds, as its [report] table asks.

    Where the sweep ran in rounds, p-values and intervals are those that hold however often one looks.
    """
    measure, rope = study.measures[problem], study.options.get("rope")
    if rope is not None and measure.scale == "log":
        rope = math.log1p(rope)
    return compare(
        study.costs(problem),
        where=problem,
        scale=measure.scale,
        blocked=blocked_arms(study, problem),
        control=study.control,
        rope=rope,
        sequential=study.sequential,
        floor=math.log(measure.floor) if measure.floor else -math.inf,
    )


def _p_value(gaps: Any, sequential: bool) -> float:
    if sequential:
        return float(always_valid_p(gaps)[-1]) if len(gaps) else 1.0
    return stats.wilcoxon(gaps)


def _effect(gaps: Any, unit: str, sequential: bool) -> tuple[stats.Estimate, Centre]:
    """Return the mean difference with its t-interval; the rank-based one where a mean would not do.

    A divergence makes the mean infinite, a single far-off seed decides it, data sets differ too much in
    difficulty for a t-interval, and a t-interval holds at one look only.
    """
    if sequential or unit != SEEDS or np.isinf(gaps).any() or stats.one_decides(gaps):
        return _median(gaps, sequential), "median"
    return stats.mean_interval(gaps), "mean"


def _median(gaps: Any, sequential: bool) -> stats.Estimate:
    return always_valid_interval(gaps) if sequential else stats.pseudomedian(gaps)
