"""Arms whose runs end at two levels or more, so that their mean describes none of them.

An arm's scores on a problem are tested for a single mode by Hartigan's dip, on the scale that differences are
taken on. All arms and problems that have enough runs are tested, and Benjamini and Hochberg's procedure keeps
the share of false notices at 5 % at most; where all have a single mode, a notice is made in 5 % of reports at
most. What is noticed must besides fall apart into groups of three runs or more with a wide gap between them:
ten times the smallest difference worth having, and wider than the middle half of each group.

Scores that are rounded, such as accuracies on thirty rows, have ties and gaps of their own. Each is spread
evenly over the step between neighbouring values, the smallest that any arm shows there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.dip import FEWEST, dip, dip_p
from anncore.evidence.measures import Measure
from anncore.evidence.sources import remembered
from anncore.evidence.study import Study
from anncore.evidence.success import Limit, Rate, outcomes_on, rates_on

LEAST = 3  # runs that make a level
WIDE = 10  # times the smallest difference worth having
MOST_LEVELS = 4


class Level(NamedTuple):
    """Runs that end near one another: how many, their median score, and the scores they reach from and to."""

    seeds: int
    centre: float
    low: float
    high: float


@dataclass(frozen=True)
class Levels:
    """An arm that ends at several levels on a problem, the best first, of `n` runs that finished.

    p: of a single mode, after adjustment for all arms and problems. between: whether the mean lies in a gap,
    so that no run ends near it. gap: the scores on both sides of the widest gap, the better one first.
    """

    problem: str
    arm: str
    n: int
    levels: tuple[Level, ...]
    p: float
    between: bool
    gap: tuple[float, float]


class Threshold(NamedTuple):
    """A limit between the levels of a problem, chosen after looking, and how often each arm is beyond it."""

    limit: Limit
    rates: list[Rate]


def levels_of(study: Study) -> list[Levels]:
    """Return the arms that end at several levels, by problem and arm in the experiment's order."""
    known: list[Levels] = remembered(study.memory, levels_of, lambda: _levels_of(study))
    return known


def _levels_of(study: Study) -> list[Levels]:
    candidates = []
    for problem in study.problems:
        costs, statuses = study.costs(problem), study.statuses(problem)
        finished = {arm: _finished(costs[arm], statuses[arm]) for arm in study.arms}
        step = resolution(list(finished.values()))
        for arm, values in finished.items():
            if len(values) >= FEWEST:
                groups = split(values, study.measures[problem].rope)
                # What does not fall apart is not named whatever its dip; it counts among the tests all the
                # same.
                p = dip_p(dip(spread_ties(values, step)), len(values)) if len(groups) > 1 else 1.0
                candidates.append((problem, arm, groups, p))
    adjusted = _false_discovery([p for *_, p in candidates])
    return [
        _described(study, problem, arm, groups, float(p))
        for (problem, arm, groups, _), p in zip(candidates, adjusted, strict=True)
        if p <= stats.ALPHA
    ]


def _finished(costs: Any, statuses: Any) -> Array:
    values = np.asarray(costs, dtype=float)
    return np.sort(values[(np.asarray(statuses, object) == "ok") & np.isfinite(values)])


def resolution(groups: Sequence[Array]) -> float:
    """Return the smallest step between values of all groups; 0 with fewer than three different ones.

    Two values alone do not tell a step from a gap. Values within numeric noise of each other are the same.
    """
    values = np.unique(np.concatenate([np.empty(0), *groups]))
    if len(values) < 3:
        return 0.0
    steps = stats.differences(values[:-1], values[1:])
    steps = steps[steps > 0]
    return float(steps.min()) if len(steps) > 1 else 0.0


def spread_ties(values: Array, step: float) -> Array:
    """Return sorted values with those that are equal spread evenly over a step around their own."""
    points, counts = np.unique(values, return_counts=True)
    moved = [
        point + step * ((np.arange(count) + 0.5) / count - 0.5)
        for point, count in zip(points, counts, strict=True)
    ]
    return np.sort(np.concatenate(moved)) if len(points) else values


def split(values: Array, rope: float | None) -> list[Array]:
    """Return sorted values in groups of three or more with wide gaps between them; one group where none is.

    The widest gap that leaves three values on both sides divides first; what is divided again has a gap at
    least half as wide. A gap must be wider than the middle half of each group beside it, and at least ten
    times `rope`, the smallest difference worth having, where one is stated.
    """
    groups = [values]
    least = WIDE * rope if rope is not None else 0.0
    while len(groups) < MOST_LEVELS:
        widest = max(range(len(groups)), key=lambda i: _widest(groups[i])[0])
        gap, at = _widest(groups[widest])
        if gap <= least:
            break
        least = max(least, gap / 2)
        groups[widest : widest + 1] = [groups[widest][:at], groups[widest][at:]]
    gaps = [second[0] - first[-1] for first, second in pairwise(groups)]
    halves = [np.subtract(*np.quantile(group, (0.75, 0.25))) for group in groups]
    apart = all(gap > max(halves[i], halves[i + 1]) for i, gap in enumerate(gaps))
    return groups if apart else [values]


def _widest(values: Array) -> tuple[float, int]:
    """Return the widest gap with three values or more on both sides, and the place after it; 0 for none."""
    gaps = np.diff(values)[LEAST - 1 : len(values) - LEAST]
    if not len(gaps):
        return 0.0, 0
    at = int(np.argmax(gaps))
    return float(gaps[at]), at + LEAST


def _described(study: Study, problem: str, arm: str, groups: list[Array], p: float) -> Levels:
    """Return what the groups of costs are as scores."""
    measure = study.measures[problem]
    levels = tuple(
        Level(len(group), score_of(float(np.median(group)), measure), *_ends(group, measure))
        for group in groups
    )
    gaps = [second[0] - first[-1] for first, second in pairwise(groups)]
    at = int(np.argmax(gaps))
    mean = float(np.mean(np.concatenate(groups)))
    between = any(first[-1] < mean < second[0] for first, second in pairwise(groups))
    ends = score_of(float(groups[at][-1]), measure), score_of(float(groups[at + 1][0]), measure)
    return Levels(problem, arm, sum(map(len, groups)), levels, p, between, ends)


def _ends(group: Array, measure: Measure) -> tuple[float, float]:
    low, high = sorted(score_of(float(cost), measure) for cost in (group[0], group[-1]))
    return low, high


def score_of(cost: float, measure: Measure) -> float:
    """Return the score that has this cost on the measure's scale; see `stats.to_cost`."""
    value = -cost if measure.goal == "max" else cost
    return math.exp(value) if measure.scale == "log" else value


def _false_discovery(p: Sequence[float]) -> Array:
    """Return Benjamini and Hochberg's adjusted p-values, in the order given."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    steps = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return adjusted


def thresholds(study: Study, noticed: Sequence[Levels]) -> dict[str, Threshold]:
    """Return a limit between the levels of each problem where an arm has several; see `Threshold`.

    It lies in the widest gap of all arms' scores within that of the arm whose levels are surest, at a round
    number. On a function whose values are at their floor there is none.
    """
    chosen = {}
    for problem in study.problems:
        own = [levels for levels in noticed if levels.problem == problem]
        if not own:
            continue
        value = _between(study, min(own, key=lambda levels: levels.p))
        measure = study.measures[problem]
        if value is None or (measure.floor and value <= measure.floor):
            continue
        limit = Limit(measure.column, value, measure.goal == "max")
        chosen[problem] = Threshold(limit, rates_on(study, problem, outcomes_on(study, problem, limit)))
    return chosen


def _between(study: Study, levels: Levels) -> float | None:
    """Return a round score in the widest gap of all arms' costs within an arm's own; None where none is."""
    measure = study.measures[levels.problem]
    low, high = (float(measure.cost([end])[0]) for end in levels.gap)
    every = study.costs(levels.problem).to_numpy(float).reshape(-1)
    inside = np.unique(np.concatenate([[low, high], every[(every > low) & (every < high)]]))
    at = int(np.argmax(np.diff(inside)))
    middle = score_of(float(inside[at] + inside[at + 1]) / 2, measure)
    ends = sorted(score_of(float(cost), measure) for cost in inside[at : at + 2])
    for digits in range(1, 16):
        rounded = float(f"{middle:.{digits}g}")
        if ends[0] < rounded < ends[1]:
            return rounded
    return None
