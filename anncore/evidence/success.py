"""How often arms succeed: shares of seeds, their exact intervals, and what may be said of two of them.

A trial succeeds where the metric that [report] success names is at or beyond its limit. One that diverged
has failed to; one that ended otherwise, has not run or has no such number is unknown, and blocks a claim as
elsewhere. Two arms are compared seed by seed by McNemar's exact test, with Holm's correction over the pairs
of a problem. Over data sets the unit is the data set, and its number the rate there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.evidence import stats
from anncore.evidence.always_valid import always_valid_p, pairs_until_decided
from anncore.evidence.frame import UNRUN
from anncore.evidence.looks import Seen
from anncore.evidence.pair_tests import FEWEST_DATA_SETS, LEAST_ALPHA, Rule
from anncore.evidence.study import BLOCKING, Study, blocked_arms
from anncore.evidence.units import STATUS_VERBS, agreeing, counted
from anncore.evidence.verdicts import Comparison, Verdict, compare
from anncore.experiment.success import SuccessRule, success_rule

if TYPE_CHECKING:
    import pandas as pd


class Limit(NamedTuple):
    """What a trial on a problem must reach: a column of the trials, and the value it needs."""

    column: str
    value: float
    at_least: bool


@dataclass(frozen=True)
class Rate:
    """How often an arm succeeds on a problem: `successes` of the `n` seeds whose outcome is known.

    low and high: Clopper and Pearson's interval of the share, at the study's level. diverged: trials among
    the n that diverged. unknown: seeds that are not among the n, with the reason in `note`.
    """

    problem: str
    arm: str
    n: int
    successes: int
    share: float
    low: float
    high: float
    diverged: int
    unknown: int
    note: str


@dataclass(frozen=True)
class RatePair:
    """Arm `a`, which succeeds at least as often so far, against arm `b` on one problem.

    Of `n` seeds that both have, `both` succeed on so many, `only_a` and `only_b` where the other does not.
    verdict: as in `anncore.evidence.verdicts`. p: McNemar's exact one after Holm, over `comparisons` pairs;
    None where none could settle the matter. needed: how many seeds would settle it.
    """

    where: str
    a: str
    b: str
    verdict: Verdict
    n: int
    both: int
    only_a: int
    only_b: int
    p: float | None
    needed: float | None
    comparisons: int
    reason: str = ""


class Successes(NamedTuple):
    """All that is known of how often arms succeed: limits, rates and pairs by problem, and over all."""

    rule: SuccessRule
    limits: dict[str, Limit]
    rates: dict[str, list[Rate]]
    pairs: dict[str, list[RatePair]]
    over_all: list[Comparison]


def successes(study: Study) -> Successes | None:
    """Return what a study says of successes; None where its experiment declares none."""
    rule = success_rule(study.options)
    if rule is None:
        return None
    limits = limits_of(study, rule)
    outcomes = {problem: outcomes_on(study, problem, limit) for problem, limit in limits.items()}
    return Successes(
        rule,
        limits,
        {problem: rates_on(study, problem, table) for problem, table in outcomes.items()},
        {problem: _pairs(study, problem, table) for problem, table in outcomes.items()},
        _over_all(study, outcomes),
    )


def limits_of(study: Study, rule: SuccessRule) -> dict[str, Limit]:
    """Return what succeeds on each problem that has a limit."""
    limits = {}
    for problem in study.problems:
        value = rule.limit(problem, study.dataset_of[problem])
        if value is not None:
            column = rule.metric or study.measures[problem].column
            limits[problem] = Limit(column, float(value), rule.at_least)
    return limits


def outcomes_on(study: Study, problem: str, limit: Limit) -> pd.DataFrame:
    """Return by seed and arm 1 where a trial succeeded, 0 where it did not, NaN where nobody can tell.

    A value within numeric noise of the limit has reached it, as such values are equal everywhere.
    """
    import pandas as pd

    statuses = study.statuses(problem)
    mine = study.trials[study.trials["problem"] == problem].drop_duplicates(["seed", "label"])
    numbers = np.full(statuses.shape, math.nan)
    if limit.column in mine:
        table = mine.set_index(["seed", "label"])[limit.column].unstack()  # noqa: PD010 - one value a cell
        numbers = table.reindex(index=statuses.index, columns=statuses.columns).to_numpy(float)
    above = stats.differences(np.full(numbers.shape, limit.value), numbers)  # NaN stays NaN
    reached = (above >= 0) if limit.at_least else (above <= 0)
    known = (statuses == "ok").to_numpy() & ~np.isnan(numbers)
    outcome = np.where(known, reached.astype(float), math.nan)
    outcome[(statuses == "diverged").to_numpy()] = 0.0
    return pd.DataFrame(outcome, index=statuses.index, columns=statuses.columns)


def rates_on(study: Study, problem: str, outcomes: pd.DataFrame) -> list[Rate]:
    """Return the arms' rates on a problem, the highest first, in the experiment's order where equal."""
    statuses = study.statuses(problem)
    rates = []
    for arm in study.arms:
        column, status = outcomes[arm].to_numpy(float), statuses[arm].tolist()
        known = column[~np.isnan(column)]
        estimate = stats.clopper_pearson(int(known.sum()), len(known), study.level)
        rates.append(
            Rate(
                problem,
                arm,
                len(known),
                int(known.sum()),
                *estimate[:3],
                diverged=status.count("diverged"),
                unknown=len(column) - len(known),
                note=_unknown(status, column),
            )
        )
    return sorted(rates, key=lambda rate: -rate.share if rate.n else 1.0)


def _unknown(statuses: list[str], outcomes: Any) -> str:
    """Say why some of an arm's seeds have no outcome: "2 failed, 1 not run"; "" where all have one."""
    lost = [status for status in (*BLOCKING, *UNRUN) if status in statuses]
    counts = [f"{statuses.count(status)} {STATUS_VERBS.get(status, status)}" for status in lost]
    undefined = sum(
        status == "ok" and math.isnan(one) for status, one in zip(statuses, outcomes, strict=True)
    )
    return ", ".join([*counts, *([f"{undefined} undefined"] if undefined else [])])


class _Counts(NamedTuple):
    """A pair with the arm first that succeeds more often, and the seeds by who succeeds."""

    a: str
    b: str
    gaps: Any  # outcome of a less that of b, on the seeds that both have
    both: int
    missing: int
    where: str

    @property
    def only_a(self) -> int:
        return int((self.gaps > 0).sum())

    @property
    def only_b(self) -> int:
        return int((self.gaps < 0).sum())


def _counted(outcomes: pd.DataFrame, a: str, b: str, where: str) -> _Counts:
    first, second = outcomes[a].to_numpy(float), outcomes[b].to_numpy(float)
    known = ~np.isnan(first) & ~np.isnan(second)
    first, second = first[known], second[known]
    both = int((first * second).sum())
    if second.sum() > first.sum():
        a, b, first, second = b, a, second, first
    return _Counts(a, b, first - second, both, int((~known).sum()), where)


def _pairs(study: Study, problem: str, outcomes: pd.DataFrame) -> list[RatePair]:
    """Return the comparisons of a problem, of all arms or of all with the control, the best arms first."""
    names = list(combinations(study.arms, 2))
    if study.control is not None:
        names = [(study.control, arm) for arm in study.arms if arm != study.control]
    drafts = [_counted(outcomes, a, b, problem) for a, b in names]
    seen = [study.seen_on(problem, outcomes, (draft.b, draft.a), len(drafts)) for draft in drafts]
    raw = [_p_value(draft, before, study.sequential) for draft, before in zip(drafts, seen, strict=True)]
    blocked = blocked_arms(study, problem)
    pairs = [
        _decided(draft, float(p), blocked, study.rule(problem, None, len(drafts)).after(before))
        for draft, p, before in zip(drafts, stats.holm(raw), seen, strict=True)
    ]
    places = {rate.arm: place for place, rate in enumerate(rates_on(study, problem, outcomes))}
    return sorted(pairs, key=lambda pair: (places[pair.a], places[pair.b]))


def _p_value(draft: _Counts, seen: Seen | None, sequential: bool) -> float:
    """Return the p-value of McNemar's test, or in rounds and after earlier looks of the always-valid one.

    As for scores, a claim of the first look stands where all that is there now makes it still.
    """
    plain = stats.mcnemar(draft.only_a, draft.only_b)
    if not len(draft.gaps) or not (sequential or seen is not None):
        return plain
    late = float(always_valid_p(draft.gaps)[-1])
    if seen is None or seen.first is None:
        return late
    late = min(1.0, late / max(seen.rest, LEAST_ALPHA))
    ahead, behind = int((seen.first > 0).sum()), int((seen.first < 0).sum())
    agree = ahead > behind and draft.only_a > draft.only_b
    return min(late, max(stats.mcnemar(ahead, behind), plain) if agree else 1.0)


def _decided(draft: _Counts, p: float, blocked: Mapping[str, str], rule: Rule) -> RatePair:
    n = len(draft.gaps)
    reasons = [f"{arm}: {blocked[arm]}" for arm in (draft.a, draft.b) if arm in blocked]
    if draft.missing and not reasons:
        lack = agreeing(draft.missing, "lack")
        reasons = [f"{draft.missing} of {counted(n + draft.missing, 'pairs')} {lack} an outcome"]
    least = stats.pairs_needed(rule.comparisons, rule.left, rule.sequential)
    verdict: Verdict = "better" if p <= stats.ALPHA else "undecided"
    if reasons:
        verdict = "blocked"
    elif n < least and p > stats.ALPHA:
        verdict = "too_few"
    elif not draft.gaps.any():
        verdict = "tie"
    needed = None
    if verdict == "too_few":
        needed = float(least)
    elif verdict == "undecided":
        planned = (
            pairs_until_decided(draft.gaps, rule.comparisons, rule.left)
            if rule.sequential
            else stats.pairs_for_mcnemar(draft.only_a, draft.only_b, n, rule.comparisons)
        )
        needed = max(planned, n + 1.0)
    return RatePair(
        where=draft.where,
        a=draft.a,
        b=draft.b,
        verdict=verdict,
        n=n,
        both=draft.both,
        only_a=draft.only_a,
        only_b=draft.only_b,
        p=p if verdict in ("better", "undecided", "tie") else None,
        needed=needed,
        comparisons=rule.comparisons,
        reason="; ".join(reasons),
    )


def _over_all(study: Study, outcomes: Mapping[str, pd.DataFrame]) -> list[Comparison]:
    """Compare rates over data sets, their variants averaged first; nothing where there is only one."""
    if not outcomes:
        return []
    costs = _costs_of(study, outcomes)
    if len(costs) < 2:
        return []
    blocked: dict[str, str] = {}
    for problem in outcomes:
        for arm, reason in blocked_arms(study, problem).items():
            blocked.setdefault(arm, f"{reason} on {problem}")
    pairs = len(study.arms) * (len(study.arms) - 1) // 2 if study.control is None else len(study.arms) - 1

    def then(problems: Sequence[str], seeds: Sequence[int]) -> pd.DataFrame:
        known = [problem for problem in problems if problem in outcomes]
        return _costs_of(study, {problem: outcomes[problem].loc[list(seeds)] for problem in known})

    def seen(a: str, b: str) -> Seen | None:
        data_sets = {problem: study.dataset_of[problem] for problem in outcomes}
        return study.history.seen_over_all(data_sets, (a, b), pairs, then, FEWEST_DATA_SETS)

    return compare(
        costs,
        unit=study.unit,
        scale="unit",
        blocked=blocked,
        control=study.control,
        seen=seen if study.past else None,
    )


def _costs_of(study: Study, outcomes: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the shares that do not succeed by data set and arm, variants averaged."""
    import pandas as pd

    # A seed without an outcome leaves no rate there, so that nothing is claimed.
    rates = pd.DataFrame({problem: table.mean(axis=0, skipna=False) for problem, table in outcomes.items()}).T
    names = list(dict.fromkeys(study.dataset_of[problem] for problem in outcomes))
    variants = {
        name: [problem for problem in outcomes if study.dataset_of[problem] == name] for name in names
    }
    return pd.DataFrame({name: 1 - rates.loc[own].mean(skipna=False) for name, own in variants.items()}).T


def mean_share(rates: Mapping[str, list[Rate]], arm: str, data_sets: Mapping[str, str]) -> float:
    """Return an arm's rate averaged over data sets, their variants first; NaN where one is unknown."""
    groups: dict[str, list[float]] = {}
    for problem, on_problem in rates.items():
        share = next(rate.share for rate in on_problem if rate.arm == arm)
        groups.setdefault(data_sets[problem], []).append(share)
    return float(np.mean([np.mean(shares) for shares in groups.values()])) if groups else math.nan
