"""What an experiment's claim comes to: on each problem and over all of them, from comparisons alone.

Nobody types a verdict. A claim says which arms come before which others; the comparisons of the same report
say where that holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from anncore.evidence.sentences import counted, joined
from anncore.evidence.sources import curve_frame
from anncore.evidence.speed import targets, time_to_target
from anncore.evidence.study import Study, blocked_arms
from anncore.evidence.success import RatePair, Successes
from anncore.evidence.units import metric_words
from anncore.evidence.verdicts import Comparison, Pair, judge
from anncore.experiment.claim import ClaimRule, claim_rule

if TYPE_CHECKING:
    import pandas as pd

Finding = Literal["holds", "contrary", "equal", "open"]
Outcome = Literal["holds", "holds_on_some", "does_not_hold", "not_decided", "not_tested"]
Pairs = Mapping[str, Sequence[Comparison | RatePair]]


class Claimed(NamedTuple):
    """A claim with what was found: on each problem, over all, and in words."""

    rule: ClaimRule
    problems: dict[str, Finding]
    outcome: Outcome
    comparisons: dict[str, list[Comparison]]  # those made for the claim alone: by steps, or of a column


def claimed(study: Study, scores: Pairs, rates: Successes | None) -> Claimed | None:
    """Return what the experiment's claim comes to; None where it states none.

    scores: the comparisons of each problem. rates: how often arms succeed.
    """
    rule = claim_rule(study.experiment.document)
    if rule is None:
        return None
    if not rule.before:
        return Claimed(rule, {}, "not_tested", {})
    own: dict[str, list[Comparison]] = {}
    if rule.by == "steps":
        own = by_steps(study, rule)
    elif rule.by == "column":
        own = by_column(study, rule)
    pairs: Pairs = rates.pairs if rule.by == "success" and rates is not None else own or scores
    problems = {problem: _finding(rule, on_problem) for problem, on_problem in pairs.items()}
    return Claimed(rule, problems, _outcome(list(problems.values())), own)


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


def _outcome(findings: Sequence[Finding]) -> Outcome:
    holding = findings.count("holds")
    if findings and holding == len(findings):
        return "holds"
    if holding:
        return "holds_on_some"
    if "contrary" in findings or (findings and set(findings) == {"equal"}):
        return "does_not_hold"
    return "not_decided"


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
    return _compared(study, rule, costs, "log")


def by_column(study: Study, rule: ClaimRule) -> dict[str, list[Comparison]]:
    """Compare the claim's arms by a column of the trials, of which those named first should have more."""
    costs = {}
    for problem in study.problems:
        mine = study.trials[study.trials["problem"] == problem].drop_duplicates(["seed", "label"])
        values = mine.assign(value=mine.get(rule.of, math.nan))
        table = values.set_index(["seed", "label"])["value"].unstack()  # noqa: PD010 - one value a cell
        costs[problem] = -table.reindex(index=list(study.seeds), columns=list(study.arms)).astype(float)
    return _compared(study, rule, costs, "linear")


def _compared(
    study: Study, rule: ClaimRule, costs: Mapping[str, pd.DataFrame], scale: str
) -> dict[str, list[Comparison]]:
    """Compare the arms of a claim, those before with those after; Holm counts these pairs alone."""
    compared = {}
    for problem, table in costs.items():
        blocked = blocked_arms(study, problem)
        pairs = [
            Pair(
                *(problem, before, after, table[before].to_numpy(float), table[after].to_numpy(float), scale),
                reasons={arm: blocked[arm] for arm in (before, after) if arm in blocked},
            )
            for before, after in product(rule.before, rule.after)
        ]
        compared[problem] = judge(pairs, sequential=study.sequential)
    return compared


OUTCOMES = {
    "holds": "It holds here",
    "does_not_hold": "It does not hold here",
    "not_decided": "It is not decided here",
}


def claim_sentence(result: Claimed, unit: str) -> str:
    """Say what a claim comes to. unit: what problems are where they are counted."""
    said = f"Claim: “{result.rule.says.strip().rstrip('.')}.”"
    if result.outcome == "not_tested":
        return f"{said} The file names no comparison that would bear it out."
    if result.outcome == "holds_on_some":
        held = list(result.problems.values()).count("holds")
        return f"{said} It holds on {held} of {counted(len(result.problems), unit)}."
    return f"{said} {OUTCOMES[result.outcome]}."


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
    places: dict[str, list[str]] = {}
    for problem, finding in result.problems.items():
        places.setdefault(finding, []).append(problem)
    total = counted(len(result.problems), unit)
    if result.outcome == "holds":
        where = f" on all {total}" if len(result.problems) > 1 else f" on {next(iter(result.problems))}"
        return f"{says}{where}."
    rest = [
        f"{words} {joined(places[finding])}"
        for finding, words in (
            ("contrary", "it is the other way round on"),
            ("equal", "they are equal on"),
            ("open", "it is not decided on"),
        )
        if finding in places
    ]
    if "holds" in places:
        return f"{says} on {len(places['holds'])} of {total} ({joined(places['holds'])}); {joined(rest)}."
    return f"That {says} is seen nowhere: {joined(rest)}."
