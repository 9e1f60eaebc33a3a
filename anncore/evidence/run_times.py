"""How fast: run times to many targets, their distribution, and one number for it.

Each problem has a ladder of 51 targets between where training starts and the best that is reached. A run time
is the number of steps after which a trial first meets a target; a target that is never met has an infinite
one. The share of all (problem, seed, target) met within so many steps is the empirical distribution of run
times that COCO draws, on a log axis of steps:

    Hansen, Auger, Ros, Mersmann, Tušar & Brockhoff, "COCO: a platform for comparing continuous optimizers in
    a black-box setting", Optimization Methods and Software 36(1), 2021. https://arxiv.org/abs/1603.08785
    Hansen, Auger, Brockhoff & Tušar, "Anytime Performance Assessment in Blackbox Optimization Benchmarking",
    IEEE Transactions on Evolutionary Computation 26(6), 2022.

The area above that curve, up to the budget of T steps, is the mean logarithm of the run times, where a target
that is not met counts as T steps. So one number stands for the curve, in two forms:

    steps = exp(mean log min(max(t, 1), T))        score = 1 - log(steps) / log(T)

the typical number of steps to a target, and the share of the plane that lies below the curve.

What the initial weights meet counts as met at the first evaluation after them: between the two nothing is
evaluated, and an arm that merely starts with smaller weights would seem many times as fast.

COCO knows the least value of its functions. Where nobody knows it, the ladder's last target is the best that
an arm typically reached while it was tuned, so it is fixed before the first trial of the report runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.sources import Source, curve_frame, remembered, source_of
from anncore.evidence.speed import best_validation, start_scores, way_between

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "RunTimeCurves",
    "average_run_time",
    "run_time_curves",
    "run_time_shares",
    "run_time_targets",
    "run_times",
]

TARGETS = 51
ROW = ("problem", "arm", "seed", "place", "target", "time")


@dataclass(frozen=True)
class Ladder:
    """The targets of one problem, the easiest first, and where they come from.

    start: the score before training, the median over arms, of the tuning trials where there are any. best:
    the last target. log: whether the targets divide the way by equal ratios, else by equal differences.
    origin: "tuning", where best is known before the first trial of the report runs, else "report". note: why
    there are no targets; then there are none.
    """

    problem: str
    start: float
    best: float
    log: bool
    origin: str
    targets: Array
    note: str = ""


@dataclass(frozen=True)
class RunTimes:
    """The run times of one problem: (arms, seeds, targets), infinite where a target is never met.

    NaN where the outcome of a trial is not known: it failed, crashed, timed out or has not run. A diverged
    trial met no target. budget: the most steps that a trial there made. spent: (arms, seeds), the steps that
    each trial made.
    """

    ladder: Ladder
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    times: Array
    spent: Array
    budget: float

    def costs(self) -> Array:
        """Return the mean log of the run times by arm and seed, the budget in the place of what is longer."""
        return np.log(np.clip(self.times, 1.0, self.budget)).mean(axis=2)

    def score(self, cost: Any) -> Any:
        """Return the share of the plane of log steps and targets that lies below the curve."""
        return 1 - cost / math.log(self.budget)

    def reached(self) -> Array:
        """Return the share of the targets met in the end, by arm, over the trials whose outcome is known."""
        known = ~np.isnan(self.times[:, :, 0])
        met = np.isfinite(self.times).mean(axis=2)
        counts = known.sum(axis=1)
        return np.where(counts > 0, (met * known).sum(axis=1) / np.maximum(counts, 1), math.nan)


def ladders(content: Source) -> dict[str, Ladder]:
    """Return the targets of each problem that has a learning curve of the metric; see the module."""
    sign = -1.0 if content.goal == "max" else 1.0
    best = best_validation(content, sign)
    starts = start_scores(content)
    result = {}
    for problem, measure in content.layout.measures.items():
        if problem not in starts:
            continue
        costs = best[best["problem"] == problem]["cost"].to_numpy(float)
        least = float(costs.min()) if len(costs) else math.inf
        least = max(least, measure.floor) if measure.floor else least
        start = starts[problem]
        result[problem] = _ladder(
            problem, start, sign * least, measure.scale, "tuning" if content.tuned else "report", sign
        )
    return result


def _ladder(problem: str, start: float, best: float, scale: str, origin: str, sign: float) -> Ladder:
    log = scale == "log" and start > 0 and best > 0
    if not (math.isfinite(start) and math.isfinite(best)):
        note = "no arm has a score to aim at"
    elif sign * (start - best) <= stats.RELATIVE_NOISE * max(abs(start), abs(best)):
        note = "no arm gets better than it starts"
    else:
        return Ladder(problem, start, best, log, origin, ladder_targets(start, best, log))
    return Ladder(problem, start, best, log, origin, np.empty(0), note)


def ladder_targets(start: float, best: float, log: bool, count: int = TARGETS) -> Array:
    """Return so many targets from the first after `start` to `best`, at equal ratios or differences.

    log: start · (best / start)^(i / count), else start + (best - start) · i / count, for i = 1 .. count.
    """
    share = np.arange(1, count + 1) / count
    targets = way_between(start, best, share, log)
    targets[-1] = best  # the digits of a power must not put it out of reach
    return targets


def times_by_problem(source: Any) -> tuple[dict[str, Ladder], dict[str, RunTimes]]:
    """Return every problem's ladder, and the run times of those that have targets and more than one step."""
    content = source_of(source)
    curves = curve_frame(source, content.metric)
    rungs = ladders(content)
    result = {}
    for problem, mine in curves.groupby("problem", sort=False):
        ladder = rungs.get(str(problem))
        if ladder is None or not len(ladder.targets):
            continue
        times = _times_on(ladder, mine, content)
        if times.budget > 1:
            result[str(problem)] = times
    return rungs, {problem: result[problem] for problem in rungs if problem in result}


def _times_on(ladder: Ladder, curves: pd.DataFrame, content: Source) -> RunTimes:
    arms, seeds = tuple(content.layout.arms), tuple(content.layout.seeds)
    places: list[dict[Any, int]] = [{name: i for i, name in enumerate(axis)} for axis in (arms, seeds)]
    times = np.full((len(arms), len(seeds), len(ladder.targets)), math.nan)
    spent = np.full((len(arms), len(seeds)), math.nan)
    all_steps, all_values = (curves[name].to_numpy(float) for name in ("step", "value"))
    first = float(np.min(all_steps[all_steps > 0], initial=math.inf))
    first = first if math.isfinite(first) else 0.0
    statuses = curves["status"].tolist()
    rows_of: Any = curves.groupby(["arm", "seed"], sort=False).indices
    whole: dict[int, list[tuple[tuple[int, int], Any]]] = {}  # by how many evaluations they have
    for (arm, seed), rows in rows_of.items():
        status = str(statuses[rows[0]])
        if arm not in places[0] or seed not in places[1] or status not in ("ok", "diverged"):
            continue
        at = places[0][arm], places[1][seed]
        steps = all_steps[rows]
        spent[at] = np.nanmax(steps) if np.isfinite(steps).any() else 0.0
        if status == "ok":
            whole.setdefault(len(rows), []).append((at, rows))
        else:
            times[at] = math.inf
    for trials in whole.values():
        rows = np.stack([rows for _, rows in trials])
        met = _all_meetings(all_steps[rows], all_values[rows], ladder.targets, content.goal)
        arms_of, seeds_of = np.array([at for at, _ in trials]).T
        times[arms_of, seeds_of] = np.maximum(met, first)
    budget = float(np.nanmax(spent)) if np.isfinite(spent).any() else 0.0
    return RunTimes(ladder, arms, seeds, times, spent, budget)


def _all_meetings(steps: Array, values: Array, targets: Array, goal: str) -> Array:
    """Return `first_meetings` of many trials with equally many evaluations, (trials, targets)."""
    known = ~(np.isnan(values) | np.isnan(steps)).any(axis=1)
    alike = known & (steps == steps[np.argmax(known)]).all(axis=1)
    met = np.empty((len(steps), len(targets)))
    for row in np.flatnonzero(~alike):
        met[row] = first_meetings(steps[row], values[row], targets, goal)
    if alike.any():
        own = steps[np.argmax(alike)]
        order = np.argsort(own, kind="stable")
        sign = -1.0 if goal == "max" else 1.0
        best = np.minimum.accumulate(sign * values[alike][:, order], axis=1)
        ends = np.append(own[order], math.inf)
        met[alike] = np.stack([ends[(best > sign * target).sum(axis=1)] for target in targets], axis=1)
    return met


def first_meetings(steps: Array, values: Array, targets: Array, goal: str = "min") -> Array:
    """Return the first of the steps at which each target is met, infinite where it never is.

    A value equal to a target has met it, and so has what comes after it. Between evaluations nothing is
    interpolated. values may hold NaN.
    """
    known = ~(np.isnan(values) | np.isnan(steps))
    order = np.argsort(steps[known], kind="stable")
    sign = -1.0 if goal == "max" else 1.0
    best = np.minimum.accumulate(sign * values[known][order])
    places = np.searchsorted(-best, -sign * np.asarray(targets, float), side="left")
    return np.concatenate([steps[known][order], [math.inf]])[places]


def costs_by_problem(times: Mapping[str, RunTimes]) -> dict[str, pd.DataFrame]:
    """Return each problem's `RunTimes.costs` by seed (rows) and arm (columns)."""
    import pandas as pd

    return {
        problem: pd.DataFrame(own.costs().T, index=list(own.seeds), columns=list(own.arms))
        for problem, own in times.items()
    }


# ---------------------------------------------------------------- frames, for programs and figures


def run_time_targets(source: Any) -> pd.DataFrame:
    """Return the 51 targets of each problem of a `Results` or a `FigureInput`, the easiest first.

    Columns problem, place (1 to 51), target, start, spacing ("log" or "linear") and origin: "tuning" where
    the last target was known before the first trial of the report ran, else "report". The targets divide the
    way from `start`, the median score before training, to the best that an arm reaches, the median over seeds
    of the best score along its chosen configuration's learning curve; they do so by equal ratios where scores
    are compared by ratios. Arms agree on all of it: each of them moves the start by no more than a median
    moves, and the end only by being the best. A problem on which no arm gets better has none.
    """
    import pandas as pd

    content = source_of(source)
    rows = [
        {
            "problem": problem,
            "place": place,
            "target": float(target),
            "start": ladder.start,
            "spacing": "log" if ladder.log else "linear",
            "origin": ladder.origin,
        }
        for problem, ladder in ladders(content).items()
        for place, target in enumerate(ladder.targets, 1)
    ]
    return pd.DataFrame(rows, columns=["problem", "place", "target", "start", "spacing", "origin"])


def run_times(source: Any) -> pd.DataFrame:
    """Return the steps to each target of each report trial: problem, arm, seed, place, target, time, budget.

    time: the first evaluated step at which the trial met the target, from the first one after the initial
    weights on; infinite where it never did or the trial diverged, NaN where the trial failed or has not run.
    budget: the most steps that a trial on the problem made. See `run_time_targets`.
    """
    import pandas as pd

    parts = []
    for problem, own in times_by_problem(source)[1].items():
        arms, seeds, places = np.indices(own.times.shape).reshape(3, -1)
        parts.append(
            pd.DataFrame(
                {
                    "problem": problem,
                    "arm": np.array(own.arms, object)[arms],
                    "seed": np.array(own.seeds)[seeds],
                    "place": places + 1,
                    "target": own.ladder.targets[places],
                    "time": own.times.reshape(-1),
                    "budget": own.budget,
                }
            )
        )
    if not parts:
        return pd.DataFrame(columns=[*ROW, "budget"])
    return pd.concat(parts, ignore_index=True)


def run_time_shares(times: pd.DataFrame) -> pd.DataFrame:
    """Return the empirical distribution of run times: a row per step, a column per arm.

        share(t) = number of (problem, seed, target) met within t steps / number of all of them

    times: the frame of `run_times`, or any with the columns problem, arm, seed and time, a row per target.
    Data sets count alike, however many seeds ran on them; trials whose outcome is not known (NaN) are left
    out. The first row is step 1: what is met before training counts as one step, as the axis is a log one.
    """
    import pandas as pd

    known = times[times["time"].notna()]
    steps = np.unique(np.concatenate([[1.0], known["time"].clip(lower=1.0).to_numpy(float)]))
    steps = steps[np.isfinite(steps)]
    shares = {}
    for arm in times["arm"].unique():
        mine = known[known["arm"] == arm]
        curves = [
            np.searchsorted(np.sort(own["time"].clip(lower=1.0).to_numpy(float)), steps, side="right")
            / len(own)
            for _, own in mine.groupby("problem", sort=False)
        ]
        shares[arm] = np.mean(curves, axis=0) if curves else np.full(len(steps), math.nan)
    return pd.DataFrame(shares, index=pd.Index(steps, name="step"))


class RunTimeCurves(NamedTuple):
    """The distributions of run times of one problem, or of all together.

    shares: as `run_time_shares` returns them. budget: the most steps that a trial made. evaluations: at how
    many different steps targets are met; one more where some never are.
    """

    shares: pd.DataFrame
    budget: float
    evaluations: int


def run_time_curves(source: Any) -> dict[str, RunTimeCurves]:
    """Return `run_time_shares` by problem, and of all problems together under "", from the same `source`.

    `run_times` has a row per trial and target, five million of a hundred thousand trials; this has none.
    Empty where nothing is known.
    """
    content = source_of(source)
    return remembered(content.memory, run_time_curves, lambda: _curves_of(times_by_problem(source)[1]))


def _curves_of(times: Mapping[str, RunTimes]) -> dict[str, RunTimeCurves]:
    known: dict[str, list[tuple[str, Array]]] = {}  # by problem, arms with their run times
    for problem, own in times.items():
        rows = ((arm, taken[~np.isnan(taken)]) for arm, taken in zip(own.arms, own.times, strict=True))
        known[problem] = [(arm, np.sort(np.maximum(taken, 1.0))) for arm, taken in rows]
    if not any(len(taken) for rows in known.values() for _, taken in rows):
        return {}
    groups = {"": list(times), **{problem: [problem] for problem in times}}
    return {
        name: _curves_together(
            [known[problem] for problem in problems], max(times[problem].budget for problem in problems)
        )
        for name, problems in groups.items()
    }


def _curves_together(known: Sequence[Sequence[tuple[str, Array]]], budget: float) -> RunTimeCurves:
    import pandas as pd

    every = np.unique(np.concatenate([np.unique(taken) for rows in known for _, taken in rows]))
    steps = np.union1d([1.0], every[np.isfinite(every)])
    shares = {}
    for arm in dict.fromkeys(arm for rows in known for arm, _ in rows):
        own = [row for rows in known for name, row in rows if name == arm and len(row)]
        curves = [np.searchsorted(row, steps, side="right") / len(row) for row in own]
        shares[arm] = np.mean(curves, axis=0) if curves else np.full(len(steps), math.nan)
    return RunTimeCurves(pd.DataFrame(shares, index=pd.Index(steps, name="step")), budget, len(every))


def average_run_time(times: Array | Sequence[float], spent: Array | Sequence[float]) -> float:
    """Return the steps that it takes on average to meet a target, where a trial that misses is begun anew.

        aRT = Σ steps made until the target was met, or all that were made where it was not / trials that met
        it

    times: by trial, infinite for a miss. spent: the steps that each trial made. Infinite where no trial met
    the target; NaN of no trial. Trials with a NaN are left out. Also called expected running time, ERT.
    Hansen, Auger, Brockhoff, Tušar & Tušar, "COCO: Performance Assessment", 2016. https://arxiv.org/abs/1605.03560
    """
    t, whole = np.asarray(times, dtype=float), np.asarray(spent, dtype=float)
    known = ~(np.isnan(t) | np.isnan(whole))
    t, whole = t[known], whole[known]
    if not len(t):
        return math.nan
    met = np.isfinite(t)
    made = float(np.where(met, t, whole).sum())
    return made / int(met.sum()) if met.any() else math.inf
