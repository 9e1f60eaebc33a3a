"""How much a tuned hyperparameter matters: the score over its values. It describes; no test is made of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.contract.columns import is_hyperparameter
from anncore.evidence.frame import GOALS, refuse_other_frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["lr_sensitivity"]

TOLERANCE = 0.1  # a value is as good as the best within 10 % (shares: within a point)


def lr_sensitivity(
    frame: pd.DataFrame,
    column: str | None = None,
    *,
    goal: str | None = None,
    scale: str | None = None,
    tolerance: float = TOLERANCE,
) -> pd.DataFrame:
    """Return, per problem and arm, how the score depends on the learning rate, or any other number tuned.

    frame: a row per trial with problem, arm, seed, score, status, the hyperparameter's column, and config
    where others were tuned too; such as `tuning_scores` gives. column: "optimizer.lr", say; by default, for
    each arm, the numeric one (its name has a dot) with the most values, then the widest range. Where others
    were tuned too, each value stands at the best of them. Where they were drawn with it, one setting for each
    value, the score changes with all of them: `others` names them, and no width is given. Columns:

        best       the value with the best mean score over the seeds, among those where no seed was lost
        excess     how much worse than the best the mean score is over the values tried (on the scale:
                   a difference of logarithms, points, or the score's own units); lost ones left out
        width      decades around the best within which the score stays within `tolerance` of it (shares:
                   a tenth of it, in points) with no seed lost, interpolated between the values tried
        diverged   trials that diverged, of `trials`
        edge       whether the best is the smallest or largest of three or more values
        others     the hyperparameters that were drawn with this one, a list
        points     the curve itself, a list: value_of, value (mean score), low, high, n, ok, diverged

    scale: "log", "unit" or "linear"; by default "log" where lower is better and all means are positive.
    """
    import pandas as pd

    refuse_other_frames(frame, ("problem", "arm", "seed", "score"), "tuning_scores")
    goal = goal or (frame["goal"].iloc[0] if "goal" in frame and len(frame) else "min")
    if goal not in GOALS:
        raise ValueError(f"goal must be one of {', '.join(GOALS)}, got {goal!r}")
    if column is not None and column not in frame:
        raise ValueError(f"the frame has no column {column!r}")
    if "status" not in frame:
        frame = frame.assign(status=np.where(np.isfinite(frame["score"]), "ok", "diverged"))
    if "config" not in frame:
        frame = frame.assign(config=0)
    rows = []
    for (problem, arm), mine in frame.groupby(["problem", "arm"], sort=False):
        own = column if column is not None else tuned_column(mine)
        if own is not None and mine[own].notna().any():
            row = sensitivity_row(mine, own, mine["score"].to_numpy(float), goal, scale, tolerance)
            rows.append({"problem": problem, "arm": arm, **row})
    names = ["problem", "arm", "hyperparameter", "scale", "best", "edge", "width", "excess", "diverged"]
    return pd.DataFrame(rows, columns=[*names, "trials", "others", "points"])


def tuned_column(mine: pd.DataFrame) -> str | None:
    """Return the numeric hyperparameter with the most values tried, three or more; then the widest."""
    best, most = None, (2, 0.0)
    for column in filter(is_hyperparameter, mine.columns):
        values = [v for v in mine[column].unique() if _is_number(v)]
        positive = len(values) > 1 and min(values) > 0
        reach = (len(values), math.log10(max(values) / min(values)) if positive else 0.0)
        if reach > most and reach[0] > 2:
            best, most = column, reach
    return best


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and math.isfinite(value)


def sensitivity_row(
    mine: pd.DataFrame,
    column: str,
    scores: Any,
    goal: str,
    scale: str | None = None,
    tolerance: float = TOLERANCE,
) -> dict[str, Any]:
    """Return one arm's sensitivity on one problem; scores lie in the order of the rows of `mine`."""
    columns = (mine["config"].tolist(), mine["status"].to_numpy(), scores)
    members: dict[Any, list[int]] = {}
    for place, value in enumerate(mine[column].tolist()):
        if _is_number(value):
            members.setdefault(value, []).append(place)
    points = [_best_point(value, members[value], *columns, goal) for value in sorted(members)]
    means = [point["value"] for point in points if point["ok"]]
    positive = goal == "min" and len(means) > 0 and min(means) > 0
    scale = scale or ("log" if positive else "linear")
    log = scale == "log" and positive
    clean = [i for i, point in enumerate(points) if point["ok"] == point["n"]]
    usable = clean or [i for i, point in enumerate(points) if point["ok"]]
    row: dict[str, Any] = {
        "hyperparameter": column,
        "scale": "log" if log else "linear",
        "points": points,
        "best": math.nan,
        "edge": False,
        "width": math.nan,
        "excess": math.nan,
        "diverged": sum(point["diverged"] for point in points),
        "trials": sum(point["n"] for point in points),
        "others": _drawn_with(mine, column, len(points)),
    }
    if not usable:
        return row
    cost = [_cost(point["value"], goal, log) for point in points]
    at = min(usable, key=lambda i: cost[i])
    near = math.log1p(tolerance) if log else tolerance * (0.1 if scale == "unit" else abs(cost[at]))
    row["best"] = points[at]["value_of"]
    row["edge"] = at in (0, len(points) - 1) and len(points) > 2
    row["excess"] = float(np.mean([cost[i] - cost[at] for i in usable]))
    if all(point["value_of"] > 0 for point in points) and at in clean and not row["others"]:
        row["width"] = _width(points, cost, clean, at, cost[at] + near)
    return row


def _drawn_with(mine: pd.DataFrame, column: str, values: int) -> list[str]:
    """Return the hyperparameters that change from value to value of `column`, each value having one setting.

    Where the values stand for as many configurations as there are, nothing tells what any of them does alone.
    """
    if len(set(mine["config"].tolist())) > values:
        return []
    others = (name for name in mine.columns if is_hyperparameter(name) and name != column)
    return [name for name in others if len(set(map(str, mine[name].dropna().tolist()))) > 1]


def _best_point(
    value: Any, places: list[int], configs: list[Any], statuses: Any, scores: Any, goal: str
) -> dict[str, Any]:
    """Return one value's score at the best of the other hyperparameters; fewest failures come first."""
    candidates = []
    # Arrays and a loop: a data frame per configuration costs more than all the rest of a report's tables.
    members: dict[Any, list[int]] = {}
    for place in places:
        members.setdefault(configs[place], []).append(place)
    for mine in members.values():
        group = statuses[mine]
        ok = scores[mine][group == "ok"]
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
