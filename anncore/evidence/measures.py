"""How one problem is scored: the column, which way is better, and the scale that differences are taken on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.contract import columns
from anncore.contract.errors import AnnxError
from anncore.contract.hyperparameters import Interval
from anncore.contract.kinds import TASKS
from anncore.contract.kinds.metrics import AnyMetric
from anncore.evidence import stats
from anncore.evidence.units import DATA_SETS, metric_words

if TYPE_CHECKING:
    import pandas as pd

    from anncore.experiment.model import Experiment

EPS = float(np.finfo(np.float64).eps)
WORTH = {"unit": 0.005, "log": 0.01}  # by scale, where a metric states nothing of its own


@dataclass(frozen=True)
class Measure:
    """How one problem is scored: the trials' column, which way is better, and the scale of differences.

    scale "log": positive and lower is better, compared by ratios; "unit": a share in [0, 1], compared in
    points; "linear": anything else.

    floor: for a function, the value at or below which a value is rounding; else 0. Values at or below it are
    equal, and the steps to reach it decide: see `scores`. steps: how many steps a trial makes.

    worth: the smallest difference worth having, in the metric's unit, on the scale "log" a relative change;
    None where none is stated.
    """

    column: str
    goal: str
    scale: str
    unit: str = DATA_SETS
    floor: float = 0.0
    steps: int = 0
    worth: float | None = None

    @property
    def rope(self) -> float | None:
        """The smallest difference worth having, on the scale."""
        return math.log1p(self.worth) if self.worth is not None and self.scale == "log" else self.worth

    @property
    def label(self) -> str:
        """The column in words: "test loss", or what it is called on functions."""
        return metric_words(self.column, self.unit)

    def cost(self, values: Any) -> Any:
        """Return scores so that lower is better and differences are on the scale."""
        return stats.to_cost(values, self.goal, self.scale)

    def scores(self, values: Any, floor_steps: Any) -> Any:
        """Return values as scores: what is above the floor stays, the rest is scored by its speed.

            floor · max(1, steps to reach it) / steps of a trial      where value ≤ floor

        So a trial that reaches the floor at its very last step scores the floor, one that takes half as
        many steps scores half of that, and every trial at the floor is ahead of all that are not. Where
        the steps are unknown (NaN) the score is the floor.
        """
        return at_floor(values, floor_steps, self.floor, self.steps)


def shared_rope(measures: Sequence[Measure], scale: str) -> float | None:
    """Return the smallest difference worth having on several problems together: the least of theirs.

    None where one of them states none, and on the scale "range", which is of no metric.
    """
    ropes = [measure.rope for measure in measures]
    stated = [rope for rope in ropes if rope is not None]
    return min(stated) if stated and len(stated) == len(ropes) and scale != "range" else None


def at_floor(values: Any, floor_steps: Any, floor: float, steps: int) -> Any:
    """Return `Measure.scores` of values with a floor of 0 or more."""
    values = np.asarray(values, dtype=float)
    if not floor:
        return values
    shares = np.clip(np.asarray(floor_steps, dtype=float), 1, None) / max(steps, 1)
    reached = floor * np.where(np.isnan(shares), 1.0, np.minimum(shares, 1.0))
    return np.where(values <= floor, reached, values)


def floors_of(experiment: Experiment) -> dict[str, float]:
    """Return by objective's label the value at or below which its values are rounding; empty without any.

    An objective declares it for float64; in float32 it is larger as that type's rounding is coarser.
    """
    coarser = float(np.finfo(experiment.train.dtype).eps) / EPS
    entries = experiment.entries.get("objective", ())
    classes = {entry.label: entry.component.cls for entry in entries if entry.component is not None}
    return {label: coarser * cls.floor for label, cls in classes.items()}


def with_floor_steps(trials: pd.DataFrame, curves: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """Return the trials with the column `floor_steps`; unchanged where no functions are minimised.

    It is the step of the first evaluation at which a report trial's value is at or below its floor, NaN
    where there is none. curves: those of the report's trials at least.
    """
    floors = floors_of(experiment)
    if not floors:
        return trials
    report = trials[trials["phase"] == "report"]
    limits = dict(zip(report["key"], report["objective"].map(floors), strict=True))
    values = curves[curves["metric"] == columns.metric_column("valid")]
    reached = values[values["value"] <= values["key"].map(limits)]
    first = reached.groupby("key")["step"].min().to_dict()
    steps = [first.get(key, math.nan) if key in limits else math.nan for key in trials["key"]]
    return trials.assign(**{columns.FLOOR_STEPS: np.array(steps, float)})


def measures_of(
    experiment: Experiment,
    trials: pd.DataFrame,
    tune: pd.DataFrame,
    data_sets: Mapping[str, str],
    unit: str,
) -> dict[str, Measure]:
    """Return how each problem is scored: on the test split, by the metric that configurations are chosen by.

    trials, tune: the phases'. Where a problem has no such metric, its task's primary metric takes its place;
    where its report trials have not run, tuning tells which it has.
    """
    floors = floors_of(experiment)
    parts, tuned = (dict(list(phase.groupby("problem", sort=False))) for phase in (trials, tune))
    nothing = trials.iloc[:0]
    measures = {}
    for problem, data_set in data_sets.items():
        mine = parts.get(problem, nothing)
        metric, goal = _metric_of(
            experiment, [(mine, "test"), (mine, "valid"), (tuned.get(problem, nothing), "valid")]
        )
        column, floor = columns.metric_column("test", metric), floors.get(data_set, 0.0)
        held = columns.metric_column("valid", metric)
        if _empty(mine, column) and not _empty(mine, held):  # [split] test = 0
            column = held
        elif column not in mine and metric in mine and mine[metric].dtype.kind in "biuf":
            column = metric  # scores from elsewhere are of no split; "loss" may be the label of a section
        values = at_floor(mine[column], math.nan, floor, 1) if column in mine else np.array([])
        scale = _scale(experiment, metric, goal, values[np.isfinite(values)])
        floor = floor if scale == "log" else 0.0
        worth = _worth(experiment, metric, scale)
        steps = experiment.train_of(problem).steps or 0
        measures[problem] = Measure(column, goal, scale, unit, floor, steps, worth)
    return measures


def _empty(trials: pd.DataFrame, column: str) -> bool:
    return column not in trials or bool(trials[column].isna().all())


def _metric_of(experiment: Experiment, phases: Sequence[tuple[pd.DataFrame, str]]) -> tuple[str, str]:
    """Return a metric's name and goal: what was selected by, else the first primary one with values.

    phases: one problem's trials with the split to look at, the telling ones first.
    """
    name = columns.parse_metric(experiment.select.metric)[1]
    for trials, split in phases:
        with_values = {
            metric
            for metric in (name, *(primary.name for primary in _primary_metrics(experiment)))
            if (column := columns.metric_column(split, metric)) in trials and trials[column].notna().any()
        }
        if name in with_values:
            break
        for primary in _primary_metrics(experiment):
            if primary.name in with_values:
                return primary.name, primary.cls.goal
    return name, experiment.select.goal


def _primary_metrics(experiment: Experiment) -> list[Any]:
    primary = []
    for task in TASKS:
        try:
            primary.append(experiment.registry.primary_metric(task))
        except (AnnxError, StopIteration):  # nothing installed is the headline metric of such a task
            continue
    return primary


def _worth(experiment: Experiment, name: str, scale: str) -> float | None:
    """Return the smallest difference worth having: the file's, the metric's own, or what its scale says."""
    stated = experiment.document.get("report", {}).get("rope")
    if stated is not None:
        return float(stated)
    cls = _metric_class(experiment, name)
    # A relative change says nothing where values of 0 or below do not admit ratios.
    stated = None if cls is None or (scale == "linear" and _admits_ratios(cls)) else cls.worth
    return WORTH.get(scale) if stated is None else stated


def _scale(experiment: Experiment, name: str, goal: str, finite: Any) -> str:
    cls = _metric_class(experiment, name)
    limits = Interval.parse("[0, inf)" if cls is None else cls.bounds)
    if limits.low == 0 and limits.high == 1:
        return "unit"
    positive = bool((finite > 0).all())  # also of none: where nothing has run, nothing speaks against it
    return "log" if goal == "min" and limits.low == 0 and positive else "linear"


def _admits_ratios(cls: type[AnyMetric]) -> bool:
    """Whether a metric is compared by ratios where all its values are positive."""
    limits = Interval.parse(cls.bounds)
    return cls.goal == "min" and limits.low == 0 and limits.high != 1


def _metric_class(experiment: Experiment, name: str) -> type[AnyMetric] | None:
    """Return the metric of that name; None for a loss."""
    named = [known.cls for known in experiment.registry.of_kind("metric") if known.name == name]
    return named[-1] if named else None
