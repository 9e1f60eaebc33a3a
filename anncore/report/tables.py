"""The tables of a report, as plain rows: leaderboards, sensitivity, failed trials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from anncore.evidence import stats
from anncore.evidence.arms import summary
from anncore.evidence.sensitivity import sensitivity_row, tuned_column
from anncore.evidence.study import BLOCKING, Study


def leaderboard(study: Study, problem: str) -> list[dict[str, Any]]:
    """Return one row per arm on one problem, best first.

    value, low, high: mean with t-interval over the seeds that finished, geometric on the log scale, at the
    study's level.
    median and iqm count a diverged seed as worst and are NaN where half (a quarter) or more diverged.
    """
    measure = study.measures[problem]
    values, statuses, costs = study.values(problem), study.statuses(problem), study.costs(problem)
    mine = study.trials[study.trials["problem"] == problem]
    others = [c for c in mine.columns if c.startswith("test_") and c != measure.column]
    others = [c for c in others if mine[c].notna().any()]
    trials = mine.groupby("label", sort=False).indices
    ok, configs = (mine["status"] == "ok").to_numpy(bool), mine["config"].tolist()
    further = {c: mine[c].to_numpy(float) for c in others}
    rows = []
    for arm in study.arms:
        status, own = statuses[arm].tolist(), trials.get(arm, np.array([], int))
        got = summary(values[arm], status, measure.goal, measure.scale, study.level)
        finished = own[ok[own]]
        rows.append(
            {
                "arm": arm,
                "config": str(configs[own[0]]) if len(own) else "",
                "n": got.n,
                "ok": got.ok,
                "diverged": got.diverged,
                "blocked": sum(each in BLOCKING or each == "missing" for each in status),
                "value": got.mean,
                "low": got.low,
                "high": got.high,
                "median": got.median,
                "iqm": got.iqm,
                "cost": float(costs[arm].mean(skipna=False)) if len(costs) else math.nan,
                "metrics": {c: _mean(values[finished]) for c, values in further.items()},
            }
        )
    for row, rank in zip(rows, _ranks(rows), strict=True):
        row["rank"] = float(rank)
        row["status"] = _status(row)
    return sorted(rows, key=lambda row: (row["rank"], study.arms.index(row["arm"])))


def _mean(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float(known.sum() / len(known)) if len(known) else math.nan


def _ranks(rows: list[dict[str, Any]]) -> Any:
    """Rank arms that always finished by mean cost; then by seeds diverged; blocked ones last.

    An arm that diverged once has an infinite mean, so it comes after all that never did.
    """
    keys = []
    finished = [row["cost"] if not row["diverged"] and not row["blocked"] else math.inf for row in rows]
    order = stats.ranks(finished)
    for row, place in zip(rows, order, strict=True):
        if row["blocked"] or not row["n"]:
            keys.append((2, 0.0))
        elif row["diverged"]:
            keys.append((1, float(row["diverged"])))
        else:
            keys.append((0, float(place)))
    distinct = sorted(set(keys))
    return stats.ranks([float(distinct.index(key)) for key in keys])


def _status(row: dict[str, Any]) -> str:
    parts = [f"{row[name]}/{row['n']} {name}" for name in ("diverged", "blocked") if row[name]]
    return ", ".join(parts) or "ok"


def overall(study: Study, boards: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return one row per arm over all data sets, best mean rank first.

    Ranks are averaged over the variants of a data set first, then over data sets. `wins` counts problems
    on which the arm ranks first, ties included.
    """
    rows = []
    for arm in study.arms:
        own = {p: next(row for row in board if row["arm"] == arm) for p, board in boards.items()}
        groups: dict[str, list[float]] = {}
        for problem, row in own.items():
            groups.setdefault(study.dataset_of[problem], []).append(row["rank"])
        best = {p: min(row["rank"] for row in board) for p, board in boards.items()}
        totals = {name: sum(row[name] for row in own.values()) for name in ("n", "ok", "diverged", "blocked")}
        rows.append(
            {
                "arm": arm,
                "mean_rank": float(np.mean([np.mean(group) for group in groups.values()]))
                if groups
                else math.nan,
                "wins": sum(row["rank"] == best[p] for p, row in own.items()),
                "problems": len(own),
                "data_sets": len(groups),
                **totals,
                "status": _status(totals),
            }
        )
    return sorted(rows, key=lambda row: (row["mean_rank"], study.arms.index(row["arm"])))


def sensitivity(study: Study) -> list[dict[str, Any]]:
    """Return, per problem and arm, the score over the values of its tuned hyperparameter.

    The hyperparameter is the numeric one with the most values tried; where others were tuned too, each
    value is shown at the best of them. `width` is how many decades around the best value stay within 10 %
    of its score (shares: a point) without divergence, interpolated between grid points. A point is the
    plain mean over seeds, as the selection takes it; low and high are its best and worst seed.
    """
    frame = study.tune if study.tuned else study.trials
    metric = study.experiment.select.metric
    if metric not in frame:
        return []
    rows = []
    for (problem, arm), mine in frame.groupby(["problem", "arm"], sort=False):
        column = tuned_column(mine)
        if column is None:
            continue
        goal = study.experiment.select.goal
        shares = study.measures[str(problem)].scale == "unit" and goal == "max"
        found = sensitivity_row(mine, column, mine[metric].to_numpy(float), goal, "unit" if shares else None)
        rows.append({"problem": str(problem), "arm": str(arm), "metric": metric, **found})
    order = {arm: i for i, arm in enumerate(study.results.plan.arms)}
    places = {problem: i for i, problem in enumerate(study.problems)}
    return sorted(rows, key=lambda row: (places.get(row["problem"], 0), order.get(row["arm"], 0)))


def failed_trials(study: Study) -> list[dict[str, Any]]:
    """Return every trial that is not ok: where, which, its status and the last line of its error."""
    trials = study.results.trials  # as they ended, whatever is waived
    bad = trials[trials["status"] != "ok"]
    rows = []
    for row in bad.to_dict("records"):
        error = row.get("error")
        lines = error.strip().splitlines() if isinstance(error, str) else []
        rows.append(
            {
                **{name: str(row[name]) for name in ("key", "phase", "status", "problem", "arm", "config")},
                "seed": int(row["seed"]),
                "error": lines[-1].strip() if lines else "",
            }
        )
    return rows
