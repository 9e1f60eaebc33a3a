"""The long frame that every function of this package takes, and where it comes from.

One row per trial, no index needed:

    problem   what the arms are compared on
    arm       the label under comparison
    seed      pairs the arms: equal seeds saw the same data, split and initial weights
    score     the number to compare; where it is infinite, the trial diverged
    status    "ok", "diverged", or why there is no score; without the column, read off the score
    data_set  the data set that the problem is a variant of; the problem itself without the column
    goal      "min" or "max"; "min" without the column
    scale     "linear", "log" (ratios) or "unit" (shares in [0, 1]); "linear" without the column

`goal` and `scale` may be given to any function as one word, or as a mapping from problem to word; that
comes before the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.evidence import stats
from anncore.evidence.selection import hyperparameters
from anncore.evidence.study import Measure, Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["curve_frame", "scores", "tuning_scores"]

Words = str | Mapping[str, str] | None
NEEDED = ("problem", "arm", "seed", "score")
GOALS, SCALES = ("min", "max"), ("linear", "log", "unit")


class Source(NamedTuple):
    """What a `Results` and a `FigureInput` both hold; `trials` are the report's, with their `label`."""

    trials: pd.DataFrame
    tune: pd.DataFrame  # the report's own trials where nothing was tuned
    curves: pd.DataFrame
    selection: pd.DataFrame
    measures: Mapping[str, Measure]
    data_sets: Mapping[str, str]
    arms: Sequence[str]
    seeds: Sequence[int]
    metric: str
    goal: str
    tuned: bool
    options: Mapping[str, Any]
    step_costs: Mapping[tuple[str, str], float]  # seconds by problem and arm, where they were measured


def source_of(source: Any) -> Source:
    """Return a `Results` or a `FigureInput` as a `Source`."""
    import pandas as pd

    if not hasattr(source, "report"):
        study, rule = Study(source), source.experiment.select
        kept = (source.selection, study.measures, study.dataset_of, study.arms, study.seeds)
        tune = study.tune if study.tuned else study.trials
        seconds = {pair: cost.seconds for pair, cost in study.step_costs.items()}
        told = (rule.metric, rule.goal, study.tuned, study.options, seconds)
        return Source(study.trials, tune, source.curves, *kept, *told)
    content, phases = source.report, source.trials["phase"]
    measures = {
        problem: Measure(each["column"], each["goal"], each["scale"])
        for problem, each in content["measures"].items()
    }
    rule, selection = content["select"], pd.DataFrame(content["selection"])
    kept = (selection, measures, content["data_sets"], content["arms"], content["seeds"]["report"])
    trials = source.trials[phases == "report"]
    tune = source.trials[phases == "tune"] if rule["tuned"] else trials
    seconds = {(row["problem"], row["arm"]): row["seconds"] for row in content["costs"] or ()}
    told = (rule["metric"], rule["goal"], rule["tuned"], source.options, seconds)
    return Source(trials, tune, source.curves, *kept, *told)


def scores(source: Any) -> pd.DataFrame:
    """Return the report phase's test scores of a `Results` or a `FigureInput` as the long frame.

    Every planned (problem, arm, seed) has a row; a trial that has not run has the status "missing". Where
    nothing was tuned, an arm with several configurations is as many arms, as in the report.
    """
    import pandas as pd

    found = source_of(source)
    every = pd.MultiIndex.from_product([found.arms, found.seeds], names=["arm", "seed"])
    parts = []
    for problem, measure in found.measures.items():
        mine = found.trials[found.trials["problem"] == problem].drop_duplicates(["seed", "label"])
        column = mine[measure.column].astype(float) if measure.column in mine else math.nan
        part = mine.assign(score=column).set_index(["label", "seed"])[["status", "score"]]
        part.index.names = ["arm", "seed"]
        part = part.reindex(every).reset_index()
        part["status"] = part["status"].where(part["status"].notna(), "missing")
        part["score"] = part["score"].where(part["status"] == "ok")
        told = {"problem": problem, "data_set": found.data_sets[problem]}
        parts.append(part.assign(**told, goal=measure.goal, scale=measure.scale))
    columns = ["problem", "data_set", "arm", "seed", "status", "score", "goal", "scale"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def tuning_scores(source: Any) -> pd.DataFrame:
    """Return the tuning phase's validation scores of a `Results` or a `FigureInput`, by configuration.

    One row per trial with problem, arm, config, seed, status, score, goal, and a column per
    hyperparameter such as "optimizer.lr". Where nothing was tuned, the report phase's trials.
    """
    found = source_of(source)
    trials = found.tune
    hyper = hyperparameters(trials)
    keep = ["problem", "arm", "config", "seed", "status", *hyper]
    score = trials[found.metric].astype(float) if found.metric in trials else math.nan
    frame = trials[keep].assign(score=score, goal=found.goal).reset_index(drop=True)
    frame["score"] = frame["score"].where(frame["status"] == "ok")
    return frame


def curve_frame(source: Any, metric: str) -> pd.DataFrame:
    """Return the report phase's learning curves of a `Results` or a `FigureInput`, long.

    Columns problem, arm, seed, status, step, seconds, value. `seconds` is the step times what one costs the
    arm by itself, where the sweep measured it ([report] costs); else the trial's share of its stack's time
    up to the step, which says nothing of the arm where others shared the stack. A trial without a curve has
    one row, without step and value, so that nobody who looks for a target forgets it.
    """
    found = source_of(source)
    values = found.curves[found.curves["metric"] == metric][["key", "step", "value"]]
    keep = ["key", "problem", "label", "seed", "status", "steps_done", "train_seconds"]
    frame = found.trials[keep].rename(columns={"label": "arm"}).merge(values, on="key", how="left")
    done = frame["steps_done"].where(frame["steps_done"] > 0)
    frame["seconds"] = frame["step"] / done * frame["train_seconds"]
    if found.step_costs:
        pairs = zip(frame["problem"], frame["arm"], strict=True)
        frame["seconds"] = frame["step"] * np.array([found.step_costs.get(pair, math.nan) for pair in pairs])
    return frame[["problem", "arm", "seed", "status", "step", "seconds", "value"]]


def prepared(frame: pd.DataFrame, goal: Words = None, scale: Words = None) -> pd.DataFrame:
    """Return the frame with every column of the long frame, and `cost`: lower is better, +inf diverged.

    A cost is NaN where the trial has no score; it is on the scale that differences are taken on. Raises
    ValueError where a column is missing, a word is unknown, or a trial is there twice.
    """
    lacking = [name for name in NEEDED if name not in frame]
    if lacking:
        raise ValueError(f"the frame has no column {lacking[0]!r}; it needs {', '.join(NEEDED)}")
    found = frame.reset_index(drop=True)
    twice = found.duplicated(["problem", "arm", "seed"])
    if twice.any():
        problem, arm, seed = (found[name][int(twice.argmax())] for name in ("problem", "arm", "seed"))
        raise ValueError(
            f"{arm} has two rows on {problem} with seed {seed}; keep one configuration per arm, as scores() "
            f"does"
        )
    values = found["score"].to_numpy(float)
    if "status" not in found:
        guessed = np.where(np.isnan(values), "missing", np.where(np.isinf(values), "diverged", "ok"))
        found["status"] = guessed
    if "data_set" not in found:
        found["data_set"] = found["problem"]
    found["goal"] = _words(found, "goal", goal, GOALS)
    found["scale"] = _words(found, "scale", scale, SCALES)
    status = found["status"].to_numpy(object)
    flat = (found["scale"] == "log").to_numpy() & (status == "ok") & (values <= 0)
    if flat.any():
        problem, value = found["problem"][flat.argmax()], values[flat.argmax()]
        raise ValueError(
            f"the log scale needs positive scores, got {value:g} on {problem}; give scale='linear'"
        )
    costs = np.full(len(found), np.nan)
    for way in dict.fromkeys(zip(found["goal"], found["scale"], strict=True)):
        here = (found["goal"] == way[0]).to_numpy() & (found["scale"] == way[1]).to_numpy()
        costs[here] = stats.to_cost(values[here], *way)
    costs[status != "ok"] = np.nan
    costs[(status == "diverged") | ((status == "ok") & np.isinf(values))] = math.inf
    found["score"], found["cost"] = values, costs
    return found


def _words(frame: pd.DataFrame, name: str, given: Words, known: Sequence[str]) -> Any:
    """Return the column of goals or scales: what is given, else the frame's own, else the first known."""
    if isinstance(given, Mapping):
        column = frame["problem"].map(lambda problem: given.get(problem, known[0]))
    elif given is None and name in frame:
        column = frame[name]
    else:
        column = frame["problem"].map(lambda _: given or known[0])
    for word in column.unique():
        if word not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {word!r}")
    return column


def wide(found: pd.DataFrame, problem: str, column: str = "cost") -> pd.DataFrame:
    """Return one problem's column of a prepared frame by seed (rows) and arm, both in their given order.

    A trial that is not there is NaN, or "missing" in the column `status`.
    """
    import pandas as pd

    arms = {arm: place for place, arm in enumerate(dict.fromkeys(found["arm"]))}
    mine = found[found["problem"] == problem]
    seeds = {seed: place for place, seed in enumerate(dict.fromkeys(mine["seed"]))}
    # Placing the values by hand is ten times as fast as a pivot, which would sort besides.
    texts = column == "status"
    table = np.full((len(seeds), len(arms)), "missing" if texts else np.nan, object if texts else float)
    table[mine["seed"].map(seeds), mine["arm"].map(arms)] = mine[column]
    return pd.DataFrame(table, index=list(seeds), columns=list(arms))


def by_problem(found: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the costs of every problem of a prepared frame, by seed and arm."""
    return {problem: wide(found, problem) for problem in dict.fromkeys(found["problem"])}
