"""What an experiment's claim comes to: on each problem and over all of them, from comparisons alone.

Nobody types a verdict. A claim says which arms come before which others; the comparisons of the same report
say where that holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from anncore.evidence.sentences import counted, joined
from anncore.evidence.sources import curve_frame
from anncore.evidence.speed import targets, time_to_target
from anncore.evidence.study import Study, blocked_arms
from anncore.evidence.success import RatePair, Successes
from anncore.evidence.units import metric_words
from anncore.evidence.verdicts import Comparison, Pair, judge_problems
from anncore.experiment.claim import ClaimRule, claim_rule

if TYPE_CHECKING:
    import pandas as pd

Finding = Literal["holds", "contrary", "equal", "open"]
Outcome = Literal[
    "holds", "holds_on_some", "does_not_hold_on_some", "does_not_hold", "not_decided", "not_tested"
]
Pairs = Mapping[str, Sequence[Comparison | RatePair]]
MOST_NAMED = 3  # problems in a sentence


class Claimed(NamedTuple):
    """A claim with what was found: on each problem, over all, and in words."""

    rule: ClaimRule
    problems: dict[str, Finding]
    outcome: Outcome
    comparisons: dict[str, list[Comparison]]  # those made for the claim alone: by steps, or of a column
    beside: Mapping[str, list[Comparison]] = MappingProxyType({})  # those on which no verdict rests


def claimed(
    study: Study, scores: Pairs, rates: Successes | None, over_all: Sequence[Comparison] = ()
) -> Claimed | None:
    """Return what the experiment's claim comes to; None where it states none.

    scores: the comparisons of each problem. over_all: those over all data sets, by the same scores. rates:
    how often arms succeed.
    """
    rule = claim_rule(study.experiment.document)
    if rule is None:
        return None
    if not rule.before:
        return Claimed(rule, {}, "not_tested", {})
    own: dict[str, list[Comparison]] = {}
    beside: dict[str, list[Comparison]] = {}
    if rule.by == "steps":
        own = by_steps(study, rule)
    elif rule.by == "column":
        costs, scale = column_costs(study, rule)
        own = _compared(study, costs, scale, list(product(rule.before, rule.after)))
        beside = _compared(study, costs, scale, rule.beside) if rule.beside else {}
    pairs: Pairs = rates.pairs if rule.by == "success" and rates is not None else own or scores
    problems = {problem: _finding(rule, on_problem) for problem, on_problem in pairs.items()}
    together = _finding(rule, over_all) if rule.by == "score" else "open"
    return Claimed(rule, problems, _outcome(list(problems.values()), together), own, beside)


def _finding(rule: ClaimRule, pairs: Sequence[Comparison | RatePair]) -> Finding:
    """Return whether a claim holds on a problem: every arm that is named first must beat every other one."""
    by_arms = {frozenset((pair.a, pair.b)): pair for pair in pairs}
    findings: set[Finding] = set()
    for before, after in product(rule.before, rule.after):
        pair = by_arms.get(frozenset((before, after)))
        if pair is None:
            findings.add("open")
        elif pair.verdict == "better":
            findings.add("holds" if pair.a == before else "contrary")
        else:
            findings.add("equal" if pair.verdict in ("tie", "equivalent") else "open")
    for finding in ("contrary", "open", "equal"):
        if finding in findings:
            return finding
    return "holds"


def _outcome(findings: Sequence[Finding], together: Finding) -> Outcome:
    """Return what the findings on each problem come to. together: the finding over all data sets.

    One contrary problem of several says nothing of the others, so that a claim fails as a whole where most
    problems are against it, or the comparison over all of them is.
    """
    holding, against = findings.count("holds"), findings.count("contrary") + findings.count("equal")
    if findings and holding == len(findings):
        return "holds"
    if 2 * against > len(findings) or together == "contrary":
        return "does_not_hold"
    if holding:
        return "holds_on_some"
    return "does_not_hold_on_some" if against else "not_decided"


def by_steps(study: Study, rule: ClaimRule) -> dict[str, list[Comparison]]:
    """Compare how many steps the claim's arms take to the target, on each problem, seed by seed.

    By ratios; a seed that never reaches it takes infinitely long.
    """
    limits = targets(study.results)
    metric, goal = study.experiment.select
    times = time_to_target(curve_frame(study.results, metric), limits, goal=goal)
    costs: dict[str, pd.DataFrame] = {}
    for problem in study.problems:
        mine = times[times["problem"] == problem]
        table = mine.set_index(["seed", "arm"])["time"].unstack()  # noqa: PD010 - one value a cell
        table = table.reindex(index=list(study.seeds), columns=list(study.arms)).astype(float)
        # The first evaluation is before the first step.
        costs[problem] = table.clip(lower=1.0).transform(np.log)
    return _compared(study, costs, "log", list(product(rule.before, rule.after)))


def column_costs(study: Study, rule: ClaimRule) -> tuple[dict[str, pd.DataFrame], str]:
    """Return costs by a column of the trials, of which the first should have more, and their scale."""
    costs = {}
    for problem in study.problems:
        mine = study.trials[study.trials["problem"] == problem].drop_duplicates(["seed", "label"])
        values = mine.assign(value=mine.get(rule.of, math.nan))
        table = values.set_index(["seed", "label"])["value"].unstack()  # noqa: PD010 - one value a cell
        table = table.reindex(index=list(study.seeds), columns=list(study.arms)).astype(float)
        if rule.scale == "log":  # nothing at all is infinitely less than something
            with np.errstate(divide="ignore", invalid="ignore"):
                table = table.transform(np.log)
        costs[problem] = -table
    return costs, rule.scale


def _compared(
    study: Study, costs: Mapping[str, pd.DataFrame], scale: str, arms: Sequence[tuple[str, str]]
) -> dict[str, list[Comparison]]:
    """Compare pairs of arms on each problem; Holm counts these pairs alone."""
    compared = {}
    for problem, table in costs.items():
        blocked = blocked_arms(study, problem)
        pairs = [
            Pair(
                *(problem, before, after, table[before].to_numpy(float), table[after].to_numpy(float), scale),
                reasons={arm: blocked[arm] for arm in (before, after) if arm in blocked},
                seen=study.seen_on(problem, table, (before, after), len(arms)),
            )
            for before, after in arms
        ]
        rule = study.rule(problem, None, len(pairs))
        compared[problem] = judge_problems({problem: pairs}, {problem: rule})[problem]
    return compared


def claim_sentence(result: Claimed, unit: str) -> str:
    """Say what a claim comes to. unit: what problems are where they are counted."""
    said = f"Claim: “{result.rule.says.strip().rstrip('.')}.”"
    if result.outcome == "not_tested":
        return f"{said} The file names no comparison that would bear it out."
    return f"{said} {_verdict(result, unit)}.{_explores(result.rule)}"


def _verdict(result: Claimed, unit: str) -> str:
    findings = list(result.problems.values())
    holding, contrary, equal = (findings.count(which) for which in ("holds", "contrary", "equal"))
    if len(findings) == 1 and result.outcome != "not_decided":
        return f"It {'holds' if holding else 'does not hold'} on {next(iter(result.problems))}, the only one"
    if result.outcome in ("holds", "not_decided"):
        return "It holds here" if result.outcome == "holds" else "It is not decided here"
    total = counted(len(findings), unit)
    if result.outcome == "holds_on_some":
        against = f" and does not hold on {contrary + equal}" if contrary + equal else ""
        return f"It holds on {holding} of {total}{against}"
    if result.outcome == "does_not_hold_on_some":
        open_ = findings.count("open")
        return f"It does not hold on {contrary + equal} of {total} and is not decided on {open_}"
    seen = [
        words
        for count, words in (
            (contrary, f"it is the other way round on {contrary}"),
            (equal, f"the arms are equal on {equal}"),
            (holding, f"it holds on {holding}"),
        )
        if count
    ]
    return f"It does not hold here: of {total} {joined(seen)}"


def _explores(rule: ClaimRule) -> str:
    """Say what was changed after a first look, so that nobody takes the verdict for a confirmation."""
    if not rule.changed:
        return ""
    changed = f"After a first look at results, {rule.changed.strip()} changed"
    return f" {changed}: this explores, it does not confirm."


def column_words(column: str, unit: str) -> str:
    """Write a column of the trials in words: "training flow of layer 1" of "train_flow.1"."""
    metric, dot, layer = column.partition(".")
    return metric_words(metric, unit) + (f" of layer {layer}" if dot else "")


def claim_answer(result: Claimed, unit: str, metric_unit: str) -> str:
    """Say where the arms of a claim stand to each other as it says: a report's first sentence.

    unit: what problems are where they are counted. metric_unit: what they are.
    """
    before, after = joined(result.rule.before), joined(result.rule.after)
    one = len(result.rule.before) == 1
    column = column_words(result.rule.of, metric_unit)
    says = {
        "score": f"{before} {'beats' if one else 'beat'} {after}",
        "success": f"{before} {'succeeds' if one else 'succeed'} more often than {after}",
        "steps": f"{before} {'takes' if one else 'take'} fewer steps to the target than {after}",
        "column": f"{before} {'is' if one else 'are'} above {after} in {column}",
    }[result.rule.by]
    return f"{_where(result, says, unit)}{_shown_beside(result, unit)}"


def _where(result: Claimed, says: str, unit: str) -> str:
    """Say on which problems it is as `says` says."""
    places: dict[str, list[str]] = {}
    for problem, finding in result.problems.items():
        places.setdefault(finding, []).append(problem)
    total = counted(len(result.problems), unit)
    if result.outcome == "holds":
        where = f" on all {total}" if len(result.problems) > 1 else f" on {next(iter(result.problems))}"
        return f"{says}{_times(result)}{where}."
    rest = [
        f"{words} {joined(places[finding], MOST_NAMED)}"
        for finding, words in (
            ("contrary", "it is the other way round on"),
            ("equal", "they are equal on"),
            ("open", "it is not decided on"),
        )
        if finding in places
    ]
    if "holds" in places:
        named = joined(places["holds"], MOST_NAMED)
        return f"{says} on {len(places['holds'])} of {total} ({named}); {joined(rest)}."
    return f"That {says} is seen nowhere: {joined(rest)}."


def _times(result: Claimed) -> str:
    """Say how many times as much the first arm of a claim on ratios has, from problem to problem."""
    [(before, after), *others] = product(result.rule.before, result.rule.after)
    return "" if others else _factors(result, result.comparisons, before, after)


def _factors(
    result: Claimed, comparisons: Mapping[str, Sequence[Comparison]], before: str, after: str
) -> str:
    """Write between which factors `before` has as much as `after`, on the problems of a claim on ratios."""
    effects = [
        pair.effect if pair.a == before else -pair.effect
        for pairs in comparisons.values()
        for pair in pairs
        if {pair.a, pair.b} == {before, after}
    ]
    if result.rule.scale != "log" or not effects or not all(map(math.isfinite, effects)):
        return ""
    low, high = (_two_digits(math.exp(effect)) for effect in (min(effects), max(effects)))
    return f", by a factor of {low if low == high else f'{low} to {high}'},"


def _two_digits(value: float) -> str:
    """Write a positive number with two digits: 19000, 1.7, 0.052."""
    text = f"{value:.2g}"
    return f"{float(text):.0f}" if "e+" in text and value < 1e7 else text


def _shown_beside(result: Claimed, unit: str) -> str:
    """Say on how many problems the same is so of the pairs that the claim shows beside its own."""
    parts = []
    for before, after in result.rule.beside:
        pairs = [
            pair
            for pairs in result.beside.values()
            for pair in pairs
            if {pair.a, pair.b} == {before, after} and pair.verdict == "better"
        ]
        above, below = (sum(pair.a == arm for pair in pairs) for arm in (before, after))
        factors = _factors(result, result.beside, before, after)
        parts.append(
            f"{before} is above {after}{factors} on {above} of {counted(len(result.problems), unit)}"
            + (f" and below it on {below}" if below else "")
        )
    return f" Beside it: {'; '.join(parts)}." if parts else ""
