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
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from anncore.evidence import stats
from anncore.evidence.always_valid import always_valid_interval, always_valid_p, pairs_until_decided
from anncore.evidence.units import DATA_SETS as DATA_SETS, SEEDS as SEEDS

Verdict = Literal["better", "undecided", "equivalent", "tie", "too_few", "blocked"]
Centre = Literal["mean", "median"]
FEWEST_DATA_SETS = 6  # below, over all data sets is description only
FEW_DATA_SETS = 10


@dataclass(frozen=True)
class Comparison:
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
) -> list[Comparison]:
    """Decide every pair of columns of `costs`, or every column against `control`.

    costs: DataFrame, a row per unit (seed or data set), a column per arm; lower is better, +inf diverged,
    NaN missing; already on the scale that differences are taken on. blocked: arm to reason. sequential:
    p-values that stay valid where one looks again after every few more rows (`always_valid_p`) take
    the place of the exact signed-rank test's, which allows for a single look at a planned number of rows;
    intervals and `needed` are then those that go with them (`anncore.evidence.always_valid`).
    """
    arms = list(costs.columns)
    pairs: list[tuple[str, str]] = list(combinations(arms, 2))
    if control in arms:
        pairs = [(str(control), arm) for arm in arms if arm != control]
    how = unit, sequential
    column = {arm: costs[arm].to_numpy(float) for arm in arms}  # once: there are hundreds of pairs
    drafts = [_draft(column[a], column[b], a, b, *how) for a, b in pairs]
    m = len(drafts)
    least = stats.pairs_needed(m, alpha, sequential)
    if unit != SEEDS:
        least = max(least, FEWEST_DATA_SETS)
    adjusted = stats.holm([_p_value(gaps, sequential) for *_, gaps in drafts])
    found = []
    for (a, b, gaps), p in zip(drafts, adjusted, strict=True):
        reasons = [f"{arm}: {blocked[arm]}" for arm in (a, b) if blocked and arm in blocked]
        missing = int((np.isnan(column[a]) | np.isnan(column[b])).sum())
        if missing and not reasons:
            reasons = [f"{missing} of {len(costs)} {unit} lack a partner"]
        estimate, centre = _effect(gaps, *how)
        if p <= alpha and (estimate if sequential else stats.pseudomedian(gaps)).value < 0:
            # A few large gaps pull the mean to the other side: the test's direction is what is claimed.
            a, b, gaps = b, a, -gaps
            estimate, centre = _median(gaps, sequential), "median"
        verdict: Verdict
        needed: float | None = None
        if reasons:
            verdict = "blocked"
        elif len(gaps) and not gaps.any():
            verdict = "tie"
        elif rope is not None and -rope <= estimate.low and estimate.high <= rope:
            verdict = "equivalent"
        elif len(gaps) < least:
            verdict, needed = "too_few", float(least)
        elif p <= alpha:
            verdict = "better"
        else:
            verdict = "undecided"
            planned = pairs_until_decided if sequential else stats.pairs_for_power
            needed = max(planned(gaps, m, alpha), len(gaps) + 1.0)
        found.append(
            Comparison(
                where=where,
                unit=unit,
                a=a,
                b=b,
                verdict=verdict,
                n=len(gaps),
                wins=int((gaps > 0).sum()),
                losses=int((gaps < 0).sum()),
                ties=int((gaps == 0).sum()),
                diverged=int(np.isinf(gaps).sum()),
                effect=estimate.value,
                low=estimate.low,
                high=estimate.high,
                scale=scale,
                p=float(p) if verdict in ("better", "undecided", "equivalent", "tie") else None,
                needed=needed,
                comparisons=m,
                reason="; ".join(reasons),
                centre=centre,
            )
        )
    return found


def seed_claims(study: Any, problem: str) -> list[Comparison]:
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
        blocked=study.blocked(problem),
        control=study.control,
        rope=rope,
        sequential=study.sequential,
    )


def _draft(x: Any, y: Any, a: str, b: str, unit: str, sequential: bool) -> tuple[str, str, Any]:
    """Return the pair with the arm first that the effect speaks for, and its complete pairs' differences."""
    gaps = stats.differences(x, y)
    gaps = gaps[~np.isnan(gaps)]
    lead = 0.0
    if len(gaps):
        # The estimate is what counts here, and an interval for every look takes longer than all the rest.
        lead = (stats.pseudomedian(gaps) if sequential else _effect(gaps, unit, sequential)[0]).value
    if lead < 0 or (lead == 0 and (gaps < 0).sum() > (gaps > 0).sum()):
        return b, a, -gaps
    return a, b, gaps


def _p_value(gaps: Any, sequential: bool) -> float:
    if sequential:
        return float(always_valid_p(gaps)[-1]) if len(gaps) else 1.0
    return stats.wilcoxon(gaps)


def _effect(gaps: Any, unit: str, sequential: bool) -> tuple[stats.Estimate, Centre]:
    """Return the mean difference with its t-interval; the rank-based one where a mean would not do.

    A divergence makes the mean infinite, data sets differ too much in difficulty for a t-interval, and a
    t-interval holds at one look only.
    """
    if sequential or unit != SEEDS or np.isinf(gaps).any():
        return _median(gaps, sequential), "median"
    return stats.mean_interval(gaps), "mean"


def _median(gaps: Any, sequential: bool) -> stats.Estimate:
    return always_valid_interval(gaps) if sequential else stats.pseudomedian(gaps)


# ---------------------------------------------------------------- sentences
