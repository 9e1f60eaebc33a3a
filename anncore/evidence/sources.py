"""From a sweep's results, or from what a figure is handed, to the long frames of this package."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.columns import is_hyperparameter
from anncore.contract.kinds import FigureInput
from anncore.contract.shown import shortened
from anncore.evidence.frame import LEFT_OUT, LONG, NOT_CHOSEN, Layout, long_frame
from anncore.evidence.measures import Measure
from anncore.evidence.study import Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["curve_frame", "scores", "tuning_scores"]


class Source(NamedTuple):
    """What a `Results` and a `FigureInput` both hold; `trials` are the report's, with their `label`."""

    trials: pd.DataFrame
    tune: pd.DataFrame  # the report's own trials where nothing was tuned
    curves: pd.DataFrame
    selection: pd.DataFrame
    layout: Layout
    metric: str
    goal: str
    tuned: bool
    options: Mapping[str, Any]
    step_costs: Mapping[tuple[str, str], float]  # seconds by problem and arm, where they were measured
    memory: dict[Any, Any]  # what was computed of it already, by what it is


def source_of(source: Any) -> Source:
    """Return a `Results`, a `Study` or a `FigureInput` as a `Source`."""
    if isinstance(source, FigureInput):
        return _known_figure(source)
    if not hasattr(source, "experiment") or not hasattr(source, "trials"):
        raise TypeError(
            "tables are made of what sweep or load_run returned, or of a FigureInput, got "
            f"{shortened(repr(source), 60)}; load_run(DIR) reads a run folder"
        )
    study = source if isinstance(source, Study) else Study(source)
    return remembered(study.memory, Source, lambda: _of_study(study))


def remembered(memory: dict[Any, Any], name: Any, compute: Callable[[], Any]) -> Any:
    """Return what was computed under this name, now or before; nobody may change it."""
    if name not in memory:
        memory[name] = compute()
    return memory[name]


def _of_study(study: Study) -> Source:
    rule = study.experiment.select
    return Source(
        trials=study.trials,
        tune=study.tune if study.tuned else study.trials,
        curves=study.curves,
        selection=study.results.selection,
        layout=Layout(study.measures, study.dataset_of, study.arms, study.seeds, study.lost, study.own_seeds),
        metric=rule.metric,
        goal=rule.goal,
        tuned=study.tuned,
        options=study.options,
        step_costs={pair: cost.seconds for pair, cost in study.step_costs.items()},
        memory=study.memory,
    )


def _known_figure(source: FigureInput) -> Source:
    """Return the source of these very data, made once: a copy with other data has the same memory."""
    made_of = source.trials, source.curves, source.report, source.options
    known = source.memory.get(Source)
    if known is None or any(mine is not its for mine, its in zip(made_of, known[0], strict=True)):
        known = source.memory[Source] = (made_of, _of_figure(source))
    found: Source = known[1]
    return found


def _of_figure(source: Any) -> Source:
    import pandas as pd

    content, trials = source.report, source.trials
    rule, seeds = content["select"], content["seeds"]["report"]
    steps = content["provenance"]["train"]["steps"] or 0
    measures = {
        problem: Measure(
            measure["column"], measure["goal"], measure["scale"], content["unit"], measure["floor"], steps
        )
        for problem, measure in content["measures"].items()
    }
    lost = {
        (problem, row["arm"]): status
        for problem, board in content["leaderboard"]["problems"].items()
        for row in board
        if (status := _never_ran(row))
    }
    report = trials[trials["phase"] == "report"]
    costs = content["costs"] or ()
    own = {}
    if "judged" in content["provenance"]:  # from elsewhere: problems may differ in their seeds
        there = {str(name): set(mine["seed"]) for name, mine in report.groupby("problem", sort=False)}
        own = {name: tuple(seed for seed in seeds if seed in mine) for name, mine in there.items()}
    return Source(
        trials=report,
        tune=trials[trials["phase"] == "tune"] if rule["tuned"] else report,
        curves=source.curves,
        selection=pd.DataFrame(content["selection"]),
        layout=Layout(measures, content["data_sets"], content["arms"], seeds, lost, own),
        metric=rule["metric"],
        goal=rule["goal"],
        tuned=rule["tuned"],
        options=source.options,
        step_costs={(row["problem"], row["arm"]): row["seconds"] for row in costs},
        memory={},
    )


def _never_ran(row: Mapping[str, Any]) -> str:
    """Return the status of an arm's trials on a problem that will not run; "" where they ran or may run."""
    if row["note"]:
        return "diverged" if row["diverged"] else NOT_CHOSEN
    return LEFT_OUT if row["left_out"] else ""


def scores(source: Any) -> pd.DataFrame:
    """Return the report phase's test scores of a `Results` or a `FigureInput` as the long frame.

    Every (problem, arm, seed) has a row; a trial that has not run has the status "not run". Where
    nothing was tuned, an arm with several configurations is as many arms, as in the report. On a function
    whose value is at or below its floor, the score is the floor times the share of the steps that it took to
    reach it.
    """
    if isinstance(source, Study):
        return source.frame[list(LONG)]
    content = source_of(source)
    frame: pd.DataFrame = remembered(
        content.memory, scores, lambda: long_frame(content.trials, content.layout)[list(LONG)]
    )
    return frame.copy()


def tuning_scores(source: Any) -> pd.DataFrame:
    """Return the tuning phase's validation scores of a `Results` or a `FigureInput`, by configuration.

    One row per trial with problem, arm, config, seed, status, score, goal, and a column per
    hyperparameter such as "optimizer.lr". Where nothing was tuned, the report phase's trials.
    """
    content = source_of(source)
    trials = content.tune
    hyper = [name for name in trials.columns if is_hyperparameter(name)]
    keep = ["problem", "arm", "config", "seed", "status", *hyper]
    score = trials[content.metric].astype(float) if content.metric in trials else math.nan
    frame = trials[keep].assign(score=score, goal=content.goal).reset_index(drop=True)
    frame["score"] = frame["score"].where(frame["status"] == "ok")
    return frame


def curve_frame(source: Any, metric: str) -> pd.DataFrame:
    """Return the report phase's learning curves of a `Results` or a `FigureInput`, long.

    Columns problem, arm, seed, status, step, seconds, value. `seconds` is the step times what one costs the
    arm by itself, where the sweep measured it ([report] costs); else the trial's share of its stack's time
    up to the step, which says nothing of the arm where others shared the stack. A trial without a curve has
    one row without step and value, so that it counts where a target is looked for.
    """
    content = source_of(source)
    frame: pd.DataFrame = remembered(
        content.memory, (curve_frame, metric), lambda: _curve_frame(content, metric)
    )
    return frame.copy()


def _curve_frame(content: Source, metric: str) -> pd.DataFrame:
    values = content.curves[content.curves["metric"] == metric][["key", "step", "value"]]
    keep = ["key", "problem", "label", "seed", "status", "steps_done", "train_seconds"]
    frame = content.trials[keep].rename(columns={"label": "arm"}).merge(values, on="key", how="left")
    done = frame["steps_done"].where(frame["steps_done"] > 0)
    frame["seconds"] = frame["step"] / done * frame["train_seconds"]
    if content.step_costs:
        pairs = zip(frame["problem"], frame["arm"], strict=True)
        seconds = [content.step_costs.get(pair, math.nan) for pair in pairs]
        frame["seconds"] = frame["step"] * np.array(seconds)
    return frame[["problem", "arm", "seed", "status", "step", "seconds", "value"]]
