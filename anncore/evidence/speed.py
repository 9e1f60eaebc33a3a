"""How fast: targets fixed beforehand, time to target, performance profiles and the score of their area.

A table of times has a row per arm and a column per problem; a miss is infinite, never left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.frame import refuse_other_frames
from anncore.evidence.sources import Source, remembered, source_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "performance_profile",
    "performance_ratios",
    "performance_scores",
    "targets",
    "time_to_target",
    "typical_times",
]

REACH, SPARE = 0.75, 0.1  # of the arms, and of the way from the start, for a target that can be reached
POINTS, MOST = 100, 4.0  # AlgoPerf's grid over 1..4, and what it takes for a miss


def targets(source: Any) -> pd.DataFrame:
    """Return the validation score to reach on each problem of a `Results` or a `FigureInput`.

    Columns problem, metric, goal, target and origin, which says when the target was fixed:

        file     the experiment names it: `target` under [report], one number or a table by data set
        tuning   what three quarters of the arms reached on the tuning seeds, with a tenth of the way to
        spare,
                 known before the first trial of the report had run
        report   nothing was tuned: the same over the report's own trials, so chosen after the fact

    A target that only the better half of the arms reached, and these barely, tells most of them by "never".
    So it lies a tenth of the way back from the best validation that the worst of the best three quarters of
    the arms had, towards the median score before training: on the scale of ratios where scores are compared
    by ratios. An arm's best validation is the median over its seeds of the best score along a trial's
    learning curve, for the configuration that was chosen (where nothing was tuned, for the arm). Trials
    without a curve of the metric have their last score; one that diverged or failed counts as the worst,
    whatever it had reached before. target is NaN where half of the arms or more never had a score.
    """
    import pandas as pd

    content = source_of(source)
    named, sign = content.options.get("target"), -1.0 if content.goal == "max" else 1.0
    best = best_validation(content, sign)
    starts = start_scores(content)
    rows = []
    for problem, measure in content.layout.measures.items():
        costs = best[best["problem"] == problem]["cost"].to_numpy(float)
        target = _reachable(costs, starts.get(problem, math.nan), sign, measure.scale == "log")
        origin = "tuning" if content.tuned else "report"
        by_name = named
        if isinstance(named, Mapping):
            by_name = named.get(problem, named.get(content.layout.data_sets[problem]))
        if by_name is not None:
            target, origin = float(by_name), "file"
        rows.append(
            {
                "problem": problem,
                "metric": content.metric,
                "goal": content.goal,
                "target": target if math.isfinite(target) else math.nan,
                "origin": origin,
            }
        )
    return pd.DataFrame(rows, columns=["problem", "metric", "goal", "target", "origin"])


def start_scores(content: Source) -> dict[str, float]:
    """Return by problem the score before training: the median over arms of each one's median first value.

    Of the tuning trials, so that it is known before the first trial of the report runs; of the report's own
    where nothing was tuned, or where tuning left no curves. A problem without a learning curve of the metric
    is left out.
    """

    def compute() -> dict[str, float]:
        own = _starts_of(content, content.trials, "label")
        return {**own, **_starts_of(content, content.tune, "arm")} if content.tuned else own

    starts: dict[str, float] = remembered(content.memory, start_scores, compute)
    return starts


def _starts_of(content: Source, trials: pd.DataFrame, arm: str) -> dict[str, float]:
    rows = trials[["problem", arm]].assign(value=trials["key"].map(_first_values(content)))
    rows = rows[rows["value"].notna()]
    medians = rows.groupby(["problem", arm])["value"].median().groupby("problem").median()
    return {str(problem): float(score) for problem, score in medians.items()}


def _first_values(content: Source) -> pd.Series[float]:
    """Return the metric's first value that is known along each learning curve, by the trial's key."""

    def compute() -> pd.Series[float]:
        known = content.curves[(content.curves["metric"] == content.metric) & content.curves["value"].notna()]
        trial, keys = known["key"].factorize()
        order = np.lexsort((known["step"].to_numpy(), trial))  # to sort all by texts takes ten times as long
        first = order[np.searchsorted(trial[order], np.arange(len(keys)))]
        return known["value"].iloc[first].set_axis(keys)

    values: pd.Series[float] = remembered(content.memory, _first_values, compute)
    return values


def way_between(start: float, end: float, share: Any, log: bool) -> Any:
    """Return what lies a share of the way from start to end: start · (end / start)^share, or linearly."""
    return start * (end / start) ** share if log else start + (end - start) * share


def _reachable(costs: Array, start: float, sign: float, log: bool) -> float:
    """Return the score that the best three quarters of the arms reached with a tenth of the way to spare.

    costs: each arm's best validation, infinite for none. NaN where half of the arms or more have none. Where
    the worst of those arms did not get better than the start, the median arm counts; where not even that one
    did, or where nobody knows the start, nothing is spared.
    """
    if not math.isfinite(stats.median(costs)):
        return math.nan
    known = np.sort(costs[np.isfinite(costs)])
    wanted = [float(known[math.ceil(REACH * len(known)) - 1]), stats.median(costs)]
    for cost in wanted:
        if cost < sign * start:
            return float(way_between(start, sign * cost, 1 - SPARE, log and min(start, sign * cost) > 0))
    return sign * wanted[1]


def best_validation(content: Source, sign: float) -> pd.DataFrame:
    """Return each arm's best validation on each problem as a cost: problem, arm, cost; +inf for none."""
    best: pd.DataFrame = remembered(
        content.memory, (best_validation, sign), lambda: _best_validation(content, sign)
    )
    return best


def _best_validation(content: Source, sign: float) -> pd.DataFrame:
    trials = content.tune
    if content.tuned and len(content.selection):
        chosen = content.selection[["problem", "arm", "config"]]
        trials = trials.merge(chosen, on=["problem", "arm", "config"], how="right")
    values = content.curves[content.curves["metric"] == content.metric]
    along = (sign * values["value"]).groupby(values["key"], sort=False).min()
    last = sign * trials[content.metric].astype(float) if content.metric in trials else math.nan
    costs = np.fmin(trials["key"].map(along).to_numpy(float), np.asarray(last, dtype=float))
    costs = np.where((trials["status"] == "ok") & np.isfinite(costs), costs, math.inf)
    arm = "arm" if content.tuned else "label"
    grouped = trials.assign(cost=costs).groupby(["problem", arm], sort=False)["cost"]
    return (
        grouped.agg(lambda costs_of_seeds: stats.median(costs_of_seeds.to_numpy(float)))
        .rename_axis(["problem", "arm"])
        .reset_index()
    )


def time_to_target(
    curves: pd.DataFrame,
    targets: Mapping[str, float] | pd.DataFrame,
    *,
    goal: str = "min",
    time: str = "step",
) -> pd.DataFrame:
    """Return when each trial's curve first reached its problem's target: problem, arm, seed, target, time.

    curves: long, with problem, arm, seed, value and the column that `time` names, such as `curve_frame`
    gives; a value equal to the target has reached it. A trial that never does takes infinitely long, and so
    does one that did not finish, whatever it had reached before: where there is a column status, only "ok"
    counts. targets: by problem, or the frame of `targets`; a problem
    without a target, or with NaN, is left out. Between two evaluations nothing is interpolated.
    """
    import pandas as pd

    if isinstance(targets, pd.DataFrame):
        targets = dict(zip(targets["problem"], targets["target"], strict=True))
    refuse_other_frames(curves, ("problem", "arm", "seed", "value", time), "curve_frame")
    target = curves["problem"].map(dict(targets)).astype(float)
    reached = curves["value"] <= target if goal == "min" else curves["value"] >= target
    if "status" in curves:
        reached &= curves["status"] == "ok"
    first = curves[time].astype(float).where(reached, math.inf)
    timed = curves[["problem", "arm", "seed"]].assign(time=first)[target.notna()]
    times = timed.groupby(["problem", "arm", "seed"], sort=False)["time"].min().reset_index()
    times.insert(3, "target", times["problem"].map(dict(targets)).astype(float))
    return times


def typical_times(times: pd.DataFrame) -> pd.DataFrame:
    """Return the median over seeds of `time_to_target`: a table of times, a row per arm.

    A miss counts as slower than any time, so the median is infinite where half of the seeds missed (with an
    even number; with an odd one, where most did).
    """
    refuse_other_frames(times, ("problem", "arm", "seed", "time"), "time_to_target")
    arms, problems = (list(dict.fromkeys(times[name])) for name in ("arm", "problem"))
    median = times.groupby(["arm", "problem"], sort=False)["time"].agg(
        lambda times_of_seeds: stats.median(times_of_seeds.to_numpy(float))
    )
    return median.unstack().reindex(index=arms, columns=problems)  # noqa: PD010 - keeps the order


def performance_ratios(
    times: pd.DataFrame, *, held_out: Mapping[str, str] | None = None, cutoff: float | None = MOST
) -> pd.DataFrame:
    """Return each time over the best one of its column, infinite for a miss; held-out columns are gone.

    times: an arm per row, a problem per column; NaN is a miss. The rules are those of AlgoPerf (Dahl et al.,
    "Benchmarking Neural Network Training Algorithms", 2023, arXiv:2306.07179, and its scoring
    code), in this order:

    1. A variant counts only where its base problem was reached. held_out: variant to base.
    2. More than `cutoff` times the best arm is a miss; None lets every time stand.
    3. A base problem counts only where all its variants do. Then the variants have had their say.
    4. Ratios are to the fastest of the arms that are left.
    """
    import pandas as pd

    refuse_other_frames(times, maker="typical_times")
    pairs = dict(held_out or {})
    unknown = [name for pair in pairs.items() for name in pair if name not in times]
    if unknown:
        raise ValueError(f"held_out names {unknown[0]!r}, which is no column of the times")
    ratios = _ratios(times.to_numpy(float), list(times.columns), pairs, cutoff)
    return pd.DataFrame(ratios, index=times.index, columns=times.columns.drop(list(pairs)))


def _ratios(
    times: Array, problems: Sequence[Any], held_out: Mapping[Any, Any], cutoff: float | None
) -> Array:
    """Return the ratios as `performance_ratios` has them, without its frame: scores ask for them often."""
    table = np.where(np.isnan(times), math.inf, times)
    places = {name: place for place, name in enumerate(problems)}
    pairs = [(places[variant], places[base]) for variant, base in held_out.items()]
    for variant, base in pairs:
        table[~np.isfinite(table[:, base]), variant] = math.inf
    if cutoff is not None:
        table = np.where(table <= cutoff * table.min(axis=0, initial=math.inf), table, math.inf)
    for variant, base in pairs:
        table[~np.isfinite(table[:, variant]), base] = math.inf
    left = [name for name in problems if name not in held_out]
    table = table[:, [places[name] for name in left]]
    best = table.min(axis=0, initial=math.inf)
    if (best <= 0).any():
        at = int((best <= 0).argmax())
        raise ValueError(f"times must be positive, got {best[at]:g} on {left[at]}")
    # A column that nobody reached is infinite throughout; inf / inf would be NaN.
    fastest = np.where(np.isfinite(best), best, 1.0)
    return np.where(np.isfinite(table), table / fastest, math.inf)


def performance_profile(
    times: pd.DataFrame,
    *,
    most: float = MOST,
    points: int = POINTS,
    held_out: Mapping[str, str] | None = None,
    cutoff: float | None = MOST,
) -> pd.DataFrame:
    """Return Dolan and Moré's performance profile: a row per ratio τ in 1..most, a column per arm.

        ρ_arm(τ) = share of the problems on which the arm took at most τ times as long as the best arm

    See `performance_ratios` for times, held_out and cutoff. Dolan & Moré, "Benchmarking Optimization
    Software with Performance Profiles", Mathematical Programming 91(2), 2002.
    """
    import pandas as pd

    ratios = performance_ratios(times, held_out=held_out, cutoff=cutoff)
    grid = np.linspace(1.0, most, points)
    # A share of problems must not depend on how a ratio that is exactly τ rounds.
    within = ratios.to_numpy(float)[None] <= grid[:, None, None] * (1 + 1e-12)
    return pd.DataFrame(within.mean(axis=2), index=pd.Index(grid, name="ratio"), columns=list(ratios.index))


def performance_scores(
    times: pd.DataFrame,
    *,
    held_out: Mapping[str, str] | None = None,
    cutoff: float | None = MOST,
    most: float = MOST,
    points: int = POINTS,
    leave_one_out: bool = True,
) -> pd.DataFrame:
    """Return AlgoPerf's score of each arm, best first: arm, score, low, high, and "without X" for each X.

        score = ∫ ρ_arm(τ) dτ over 1..most / (most - 1)        by the trapezoidal rule on `points` points

    1 is best on every problem, 0 is never within `most` times the best. Ratios are to the best arm present,
    so a score says nothing without the others: leave_one_out adds the score with each other arm taken away
    (NaN for the arm itself), and low and high, the smallest and largest of these and the score.
    """
    import pandas as pd

    def score(table: pd.DataFrame) -> pd.Series[float]:
        profile = performance_profile(table, most=most, points=points, held_out=held_out, cutoff=cutoff)
        rho, steps = profile.to_numpy(), np.diff(profile.index.to_numpy())
        area = steps @ (rho[1:] + rho[:-1]) / 2
        return pd.Series(area / (most - 1), index=profile.columns)

    refuse_other_frames(times, maker="typical_times")
    arms = list(times.index)
    frame = pd.DataFrame({"arm": arms, "score": score(times).to_numpy(float)}, index=arms)
    if leave_one_out and len(arms) > 1:
        others = pd.DataFrame({f"without {arm}": score(times.drop(index=arm)) for arm in arms}).reindex(arms)
        every = others.assign(score=frame["score"])
        frame = frame.assign(low=every.min(axis=1), high=every.max(axis=1)).join(others)
    return frame.sort_values("score", ascending=False, kind="stable", ignore_index=True)
