"""What may be said about two arms, decided in one place.

`compare` turns costs into `Comparison`s, one per pair; titles, tables and sentences all read their
`verdict`, so that no figure claims what its table denies:

    better      a beats b, in a typical run and on average: the adjusted p is at or below alpha
    typical     a beats b in a typical run, but the mean of the differences does not bear it out
    undecided   the pairs at hand do not tell them apart
    equivalent  the difference is smaller than what is worth having, after adjustment
    tie         equal on every pair, up to numeric noise
    too_few     no result could have been significant with so few pairs
    blocked     trials failed, crashed, timed out or are missing, and have to run first; or neither arm has a
                finite score anywhere

The unit of a comparison is the seed on one problem, and the data set over all.

On the seeds of one problem two tests must agree before one arm beats another: the signed ranks, which speak
of the typical run, and the mean's (`mean_difference`), whose number is printed. Otherwise an arm that fails
in one run of ten would "lose" beside an interval that holds 0. Over data sets, which differ too much in
difficulty for a mean, and where seeds come in rounds, the typical difference is what is tested and printed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from anncore.contract.shown import Shown
from anncore.evidence import planning, stats
from anncore.evidence.always_valid import pairs_until_decided
from anncore.evidence.looks import Seen
from anncore.evidence.pair_tests import (
    FEWEST_DATA_SETS as FEWEST_DATA_SETS,
    Draft,
    Pair as Pair,
    PairTests,
    Rule,
    drafts,
)
from anncore.evidence.stats import Centre as Centre
from anncore.evidence.study import Study, blocked_arms
from anncore.evidence.units import DATA_SETS as DATA_SETS, SEEDS as SEEDS, agreeing, counted

DIVERGED = "diverged"
Verdict = Literal["better", "typical", "undecided", "equivalent", "tie", "too_few", "blocked"]
FEW_DATA_SETS = 10


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Arm `a`, the better one so far by its effect, against arm `b`.

    `effect` with `low` and `high` is how much cheaper a is, on `scale`: "log" a difference of logarithms,
    "unit" of shares, "linear" in the metric's own units, "range" a share of the distance between the best
    and the worst arm. `wins`, `losses` and `ties` count pairs, `n` all of them. `p` is Holm-adjusted; it
    is None wherever no p-value could settle the matter. `centre` says which average the effect is: the
    "mean" difference, or the "median" of all pairs' averages (Hodges and Lehmann's estimate), which is the
    typical one. `p_typical` is the adjusted p-value of the signed ranks alone, where `p` is the larger one of
    these and the mean's. `mean` with `mean_low` and `mean_high` is the mean difference in any case; NaN where
    it is not asked for. `rope` is the smallest difference worth having, on the scale; None where none is
    stated.

    `needed` is how many pairs would settle what is open. Where it is guessed from the difference seen,
    `needed_low` and `needed_high` hold the true number nine times out of ten; `needed_high` is infinite
    where the difference may be 0.

    `correction` is above 0 where the claim is about new rows: see `mean_difference`.
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
    mean: float = math.nan
    mean_low: float = math.nan
    mean_high: float = math.nan
    needed_low: float | None = None
    needed_high: float | None = None
    rope: float | None = None
    p_typical: float | None = None
    correction: float = 0.0

    @property
    def neither_ends(self) -> bool:
        """Whether nothing is claimed because every trial of both arms diverged."""
        return self.verdict == "blocked" and f"both {DIVERGED}" in self.reason

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
    seen: Callable[[str, str], Seen | None] | None = None,
) -> list[Comparison]:
    """Decide every pair of columns of `costs`, or every column against `control`.

    costs: DataFrame, a row per unit (seed or data set), a column per arm; lower is better, +inf diverged,
    NaN missing; already on the scale that differences are taken on. blocked: arm to reason. sequential:
    p-values that stay valid where one looks again after every few more rows (`always_valid_p`) take
    the place of the exact signed-rank test's, which allows for a single look at a planned number of rows;
    intervals and `needed` are then those that go with them (`anncore.evidence.always_valid`). floor: the
    cost at or below which a function's value is rounding and the steps to reach it decide. seen: what earlier
    reports have shown of two arms.
    """
    pairs = pairs_of(costs, control, where=where, scale=scale, floor=floor, blocked=blocked or {})
    if seen is not None:
        pairs = [pair._replace(seen=seen(pair.a, pair.b)) for pair in pairs]
    return judge(pairs, unit=unit, rope=rope, alpha=alpha, sequential=sequential)


def pairs_of(
    costs: Any, control: str | None, *, where: str, scale: str, floor: float, blocked: Mapping[str, str]
) -> list[Pair]:
    """Return every pair of columns of `costs`, or each with the control's, as `compare` has them."""
    column = {arm: costs[arm].to_numpy(float) for arm in costs.columns}  # once: there are hundreds of pairs
    names = list(combinations(column, 2))
    if control in column:
        names = [(str(control), arm) for arm in column if arm != control]
    return [
        Pair(
            where,
            a,
            b,
            column[a],
            column[b],
            scale,
            reasons={arm: blocked[arm] for arm in (a, b) if arm in blocked},
            floor=floor,
        )
        for a, b in names
    ]


def judge(
    pairs: Sequence[Pair],
    *,
    unit: str = SEEDS,
    rope: float | None = None,
    alpha: float = stats.ALPHA,
    sequential: bool = False,
) -> list[Comparison]:
    """Decide pairs that share one Holm correction; see `compare`.

    Three families are adjusted, each by itself: of the signed ranks' p-values, of the larger one of these and
    the mean's, which "better" asks for, and of the tests of equivalence.
    """
    return judge_problems({"": pairs}, {"": Rule(unit, rope, alpha, sequential, len(pairs))})[""]


def judge_problems(
    pairs: Mapping[str, Sequence[Pair]], rules: Mapping[str, Rule]
) -> dict[str, list[Comparison]]:
    """Decide the pairs of several problems, with Holm's correction on each and a control over all of them.

    Taken one by one, ten problems offer ten chances of a false claim. So a problem counts only if it is among
    the R of m that Benjamini and Hochberg's procedure selects by their smallest adjusted p-values, and within
    these each p-value is multiplied by m / R. Then the share of false claims among all that are made is at
    most alpha, in the mean over the problems selected, and where nothing differs anywhere a claim is made in
    alpha of all experiments. Benjamini & Bogomolov, "Selective Inference on Multiple Families of
    Hypotheses", JRSS B 76(1), 2014. On a single problem this is Holm's correction alone.
    """
    own_rules = {name: [rules[name].after(pair.seen) for pair in own] for name, own in pairs.items()}
    drafted = {name: drafts(own, own_rules[name]) for name, own in pairs.items()}
    open_ = {name for name, own in pairs.items() if not all(pair.reasons for pair in own)}
    tests = _adjusted(
        {name: [one.tests for one in own] for name, own in drafted.items()},
        open_,
        max((rule.alpha for rule in rules.values()), default=stats.ALPHA),
    )
    return {
        name: [
            _decided(pair, one, adjusted, rule)
            for pair, one, adjusted, rule in zip(
                own, drafted[name], tests[name], own_rules[name], strict=True
            )
        ]
        for name, own in pairs.items()
    }


def _adjusted(
    tests: Mapping[str, Sequence[PairTests]], open_: Set[str], alpha: float
) -> dict[str, list[PairTests]]:
    """Return the p-values after Holm's correction on each problem and the selection among open problems."""
    families: dict[str, list[list[float]]] = {name: [] for name in tests}
    for place in range(len(PairTests._fields)):
        adjusted = {name: stats.holm([one[place] for one in own]) for name, own in tests.items()}
        smallest = np.array([float(p.min()) for name, p in adjusted.items() if name in open_])
        factor = stats.selection_factor(smallest, alpha)
        for name, p in adjusted.items():
            families[name].append([min(1.0, factor * float(value)) for value in p])
    return {name: [PairTests(*p) for p in zip(*own, strict=True)] for name, own in families.items()}


def _decided(pair: Pair, drafted: Draft, adjusted: PairTests, rule: Rule) -> Comparison:
    verdict = _verdict(pair, drafted, adjusted, rule)
    if _neither_ends(pair):
        nothing = stats.Estimate(math.nan, math.nan, math.nan, 0)
        drafted = drafted._replace(typical=nothing, mean=nothing)
    centre: Centre = "median" if verdict == "typical" else drafted.centre
    effect = drafted.mean if centre == "mean" else drafted.typical
    wins, losses = (int(np.count_nonzero(won)) for won in (drafted.gaps > 0, drafted.gaps < 0))
    turned = effect.value < 0 or (effect.value == 0 and losses > wins)
    a, b = (pair.b, pair.a) if turned else (pair.a, pair.b)
    gaps = -drafted.gaps if turned else drafted.gaps
    wins, losses = (losses, wins) if turned else (wins, losses)
    effect, mean = (_turned(one) if turned else one for one in (effect, drafted.mean))
    p = adjusted.typical if verdict == "typical" else adjusted.both
    both = np.maximum(pair.costs_a, pair.costs_b) <= pair.floor + 1e-9
    return Comparison(
        where=pair.where,
        unit=rule.unit,
        a=a,
        b=b,
        verdict=verdict,
        n=len(gaps),
        wins=wins,
        losses=losses,
        ties=len(gaps) - wins - losses,
        diverged=int(np.count_nonzero(np.isinf(gaps))),
        effect=effect.value,
        low=effect.low,
        high=effect.high,
        scale=pair.scale,
        p=None if verdict in ("too_few", "blocked") else p,
        **_needed(gaps, verdict, rule),
        comparisons=rule.comparisons,
        reason=_reason(pair, drafted, a, b, rule.unit),
        centre=centre,
        at_floor=int(np.count_nonzero(both)),
        mean=mean.value,
        mean_low=mean.low,
        mean_high=mean.high,
        rope=rule.rope,
        p_typical=None if verdict in ("too_few", "blocked") else adjusted.typical,
        correction=rule.correction,
    )


def _turned(estimate: stats.Estimate) -> stats.Estimate:
    """Return the estimate of the differences the other way round."""
    return stats.Estimate(-estimate.value, -estimate.high, -estimate.low, estimate.n)


def _reason(pair: Pair, drafted: Draft, a: str, b: str, unit: str) -> str:
    """Say why nothing may be claimed of a pair; "" where nothing speaks against it."""
    reasons = [f"{arm}: {pair.reasons[arm]}" for arm in (a, b) if arm in pair.reasons]
    missing = len(pair.costs_a) - len(drafted.gaps)
    if missing and not reasons:
        lack = agreeing(missing, "lack")
        reasons = [f"{missing} of {counted(len(pair.costs_a), unit)} {lack} a partner"]
    if not reasons and _neither_ends(pair):
        every = "all " if len(pair.costs_a) > 1 else ""
        what = f"both {DIVERGED}" if unit == SEEDS else f"trials of both {DIVERGED}"
        reasons = [f"{what} on {every}{counted(len(pair.costs_a), unit)}"]
    return "; ".join(reasons)


def _neither_ends(pair: Pair) -> bool:
    """Tell whether neither arm has a finite cost anywhere: two infinities are not equal scores."""
    a, b = pair.costs_a, pair.costs_b
    # The first one tells of nearly every pair that it has one.
    return bool(len(a)) and math.isinf(a[0]) and bool(np.isinf(a).all() and np.isinf(b).all())


def _verdict(pair: Pair, drafted: Draft, adjusted: PairTests, rule: Rule) -> Verdict:
    gaps = drafted.gaps
    if _reason(pair, drafted, pair.a, pair.b, rule.unit):
        return "blocked"
    if len(gaps) and not gaps.any():
        return "tie"
    if adjusted.equivalent <= rule.alpha:
        return "equivalent"
    kept = pair.seen is not None and adjusted.typical <= rule.alpha  # a claim of the first report
    if len(gaps) < rule.least and not kept:
        return "too_few"
    if adjusted.both <= rule.alpha:
        return "better"
    return "typical" if adjusted.typical <= rule.alpha else "undecided"


def _needed(gaps: Any, verdict: Verdict, rule: Rule) -> dict[str, float | None]:
    """Return how many pairs would settle what is open, with a range where that is guessed; else None."""
    if verdict == "too_few":
        return {"needed": float(rule.least)}
    if verdict != "undecided":
        return {"needed": None}
    more = len(gaps) + 1.0
    if rule.sequential:  # whose number has no range
        return {"needed": max(pairs_until_decided(gaps, rule.comparisons, rule.left), more)}
    asked, correction = (rule.comparisons, rule.left), rule.correction
    low, high = planning.pairs_range(gaps, *asked, correction=correction)
    return {
        "needed": max(planning.pairs_for_power(gaps, *asked, correction=correction), more),
        "needed_low": max(low, more),
        "needed_high": max(high, more),
    }


def seed_claims(study: Study) -> dict[str, list[Comparison]]:
    """Return the comparisons of a `Study` by problem, over its seeds, as its [report] table asks.

    Where the sweep ran in rounds, p-values and intervals are those that hold however often one looks.
    """
    pairs, rules = {}, {}
    for problem in study.problems:
        measure = study.measures[problem]
        pairs[problem] = pairs_of(
            study.costs(problem),
            study.control,
            where=problem,
            scale=measure.scale,
            floor=math.log(measure.floor) if measure.floor else -math.inf,
            blocked=blocked_arms(study, problem),
        )
        number = len(pairs[problem])
        costs = study.costs(problem)
        pairs[problem] = [
            pair._replace(seen=study.seen_on(problem, costs, (pair.a, pair.b), number))
            for pair in pairs[problem]
        ]
        rules[problem] = study.rule(problem, measure.rope, number)
    return judge_problems(pairs, rules)
