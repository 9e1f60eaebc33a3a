"""The protocol of a comparison: each arm's configuration is chosen on tuning seeds, by validation alone.

What is reported comes from fresh seeds; how much a choice flattered itself is kept beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.stats import ABSOLUTE_NOISE, RELATIVE_NOISE

if TYPE_CHECKING:
    import pandas as pd

    from anncore.experiment.model import Select

COLUMNS = ("problem", "arm", "config", "tune_score", "n_ok", "n", "edge", "configs", "fresh_score")


def select(trials: pd.DataFrame, rule: Select) -> pd.DataFrame:
    """Return each (problem, arm)'s best configuration over the tuning seeds, one row each.

    trials: the tuning phase's, in plan order. The best configuration has the most seeds that finished with
    a finite score (a diverged or failed seed is worse than any score), and among these the best mean; the
    first in plan order among those that differ by numeric noise only, as `stats.differences` draws it.

    Columns: problem, arm, config; tune_score, the mean over the seeds that finished (NaN where none did:
    then the first configuration stands, and n_ok = 0 says so); n_ok of n seeds; edge, the numeric
    hyperparameters whose chosen value is the smallest or largest of three or more that were tried, as
    "optimizer.lr" ("" for none); configs, how many configurations were tried.
    """
    import pandas as pd

    values = _scores(trials, rule.metric)
    rows = []
    for (problem, arm), mine in trials.groupby(["problem", "arm"], sort=False):
        scores = {config: values.loc[group.index] for config, group in mine.groupby("config", sort=False)}
        config = _best({name: series.to_numpy() for name, series in scores.items()}, rule.goal)
        chosen = scores[config].dropna()
        rows.append(
            {
                "problem": problem,
                "arm": arm,
                "config": config,
                "tune_score": _mean(chosen.to_numpy()),
                "n_ok": len(chosen),
                "n": len(scores[config]),
                "edge": ", ".join(_edges(mine, mine["config"] == config)),
                "configs": len(scores),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS[:-1]))


def with_fresh_scores(selection: pd.DataFrame, trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the selection with `fresh_score`: the same validation score on the report phase's seeds.

    The mean over those that finished, NaN where none did or none has run. Against `tune_score` it shows the
    winner's curse: the best of many tries owes part of its score to luck.
    """
    values = _scores(trials, metric)
    means = {
        (problem, arm): _mean(values.loc[mine.index].dropna().to_numpy())
        for (problem, arm), mine in trials.groupby(["problem", "arm"], sort=False)
    }
    pairs = zip(selection["problem"], selection["arm"], strict=True)
    return selection.assign(fresh_score=np.array([means.get(pair, math.nan) for pair in pairs], float))


def _scores(trials: pd.DataFrame, metric: str) -> pd.Series[Any]:
    """Return each trial's score, NaN where it did not finish or its score is no finite number."""
    import pandas as pd

    if metric not in trials:
        return pd.Series(math.nan, index=trials.index, dtype=float)
    scores = trials[metric].astype(float)
    return scores.where((trials["status"] == "ok") & np.isfinite(scores))


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else math.nan


def _best(scores: Mapping[Any, Any], goal: str) -> Any:
    """Return the first configuration whose score is within noise of the best."""
    lost = {config: int(np.isnan(values).sum()) for config, values in scores.items()}
    fewest = min(lost.values())
    sign = -1.0 if goal == "max" else 1.0
    costs = {
        config: sign * _mean(values[~np.isnan(values)])
        for config, values in scores.items()
        if lost[config] == fewest
    }
    least = min((cost for cost in costs.values() if not math.isnan(cost)), default=math.nan)
    for config, cost in costs.items():
        noise = max(ABSOLUTE_NOISE, RELATIVE_NOISE * max(abs(cost), abs(least)))
        if math.isnan(least) or cost - least <= noise:
            return config
    raise AssertionError("the best is within noise of itself")


def _edges(mine: pd.DataFrame, chosen: pd.Series[bool]) -> Sequence[str]:
    """Return the numeric hyperparameters whose chosen value lies at an end of the values tried."""
    found = []
    for column in (name for name in mine.columns if "." in name):
        tried = {value for value in mine[column] if _is_number(value)}
        here = {value for value in mine.loc[chosen, column] if _is_number(value)}
        if len(tried) > 2 and len(here) == 1 and here & {min(tried), max(tried)}:
            found.append(column)
    return found


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))
    return number and math.isfinite(value)
