"""How fast, at what tuning budget, how often: the report's further tables as plain rows.

Each function returns None where the results hold nothing to say it from.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.evidence.arms import Over, probability_of_improvement
from anncore.evidence.budget import budget_curve
from anncore.evidence.frame import NOT_RUN
from anncore.evidence.run_times import average_run_time
from anncore.evidence.sources import curve_frame, scores, tuning_scores
from anncore.evidence.speed import performance_scores, targets, time_to_target, typical_times
from anncore.evidence.stats import LEVEL
from anncore.evidence.study import Study

if TYPE_CHECKING:
    import pandas as pd


def speed(study: Study) -> dict[str, Any] | None:
    """Return the targets, each arm's time to them, and AlgoPerf's score where there are several problems.

    Times are medians over the seeds that have run, in steps and in seconds, where a miss is infinite; a
    target that is met before the first step counts as one step, as ratios of times need them positive. The
    score is over the problems whose trials have all run.
    """
    metric = study.experiment.select.metric
    if len(study.arms) < 2 or not (study.curves["metric"] == metric).any():
        return None
    fixed = targets(study)
    known = fixed[fixed["target"].notna()]
    curves = curve_frame(study, metric)
    if not len(known) or not len(curves):
        return None
    goal = study.experiment.select.goal
    steps = time_to_target(curves, known, goal=goal)
    steps["time"] = steps["time"].clip(lower=1)
    seconds = time_to_target(curves, known, goal=goal, time="seconds")
    arms, places = list(study.arms), list(known["problem"])  # also those where nothing has run
    table, clock = (typical_times(times).reindex(index=arms, columns=places) for times in (steps, seconds))
    reached = np.isfinite(steps["time"]).groupby([steps["problem"], steps["arm"]]).agg(["sum", "size"])
    restarts = _restarts(steps, curves)
    rows = []
    for problem in known["problem"]:
        for arm in study.arms:
            hit, n = reached.loc[(problem, arm)] if (problem, arm) in reached.index else (0, 0)
            typical = {"steps": float(table.loc[arm, problem]), "seconds": float(clock.loc[arm, problem])}
            if study.step_costs and (problem, arm) not in study.step_costs:
                typical["seconds"] = math.nan  # nobody knows
            typical["restarts"] = restarts.get((problem, arm), math.inf)
            rows.append({"problem": problem, "arm": arm, **typical, "reached": int(hit), "n": int(n)})
    done = [name for name in known["problem"] if not (study.statuses(name) == NOT_RUN).to_numpy().any()]
    return {
        "metric": metric,
        "clock": "alone" if study.step_costs else "shared",
        "targets": fixed[["problem", "target", "origin"]].to_dict("records"),
        "times": rows,
        "scores": _scores(table[done].fillna(math.inf)) if len(done) > 1 else [],
    }


def _restarts(times: pd.DataFrame, curves: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return each arm's `average_run_time` to its problem's target by problem and arm."""
    spent = curves.groupby(["problem", "arm", "seed"])["step"].max()
    whole = times.join(spent.rename("spent"), on=["problem", "arm", "seed"])
    whole["spent"] = whole["spent"].fillna(0.0)  # a trial that failed at once made no step
    return {
        (str(problem), str(arm)): average_run_time(own["time"].to_numpy(float), own["spent"].to_numpy(float))
        for (problem, arm), own in whole.groupby(["problem", "arm"], sort=False)
    }


def _scores(table: Any) -> list[dict[str, Any]]:
    frame = performance_scores(table)
    return [
        {
            "arm": row["arm"],
            "score": float(row["score"]),
            "low": float(row.get("low", math.nan)),
            "high": float(row.get("high", math.nan)),
        }
        for row in frame.to_dict("records")
    ]


def budget(study: Study) -> list[dict[str, Any]] | None:
    """Return, per problem and arm, what the best of k tuned configurations is expected to score.

    k doubles from 1, and ends with an arm's number of configurations. low and high are the ends of the band
    that holds for all k at once; infinite where the trials say nothing about that side.
    """
    if not study.tuned:
        return None
    frame = tuning_scores(study)
    numbers = frame.groupby(["problem", "arm"], sort=False)["config"].nunique()
    ends = {int(n) for n in numbers}
    curve = budget_curve(frame, sizes=[*(2**i for i in range(max(ends, default=0).bit_length())), *ends])
    rows = []
    for (problem, arm), mine in curve.groupby(["problem", "arm"], sort=False):
        n = int(mine["n"].iloc[0])
        if n < 2:
            continue
        columns = (mine[name].tolist() for name in ("k", "expected", "expected_low", "expected_high"))
        points = [
            {"k": k, "expected": expected, "low": low, "high": high}
            for k, expected, low, high in zip(*columns, strict=True)
        ]
        rows.append({"problem": str(problem), "arm": str(arm), "n": n, "points": points})
    return rows or None


def improvement(study: Study) -> dict[str, Any] | None:
    """Return how often each arm beats each other one: on a seed, averaged over data sets where several."""
    if len(study.arms) < 2:
        return None
    over: Over = "data sets" if len(set(study.dataset_of.values())) > 1 else "seeds"
    level = study.level if over == "seeds" else LEVEL  # data sets are looked at once, at the end
    table = probability_of_improvement(scores(study), over=over, level=level)
    if len(set(table["problem"])) > 1 or not table["probability"].notna().any():
        return None  # variants of one data set: each speaks for itself
    names = ["a", "b", "probability", "low", "high", "n"]
    return {"over": over, "pairs": table[names].to_dict("records")}
