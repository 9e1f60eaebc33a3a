"""The tables of a report, as plain rows: leaderboards, sensitivity, failed trials."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore import stats
from anncore.study import BLOCKING, Study

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 0.1  # a value is as good as the best within 10 % (shares: within a point)


def leaderboard(study: Study, problem: str) -> list[dict[str, Any]]:
    """Return one row per arm on one problem, best first.

    value, low, high: mean with t-interval over the seeds that finished, geometric on the log scale.
    median and iqm count a diverged seed as worst and are NaN where half (a quarter) or more diverged.
    """
    measure = study.measures[problem]
    values, statuses, costs = study.values(problem), study.statuses(problem), study.costs(problem)
    mine = study.trials[study.trials["problem"] == problem]
    others = [c for c in mine.columns if c.startswith("test_") and c != measure.column]
    sign = 1 if measure.goal == "min" else -1
    rows = []
    for arm in study.arms:
        status = statuses[arm]
        ok = values[arm].astype(float)[status == "ok"].to_numpy()
        ok = ok[np.isfinite(ok)]
        diverged = int((status == "diverged").sum())
        estimate = stats.mean_interval(ok, measure.scale)
        ordered = np.concatenate([sign * ok, np.full(diverged, math.inf)])
        configs = list(dict.fromkeys(mine.loc[mine["label"] == arm, "config"].map(str)))
        finished = mine[(mine["label"] == arm) & (mine["status"] == "ok")]
        rows.append(
            {
                "arm": arm,
                "config": configs[0] if configs else "",
                "n": len(status),
                "ok": len(ok),
                "diverged": diverged,
                "blocked": int(status.isin([*BLOCKING, "missing"]).sum()),
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "median": _finite(sign * stats.median(ordered)),
                "iqm": _finite(sign * stats.iqm(ordered)),
                "cost": float(costs[arm].mean(skipna=False)) if len(costs) else math.nan,
                "metrics": {c: float(finished[c].mean()) for c in others if mine[c].notna().any()},
            }
        )
    for row, rank in zip(rows, _ranks(rows), strict=True):
        row["rank"] = float(rank)
        row["status"] = _status(row)
    return sorted(rows, key=lambda row: (row["rank"], study.arms.index(row["arm"])))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


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
        column = _tuned_column(mine)
        if column is not None:
            rows.append(_sensitivity_row(study, str(problem), str(arm), mine, column, metric))
    order = {arm: i for i, arm in enumerate(study.results.plan.arms)}
    places = {problem: i for i, problem in enumerate(study.problems)}
    return sorted(rows, key=lambda row: (places.get(row["problem"], 0), order.get(row["arm"], 0)))


def _tuned_column(mine: pd.DataFrame) -> str | None:
    best, most = None, (2, 0.0)
    for column in mine.columns:
        if "." not in column:
            continue
        values = [v for v in mine[column].unique() if _is_number(v)]
        positive = len(values) > 1 and min(values) > 0
        found = (len(values), math.log10(max(values) / min(values)) if positive else 0.0)
        if found > most and found[0] > 2:
            best, most = column, found
    return best


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and math.isfinite(value)


def _sensitivity_row(
    study: Study, problem: str, arm: str, mine: pd.DataFrame, column: str, metric: str
) -> dict[str, Any]:
    goal = study.experiment.select.goal
    points = [_best_point(rows, value, metric, goal) for value, rows in mine.groupby(column)]
    points = [point for point in points if point["n"]]
    means = [point["value"] for point in points if point["ok"]]
    bounded = study.measures[problem].scale == "unit" and goal == "max"
    log = goal == "min" and len(means) > 0 and min(means) > 0 and not bounded
    scale = "log" if log else "linear"
    clean = [i for i, point in enumerate(points) if point["ok"] == point["n"]]
    usable = clean or [i for i, point in enumerate(points) if point["ok"]]
    row: dict[str, Any] = {
        "problem": problem,
        "arm": arm,
        "hyperparameter": column,
        "metric": metric,
        "scale": scale,
        "points": points,
        "best": math.nan,
        "edge": False,
        "width": math.nan,
        "excess": math.nan,
        "diverged": sum(point["diverged"] for point in points),
        "trials": sum(point["n"] for point in points),
    }
    if not usable:
        return row
    cost = [_cost(point["value"], goal, log) for point in points]
    at = min(usable, key=lambda i: cost[i])
    tolerance = math.log1p(TOLERANCE) if log else (0.01 if bounded else TOLERANCE * abs(cost[at]))
    row["best"] = points[at]["value_of"]
    row["edge"] = at in (0, len(points) - 1) and len(points) > 2
    row["excess"] = float(np.mean([cost[i] - cost[at] for i in usable]))
    if all(point["value_of"] > 0 for point in points) and at in clean:
        row["width"] = _width(points, cost, clean, at, cost[at] + tolerance)
    return row


def _best_point(rows: pd.DataFrame, value: Any, metric: str, goal: str) -> dict[str, Any]:
    """Return one value's score at the best of the other hyperparameters; fewest failures come first."""
    candidates = []
    # Arrays and a loop: a data frame per configuration costs more than all the rest of a report's tables.
    statuses, scores = rows["status"].to_numpy(), rows[metric].to_numpy(float)
    members: dict[str, list[int]] = {}
    for place, config in enumerate(rows["config"].tolist()):
        members.setdefault(config, []).append(place)
    for places in members.values():
        group = statuses[places]
        ok = scores[places][group == "ok"]
        ok = ok[np.isfinite(ok)]
        mean = float(np.mean(ok)) if len(ok) else math.nan
        point = {
            "value_of": float(value),
            "value": mean,
            "low": float(np.min(ok, initial=math.inf)) if len(ok) else math.nan,
            "high": float(np.max(ok, initial=-math.inf)) if len(ok) else math.nan,
            "n": len(group),
            "ok": len(ok),
            "diverged": int((group == "diverged").sum()),
        }
        candidates.append(((len(group) - len(ok), _cost(mean, goal)), point))
    return min(candidates, key=lambda pair: pair[0])[1]


def _cost(value: float, goal: str, log: bool = False) -> float:
    if math.isnan(value):
        return math.inf
    return math.log(value) if log else (value if goal == "min" else -value)


def _width(points: list[dict[str, Any]], cost: list[float], clean: list[int], at: int, limit: float) -> float:
    """Walk from the best value both ways until the score leaves the limit; return the decades between."""
    x = [math.log10(point["value_of"]) for point in points]
    ends = []
    for step in (-1, 1):
        i, end = at, x[at]
        while 0 <= i + step < len(x) and i + step in clean:
            j = i + step
            if cost[j] > limit:
                end = x[i] + (x[j] - x[i]) * (limit - cost[i]) / (cost[j] - cost[i])
                break
            i, end = j, x[j]
        ends.append(end)
    return ends[1] - ends[0]


def failed_trials(study: Study) -> list[dict[str, Any]]:
    """Return every trial that is not ok: where, which, its status and the last line of its error."""
    bad = study.all_trials[study.all_trials["status"] != "ok"]
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
