"""The protocol of a comparison: each arm's configuration is chosen on tuning seeds, by validation alone.

What is reported comes from fresh seeds; how much a choice flattered itself is kept beside it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.columns import is_hyperparameter
from anncore.contract.errors import AnnxError, ComponentError
from anncore.contract.kinds import Candidates, SelectionRule
from anncore.contract.loading import load_registry
from anncore.evidence.frame import NOT_CHOSEN, refuse_other_frames
from anncore.evidence.units import STATUS_VERBS, counted

if TYPE_CHECKING:
    import pandas as pd

    from anncore.experiment.model import Select

COLUMNS = ("problem", "arm", "config", "tune_score", "n_ok", "n", "edge", "configs", "fresh_score")


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
    counts = Counter(STATUS_VERBS.get(status, NO_SCORE) for status in statuses)
    ways = [f"{count} of {counted(len(statuses), 'tuning trials')} {verb}" for verb, count in counts.items()]
    if len(ways) > 1:
        ways[1:] = [f"{count} {verb}" for verb, count in list(counts.items())[1:]]
    return f"nothing to choose from: {', '.join(ways)}"


def select(trials: pd.DataFrame, rule: Select, chooser: SelectionRule | None = None) -> pd.DataFrame:
    """Return the configuration that is chosen for each (problem, arm) by its tuning seeds, one row each.

    trials: the tuning phase's, in plan order. rule: the score and its goal. chooser: the selection rule, by
    default annx's own `best_mean`: the most seeds that finished with a finite score (a diverged or failed
    seed is worse than any score), among these the best mean; the first in plan order among those that differ
    by numeric noise only. Where no trial of an arm has a finite score there is nothing to choose from:
    `config` is None and `n_ok` is 0, and no trial of the arm is to be reported. Raises ComponentError for a
    chooser that fails or chooses what is no configuration with a score.

    Columns: problem, arm, config; tune_score, the mean over the seeds that finished; n_ok of n seeds, those
    of all configurations where none is chosen; edge, the numeric hyperparameters whose chosen value is the
    smallest or largest of three or more that were tried, as "optimizer.lr" ("" for none); configs, how many
    configurations were tried.
    """
    import pandas as pd

    chooser = chooser or _default_rule()
    scores = _scores(trials, rule.metric).to_numpy()
    tuned = {name: trials[name].tolist() for name in trials.columns if is_hyperparameter(name)}
    rows = []
    for (problem, arm), configs in _members(trials).items():
        by_config = {config: scores[members] for config, members in configs.items()}
        values = {
            config: {name: column[members[0]] for name, column in tuned.items()}
            for config, members in configs.items()
        }
        candidates = Candidates(problem, arm, rule.metric, rule.goal, by_config, values)
        config = _choice(chooser, candidates)
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


@cache
def _default_rule() -> SelectionRule:
    """Return the selection rule of an experiment that names none."""
    rule: SelectionRule = load_registry().default("selector").cls()
    return rule


def _choice(chooser: SelectionRule, candidates: Candidates) -> str | None:
    """Return the chosen configuration; None where no configuration has a score."""
    with_scores = [config for config, values in candidates.scores.items() if not np.isnan(values).all()]
    if not with_scores:
        return None
    where = f"selection rule {chooser.name!r} on arm {candidates.arm} and {candidates.problem}"
    for values in candidates.scores.values():
        values.setflags(write=False)
    try:
        config = chooser.choose(candidates)
    except AnnxError:
        raise
    except Exception as error:
        raise ComponentError(f"{where} raised {type(error).__name__}: {error}.") from error
    if config not in with_scores:
        raise ComponentError(
            f"{where} must choose one of the {len(with_scores)} configurations with a score, got {config!r}."
        )
    return config


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


def selection_gaps(
    selection: pd.DataFrame, goal: str = "min", *, shares: bool = False
) -> tuple[pd.DataFrame, str]:
    """Return the choices with `gap`, by how much each flattered itself, and the scale that gaps are on.

        "log":    log(fresh / tuned)      where lower is better and every score is positive
        "linear": fresh - tuned           tuned - fresh where higher is better
        "unit":   the same                where scores are shares, which are read in points

    Positive where the score on fresh seeds is worse than the one it was chosen by: the winner's curse. The
    choices are those of `with_fresh_scores`; left out are those that lost a tuning seed or have no score.
    """
    refuse_other_frames(selection, ("tune_score", "fresh_score", "n_ok", "n"), "with_fresh_scores")
    there = np.isfinite(selection["tune_score"]) & np.isfinite(selection["fresh_score"])
    kept = selection[there & (selection["n_ok"] == selection["n"])].reset_index(drop=True)
    tuned, fresh = (kept[name].to_numpy(float) for name in ("tune_score", "fresh_score"))
    if goal == "min" and not shares and (tuned > 0).all() and (fresh > 0).all():
        return kept.assign(gap=np.log(fresh / tuned)), "log"
    return kept.assign(gap=(fresh - tuned) * (1 if goal == "min" else -1)), "unit" if shares else "linear"


def _scores(trials: pd.DataFrame, metric: str) -> pd.Series[Any]:
    """Return each trial's score, NaN where it did not finish or its score is no finite number."""
    import pandas as pd

    if metric not in trials:
        return pd.Series(math.nan, index=trials.index, dtype=float)
    scores = trials[metric].astype(float)
    return scores.where((trials["status"] == "ok") & np.isfinite(scores))


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else math.nan


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
