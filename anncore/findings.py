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
from typing import Any, Literal

import numpy as np

from anncore import stats
from anncore.nouns import DATA_SETS as DATA_SETS, SEEDS as SEEDS, singular
from anncore.sequential import always_valid_interval, pairs_until_decided

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

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, with the sentence; a number that is not finite stays for the writer."""
        return {**vars(self), "sentence": sentence(self)}


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
    p-values that stay valid where one looks again after every few more rows (`stats.always_valid_p`) take
    the place of the exact signed-rank test's, which allows for a single look at a planned number of rows;
    intervals and `needed` are then those that go with them (`anncore.sequential`).
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
        return float(stats.always_valid_p(gaps)[-1]) if len(gaps) else 1.0
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


def number(value: float, digits: int = 3) -> str:
    """Write a number as in running text: 0.0421, 12.3, 1.2e-07, ∞, – for NaN."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and not 1e-4 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.{max(1, digits - 2)}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{places}f}".replace("-", "−")


def percent(share: float, places: int = 1) -> str:
    """Write a share as a percentage: 0.973 -> "97.3 %"."""
    return "–" if math.isnan(share) else f"{100 * share:.{places}f} %".replace("-", "−")


def p_value(p: float | None) -> str:
    """Write a p-value without its leading zero: "p = .012", "p < .001"; – where there is none."""
    if p is None or math.isnan(p):
        return "–"
    if p < 0.001:
        return "p < .001"
    return "p = 1" if p > 0.9995 else f"p = {p:.3f}".replace("0.", ".", 1)


def joined(names: Sequence[str], most: int = 6) -> str:
    """Write "a", "a and b", "a, b and c"; beyond `most`, how many others there are."""
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def size(value: float, scale: str) -> str:
    """Write an effect: "34 % lower" on the log scale, "1.2 points" for shares, else the number."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "all, by divergence" if value > 0 else "none, by divergence"
    if scale == "log":
        share = -math.expm1(-abs(value))
        ratio = math.exp(abs(value))
        word = "lower" if value >= 0 else "higher"
        if abs(value) > math.log(10):
            return f"{number(ratio, 2)} times {word}"
        change = share if value >= 0 else ratio - 1
        return f"{percent(change, 1 if change < 0.1 else 0)} {word}"
    if scale == "unit":
        return f"{number(100 * value, 2)} points"
    if scale == "range":
        return f"{number(100 * value, 2)} % of the arms' range"
    return number(value)


def interval(low: float, high: float, scale: str) -> str:
    """Write an effect's interval, "" where it is undefined."""
    if math.isnan(low) or math.isnan(high):
        return ""
    if math.isinf(low) or math.isinf(high):
        if low == high:
            return size(low, scale)
        if low >= 0:
            return f"at least {size(low, scale)}"
        first = "any loss" if math.isinf(low) else size(low, scale)
        return f"{first} to {'any gain' if math.isinf(high) else size(high, scale)}"
    if scale == "unit":
        return f"{number(100 * low, 2)} to {number(100 * high, 2)}"
    near = max(abs(low), abs(high)) <= math.log(10)
    if scale == "log" and near and low * high > 0:
        first, second = size(low, scale), size(high, scale)
        return f"{first.split(' %')[0]} to {second}"
    if scale == "log":
        return f"{size(low, scale)} to {size(high, scale)}"
    return f"{number(low)} to {number(high)}"


def counted(count: int, unit: str) -> str:
    """Write a number of units, `unit` in the plural: "1 seed", "10 data sets"."""
    return f"{count} {singular(unit) if count == 1 else unit}"


def growth(widening: Mapping[str, Any]) -> str:
    """Say how a range grew: "optimizer.lr a hundredfold downwards and tenfold upwards"."""
    times = {1: "tenfold", 2: "a hundredfold"}
    parts = [
        f"{times.get(widening[end], 'a thousandfold')} {end}wards" for end in ("down", "up") if widening[end]
    ]
    return f"{widening['key']} {' and '.join(parts)}"


def about(count: float | None) -> str:
    """Round a number of pairs to two digits; beyond 1000 it is "more than 1000"."""
    if count is None or not count <= 1000:
        return "more than 1000"
    digits = max(0, len(str(int(count))) - 2)
    return str(int(math.ceil(count / 10**digits) * 10**digits))


def sentence(c: Comparison) -> str:
    """Say what one comparison found, with its numbers."""
    on = f" on {c.where}" if c.where else ""
    if c.verdict == "blocked":
        return f"No claim about {c.a} and {c.b}{on}: {c.reason}."
    if c.verdict == "tie":
        every = "all " if c.n > 1 else ""
        return f"{c.a} and {c.b} are equal{on} on {every}{counted(c.n, c.unit)}."
    if c.verdict == "too_few":
        way = f"{about(c.needed)} would be enough to let one show"
        seen = f"{c.a} is ahead on {c.wins} of {c.n}"
        few = f"{counted(c.n, c.unit)} {'is' if c.n == 1 else 'are'} too few"
        return f"{few} for a claim about {c.a} and {c.b}{on} ({seen}); {way}."
    if c.verdict == "undecided":
        return (
            f"{c.a} and {c.b} cannot be told apart{on} with {c.n} {c.unit}; "
            f"about {about(c.needed)} would be needed."
            if c.needed is not None and c.needed <= 1000
            else f"{c.a} and {c.b} cannot be told apart{on} with {c.n} {c.unit}; "
            "more than 1000 would be needed."
        )
    spread = interval(c.low, c.high, c.scale)
    kind = "mean gain" if c.centre == "mean" else "typical gain"
    gain = f"{kind} {size(c.effect, c.scale)}" + (f", 95 % interval {spread}" if spread else "")
    if c.verdict == "equivalent":
        return f"{c.a} and {c.b} are practically equivalent{on} ({gain})."
    drawn = f", {c.ties} tied" if c.ties else ""
    lost = f", {c.diverged} by divergence" if c.diverged else ""
    return (
        f"{c.a} beats {c.b}{on} on {c.wins} of {c.n} {c.unit}{drawn}{lost} "
        f"({gain}, {p_value(c.p)} after Holm)."
    )


def headline(arms: Sequence[str], comparisons: Sequence[Comparison], ranks: Mapping[str, float]) -> str:
    """Say who leads and over whom: the report's first sentence.

    ranks: mean rank per arm, best first decides the leader. comparisons: those over all data sets, or of
    the only problem.
    """
    if len(arms) < 2:
        return f"{arms[0]} ran alone; there is nothing to compare it with." if arms else "Nothing ran."
    ordered = sorted(arms, key=lambda arm: (ranks.get(arm, math.inf), arms.index(arm)))
    lead = ordered[0]
    tied = [arm for arm in ordered if ranks.get(arm) == ranks.get(lead)]
    ranked = f"mean rank {ranks[lead]:.1f} of {len(arms)}" if lead in ranks else "no rank"
    if comparisons and len(tied) == len(arms) and all(c.verdict == "blocked" for c in comparisons):
        return "No claim can be made until the trials that failed or are missing are run."
    if len(tied) == len(arms):
        return f"All {len(arms)} arms share the same mean rank."
    opening = f"{joined(tied)} {'ranks' if len(tied) == 1 else 'rank'} best ({ranked})"
    own = {(c.b if c.a == lead else c.a): c for c in comparisons if lead in (c.a, c.b)}
    beaten = [arm for arm in ordered if arm in own and own[arm].verdict == "better" and own[arm].a == lead]
    if not own:
        return f"{opening}."
    first = next(iter(own.values()))
    if all(c.verdict == "too_few" for c in own.values()):
        return (
            f"{opening}, but {counted(first.n, first.unit)} {'is' if first.n == 1 else 'are'} too few for a "
            f"claim; "
            f"{about(first.needed)} would be enough."
        )
    if any(c.verdict == "blocked" for c in own.values()) and not beaten:
        return f"{opening}, but no claim can be made until the failed trials are rerun."
    open_ = [arm for arm in ordered if arm in own and own[arm].verdict in ("undecided", "tie", "equivalent")]
    # Of several that share the best rank, the comparisons are those of the first.
    it, beats = ("it", "beats") if len(tied) == 1 else (lead, f"{lead} beats")
    if len(beaten) == len(arms) - 1:
        return f"{opening} and {beats} every other arm."
    if beaten:
        rest = f"; it cannot be told apart from {joined(open_)}" if open_ else ""
        return f"{opening} and {beats} {joined(beaten)}{rest}."
    if len(open_) in (0, len(arms) - 1):
        return f"{opening}, but {it} cannot be told apart from any other arm."
    return f"{opening}, but {it} cannot be told apart from {joined(open_)}."
