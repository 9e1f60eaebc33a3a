"""The protocol of a comparison: each arm's configuration is chosen on tuning seeds, by validation alone.

What is reported comes from fresh seeds; how much a choice flattered itself is kept beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.columns import is_hyperparameter
from anncore.evidence.frame import NOT_CHOSEN, refuse_other_frames
from anncore.evidence.stats import ABSOLUTE_NOISE, RELATIVE_NOISE

if TYPE_CHECKING:
    import pandas as pd

    from anncore.experiment.model import Select

COLUMNS = ("problem", "arm", "config", "tune_score", "n_ok", "n", "edge", "configs", "fresh_score")


VERBS = {"failed": "failed", "timeout": "timed out", "crashed": "crashed", "diverged": "diverged"}
NO_SCORE = "ended without a score"


class Unchosen(NamedTuple):
    """Why no configuration of an arm could be chosen on a problem.

    status: what its report trials count as, although none has run: "diverged" where every tuning trial
    diverged, as that is a result; else "not chosen", which blocks every claim.
    """

    text: str
    status: str


def unchosen(selection: pd.DataFrame | None, tune: pd.DataFrame) -> dict[tuple[str, str], Unchosen]:
    """Return the problems and arms for which `select` had nothing to choose from, and why.

    tune: the tuning phase's trials.
    """
    if selection is None or not len(selection):
        return {}
    empty = selection[selection["n_ok"] == 0]
    reasons = {}
    for problem, arm in zip(empty["problem"], empty["arm"], strict=True):
        statuses = tune.loc[(tune["problem"] == problem) & (tune["arm"] == arm), "status"].tolist()
        alike = bool(statuses) and set(statuses) == {"diverged"}
        reasons[str(problem), str(arm)] = Unchosen(_nothing(statuses), "diverged" if alike else NOT_CHOSEN)
    return reasons


def _nothing(statuses: Sequence[str]) -> str:
    """Write "nothing to choose from: 6 of 6 tuning trials failed", or how many ended in which way."""
    counts = Counter(VERBS.get(status, NO_SCORE) for status in statuses)
    ways = [f"{count} of {len(statuses)} tuning trials {verb}" for verb, count in counts.items()]
    if len(ways) > 1:
        ways[1:] = [f"{count} {verb}" for verb, count in list(counts.items())[1:]]
    return f"nothing to choose from: {', '.join(ways)}"


def select(trials: pd.DataFrame, rule: Select) -> pd.DataFrame:
    """Return each (problem, arm)'s best configuration over the tuning seeds, one row each.

    trials: the tuning phase's, in plan order. The best configuration has the most seeds that finished with
    a finite score (a diverged or failed seed is worse than any score), and among these the best mean; the
    first in plan order among those that differ by numeric noise only, as `stats.differences` draws it.
    Where no trial of an arm has a finite score there is nothing to choose from: `config` is None and `n_ok`
    is 0, and no trial of the arm is to be reported.

    Columns: problem, arm, config; tune_score, the mean over the seeds that finished; n_ok of n seeds, those
    of all configurations where none is chosen; edge, the numeric hyperparameters whose chosen value is the
    smallest or largest of three or more that were tried, as "optimizer.lr" ("" for none); configs, how many
    configurations were tried.
    """
    import pandas as pd

    scores = _scores(trials, rule.metric).to_numpy()
    tuned = {name: trials[name].tolist() for name in trials.columns if is_hyperparameter(name)}
    rows = []
    for (problem, arm), configs in _members(trials).items():
        config = _best({name: scores[members] for name, members in configs.items()}, rule.goal)
        every = [member for members in configs.values() for member in members]
        members = every if config is None else configs[config]
        finished = scores[members]
        finished = finished[~np.isnan(finished)]
        rows.append(
            {
                "problem": problem,
                "arm": arm,
                "config": config,
                "tune_score": _mean(finished),
                "n_ok": len(finished),
                "n": len(members),
                "edge": "" if config is None else ", ".join(_edges(tuned, configs, config)),
                "configs": len(configs),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS[:-1]))


def chosen_configs(selection: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return by problem and arm the configuration that was chosen; none where there was nothing to choose."""
    rows = selection.loc[selection["n_ok"] > 0, ["problem", "arm", "config"]].to_numpy().tolist()
    return {(problem, arm): config for problem, arm, config in rows}


def with_fresh_scores(selection: pd.DataFrame, trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the selection with `fresh_score`: the same validation score on the report phase's seeds.

    The mean over those that finished, NaN where none did or none has run. Against `tune_score` it shows the
    winner's curse: the best of many tries owes part of its score to luck.
    """
    scores = _scores(trials, metric).to_numpy()
    means = {}
    for pair, configs in _members(trials).items():
        fresh = scores[[place for members in configs.values() for place in members]]
        means[pair] = _mean(fresh[~np.isnan(fresh)])
    pairs = zip(selection["problem"], selection["arm"], strict=True)
    return selection.assign(fresh_score=np.array([means.get(pair, math.nan) for pair in pairs], float))


def selection_gaps(selection: pd.DataFrame, goal: str = "min") -> tuple[pd.DataFrame, str]:
    """Return the choices with `gap`, by how much each flattered itself, and the scale that gaps are on.

        "log":    log(fresh / tuned)      where lower is better and every score is positive
        "linear": fresh - tuned           tuned - fresh where higher is better

    Positive where the score on fresh seeds is worse than the one it was chosen by: the winner's curse. The
    choices are those of `with_fresh_scores`; left out are those that lost a tuning seed or have no score.
    """
    refuse_other_frames(selection, ("tune_score", "fresh_score", "n_ok", "n"), "with_fresh_scores")
    there = np.isfinite(selection["tune_score"]) & np.isfinite(selection["fresh_score"])
    kept = selection[there & (selection["n_ok"] == selection["n"])].reset_index(drop=True)
    tuned, fresh = (kept[name].to_numpy(float) for name in ("tune_score", "fresh_score"))
    if goal == "min" and (tuned > 0).all() and (fresh > 0).all():
        return kept.assign(gap=np.log(fresh / tuned)), "log"
    return kept.assign(gap=(fresh - tuned) * (1 if goal == "min" else -1)), "linear"


def _scores(trials: pd.DataFrame, metric: str) -> pd.Series[Any]:
    """Return each trial's score, NaN where it did not finish or its score is no finite number."""
    import pandas as pd

    if metric not in trials:
        return pd.Series(math.nan, index=trials.index, dtype=float)
    scores = trials[metric].astype(float)
    return scores.where((trials["status"] == "ok") & np.isfinite(scores))


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else math.nan


def _best(scores: Mapping[str, Any], goal: str) -> str | None:
    """Return the first configuration whose score is within noise of the best; None where none has a score."""
    scores = {config: values for config, values in scores.items() if not np.isnan(values).all()}
    if not scores:
        return None
    lost = {config: int(np.isnan(values).sum()) for config, values in scores.items()}
    fewest = min(lost.values())
    sign = -1.0 if goal == "max" else 1.0
    costs = {
        config: sign * _mean(values[~np.isnan(values)])
        for config, values in scores.items()
        if lost[config] == fewest
    }
    least = min(costs.values())

    def noise(cost: float) -> float:
        return max(ABSOLUTE_NOISE, RELATIVE_NOISE * max(abs(cost), abs(least)))

    return next(config for config, cost in costs.items() if cost - least <= noise(cost))


def _members(trials: pd.DataFrame) -> dict[tuple[str, str], dict[str, list[int]]]:
    """Return, by (problem, arm) and configuration, the numbers of the rows, all in plan order."""
    members: dict[tuple[str, str], dict[str, list[int]]] = {}
    columns = (trials[name].tolist() for name in ("problem", "arm", "config"))
    for place, (problem, arm, config) in enumerate(zip(*columns, strict=True)):
        members.setdefault((problem, arm), {}).setdefault(config, []).append(place)
    return members


def _edges(
    tuned: Mapping[str, Sequence[Any]], configs: Mapping[str, Sequence[int]], chosen: str
) -> Sequence[str]:
    """Return the numeric hyperparameters whose chosen value lies at an end of the values tried."""
    edges = []
    for name, values in tuned.items():
        tried = {values[members[0]] for members in configs.values() if _is_number(values[members[0]])}
        if len(tried) > 2 and values[configs[chosen][0]] in (min(tried), max(tried)):
            edges.append(name)
    return edges


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))
    return number and math.isfinite(value)
