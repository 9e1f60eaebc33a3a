"""The tables of a report, as plain rows: leaderboards, sensitivity, failed trials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from anncore.contract.columns import parse_metric
from anncore.evidence import stats
from anncore.evidence.arms import summary
from anncore.evidence.frame import LEFT_OUT, NOT_RUN, UNRUN
from anncore.evidence.sensitivity import sensitivity_row, tuned_column
from anncore.evidence.study import BLOCKING, Study

COUNTS = ("n", "ok", "diverged", "blocked", "not_run", "left_out")


def leaderboard(study: Study, problem: str) -> list[dict[str, Any]]:
    """Return one row per arm on one problem, best first.

    value, low, high: mean with t-interval over the seeds that finished, geometric on the log scale, at the
    study's level; where a single seed decides the mean, the median with its interval, as `centre` says.
    median and iqm count a diverged seed as worst and are NaN where half (a quarter) or more diverged.
    note: why there is no score, where tuning left nothing to choose from.
    """
    mine = study.trials[study.trials["problem"] == problem]
    metrics = _FurtherMetrics(mine, study.measures[problem].column)
    rows = [{**_score(study, problem, arm), **metrics.of(arm)} for arm in study.arms]
    for row, rank in zip(rows, _ranks(rows), strict=True):
        row["rank"] = float(rank)
        row["status"] = row["note"] or _status(row)
    return sorted(rows, key=lambda row: (row["rank"], study.arms.index(row["arm"])))


def _score(study: Study, problem: str, arm: str) -> dict[str, Any]:
    measure, statuses = study.measures[problem], study.statuses(problem)[arm].tolist()
    values, costs = study.values(problem)[arm], study.costs(problem)[arm]
    all_of_it = summary(values, statuses, measure.goal, measure.scale, study.level)
    shown, centre = stats.typical(values[np.array(statuses) == "ok"], measure.scale, study.level)
    nothing = study.unchosen.get((problem, arm))
    return {
        "arm": arm,
        "n": all_of_it.n,
        "ok": all_of_it.ok,
        "diverged": all_of_it.diverged,
        "blocked": sum(status in BLOCKING or status in UNRUN for status in statuses),
        "not_run": statuses.count(NOT_RUN),
        "left_out": statuses.count(LEFT_OUT),
        "value": shown.value,
        "low": shown.low,
        "high": shown.high,
        "centre": centre,
        "median": all_of_it.median,
        "iqm": all_of_it.iqm,
        "cost": float(costs.mean(skipna=False)) if len(costs) else math.nan,
        "note": nothing.text if nothing else "",
    }


class _FurtherMetrics:
    """The other metrics of the test split on one problem, and each arm's configuration there."""

    def __init__(self, mine: Any, scored: str) -> None:
        names = [name for name in mine.columns if parse_metric(name)[0] == "test" and name != scored]
        self.values = {name: mine[name].to_numpy(float) for name in names if mine[name].notna().any()}
        self.rows = mine.groupby("label", sort=False).indices
        self.ok, self.configs = (mine["status"] == "ok").to_numpy(bool), mine["config"].tolist()

    def of(self, arm: str) -> dict[str, Any]:
        """Return the arm's configuration, its metrics, and the names of those that are medians."""
        own = self.rows.get(arm, np.array([], int))
        finished = own[self.ok[own]]
        typical = {name: stats.typical(values[finished]) for name, values in self.values.items()}
        return {
            "config": str(self.configs[own[0]]) if len(own) else "",
            "metrics": {name: estimate.value for name, (estimate, _) in typical.items()},
            "medians": [name for name, (_, centre) in typical.items() if centre == "median"],
        }


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
    counts = {
        "diverged": row["diverged"],
        "failed": row["blocked"] - row["not_run"] - row["left_out"],
        NOT_RUN: row["not_run"],
        LEFT_OUT: row["left_out"],
    }
    return ", ".join(f"{count}/{row['n']} {word}" for word, count in counts.items() if count) or "ok"


def is_best(row: dict[str, Any], board: list[dict[str, Any]]) -> bool:
    """Say whether a row has the best rank of its board; none has before all trials have run."""
    if row["blocked"] or any(other["not_run"] for other in board):
        return False
    return bool(row["rank"] == min(other["rank"] for other in board))


def overall(study: Study, boards: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return one row per arm over all data sets, best mean rank first.

    Ranks are averaged over the variants of a data set first, then over data sets. `wins` counts problems
    on which the arm ranks first, ties included, and all trials have run.
    """
    rows = []
    for arm in study.arms:
        own = {p: next(row for row in board if row["arm"] == arm) for p, board in boards.items()}
        groups: dict[str, list[float]] = {}
        for problem, row in own.items():
            groups.setdefault(study.dataset_of[problem], []).append(row["rank"])
        totals = {name: sum(row[name] for row in own.values()) for name in COUNTS}
        rows.append(
            {
                "arm": arm,
                "mean_rank": float(np.mean([np.mean(group) for group in groups.values()]))
                if groups
                else math.nan,
                "wins": sum(is_best(own[problem], board) for problem, board in boards.items()),
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
        row = sensitivity_row(mine, column, mine[metric].to_numpy(float), goal, "unit" if shares else None)
        rows.append({"problem": str(problem), "arm": str(arm), "metric": metric, **row})
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
