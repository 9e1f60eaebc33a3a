"""Who is faster: the arms' run times compared, and the sentence that says it.

An arm's cost on a seed is the mean logarithm of its run times to the 51 targets of `run_times`. Costs are
compared as scores are: seed by seed on one problem, by data sets over all, with the same tests and intervals.
Their differences are ratios of steps. These comparisons are a family of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from anncore.evidence import stats
from anncore.evidence.frame import unit_costs
from anncore.evidence.headline import Asked, headline
from anncore.evidence.pair_tests import Rule
from anncore.evidence.run_times import Ladder, RunTimes, costs_by_problem, times_by_problem
from anncore.evidence.stats import Estimate
from anncore.evidence.study import Study, blocked_arms
from anncore.evidence.units import SEEDS
from anncore.evidence.verdicts import Comparison, compare, judge_problems, pairs_of

LABEL = "the number of steps to a target"
WORTH = 0.1  # a smaller change of the number of steps is not worth having
ROPE = math.log1p(WORTH)


class ArmSpeed(NamedTuple):
    """How fast an arm is on a problem, or over all (problem "").

    score: the share of the plane of log steps and targets below its curve, with its interval; steps: the
    typical number of steps to a target (NaN over all, where budgets differ). reached: the share of the
    targets that it meets in the end. n: the seeds, or over all the data sets, whose outcome is known.
    """

    problem: str
    arm: str
    score: float
    low: float
    high: float
    steps: float
    reached: float
    n: int


class Speed(NamedTuple):
    """All that is known of how fast the arms are; problems without targets have a ladder alone."""

    ladders: dict[str, Ladder]
    times: dict[str, RunTimes]
    arms: list[ArmSpeed]
    by_problem: dict[str, list[Comparison]]
    over_all: list[Comparison]


def speeds(study: Study) -> Speed:
    """Return the run times of a study, each arm's speed, and the comparisons of arms."""
    rungs, times = times_by_problem(study)
    costs = costs_by_problem(times)
    by_problem = {
        problem: pairs_of(
            table,
            study.control,
            where=problem,
            scale="log",
            floor=-math.inf,
            blocked=blocked_arms(study, problem),
        )
        for problem, table in costs.items()
    }
    rules = {
        problem: Rule(SEEDS, ROPE, stats.ALPHA, study.sequential, len(pairs))
        for problem, pairs in by_problem.items()
    }
    rows = [row for problem in times for row in _on_problem(times[problem], study.level)]
    rows = [*(_together(study, rows) if len(times) > 1 else []), *rows]
    over_all = _over_all(study, costs) if len(times) == len(study.problems) else []
    claims = judge_problems(by_problem, rules)
    for where, comparisons in {"": over_all, **claims}.items():
        places = {row.arm: place for place, row in enumerate(rows) if row.problem == where}
        comparisons.sort(key=partial(_places, places))
    return Speed(rungs, times, rows, claims, over_all)


def _places(places: Mapping[str, int], comparison: Comparison) -> tuple[int, int]:
    return places[comparison.a], places[comparison.b]


def _on_problem(times: RunTimes, level: float) -> list[ArmSpeed]:
    """Return each arm's speed, the fastest first."""
    costs, reached = times.costs(), times.reached()
    rows = []
    for place, arm in enumerate(times.arms):
        known = costs[place][~np.isnan(costs[place])]
        typical = stats.mean_interval(known, "linear", level)
        # Fewer steps make a larger area, so the ends change places; neither lies outside of the plane.
        score, high, low = np.clip(times.score(np.array(typical[:3])), 0.0, 1.0).tolist()
        steps = float(np.exp(typical.value))
        rows.append(
            ArmSpeed(times.ladder.problem, arm, score, low, high, steps, float(reached[place]), len(known))
        )
    return sorted(rows, key=_slowness)


def _slowness(row: ArmSpeed) -> float:
    return math.inf if math.isnan(row.score) else -row.score


def _together(study: Study, rows: Sequence[ArmSpeed]) -> list[ArmSpeed]:
    """Return each arm's speed over data sets, their variants averaged first; NaN where it lacks some."""
    together = []
    for arm in study.arms:
        groups: dict[str, list[ArmSpeed]] = {}
        for row in rows:
            if row.arm == arm:
                groups.setdefault(study.dataset_of[row.problem], []).append(row)
        means = [sum(row.score for row in own) / len(own) for own in groups.values()]
        reached = [sum(row.reached for row in own) / len(own) for own in groups.values()]
        whole = all(map(math.isfinite, means))
        score = stats.mean_interval(means, "unit") if whole else Estimate(math.nan, math.nan, math.nan, 0)
        part = sum(reached) / len(reached) if whole and reached else math.nan
        together.append(ArmSpeed("", arm, *score[:3], math.nan, part, score.n))
    return sorted(together, key=_slowness)


def _over_all(study: Study, costs: dict[str, Any]) -> list[Comparison]:
    """Compare over data sets; nothing where there is only one."""
    table, scale = unit_costs(costs, dict.fromkeys(costs, "log"), study.dataset_of)
    if len(table) < 2:
        return []
    blocked: dict[str, str] = {}
    for problem in costs:
        for arm, reason in blocked_arms(study, problem).items():
            blocked.setdefault(arm, f"{reason} on {problem}")
    return compare(table, unit=study.unit, scale=scale, blocked=blocked, control=study.control, rope=ROPE)


def speed_headline(study: Study, speed: Speed) -> str:
    """Say who is faster, as sure as the data allow; "" where nothing is compared, or not all has run."""
    nothing = not speed.times or not any(row.n for row in speed.arms)
    if len(study.arms) < 2 or nothing or "report" in study.not_run:
        return ""
    where = "" if len(speed.times) > 1 else next(iter(speed.times))
    rows = [row for row in speed.arms if row.problem == where]
    places = {row.arm: float(place) for place, row in enumerate(rows, 1)}
    asked = Asked(
        study.arms,
        speed.over_all,
        speed.by_problem,
        places,
        LABEL,
        study.unit,
        study.problem_unit,
        study.control,
        blocked="no claim can be made while outcomes are missing",
    )
    said = _inside(headline(asked), study.arms)
    if all(row.reached == 0 for row in rows if row.n):  # else missing all of them would read as equal speed
        said = "no arm reaches any target."
    return f"By speed to many targets{',' if said.startswith('against ') or ': ' in said else ':'} {said}"


def _inside(text: str, arms: Sequence[str]) -> str:
    """Return a sentence as it stands after a colon: its first letter small, unless a name begins with it."""
    return text if text.startswith(tuple(arms)) else f"{text[:1].lower()}{text[1:]}"
