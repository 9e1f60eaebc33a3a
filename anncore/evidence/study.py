"""From a sweep's frames to what is compared: arms, problems, the measure of each, and costs.

A `Study` reads a `Results` once and answers the questions that tables, findings and figures share, so
that all of them count the same trials. It computes no statistics and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.contract.hyperparameters import Interval
from anncore.contract.kinds import TASKS
from anncore.evidence import stats
from anncore.evidence.always_valid import level_at
from anncore.evidence.stats import LEVEL
from anncore.evidence.units import DATA_SETS, FUNCTIONS, VARIANTS, metric_words

if TYPE_CHECKING:
    import pandas as pd

    from anncore.evidence.results import Cost

BLOCKING = ("failed", "timeout", "crashed")


@dataclass(frozen=True)
class Measure:
    """How one problem is scored: the trials' column, which way is better, and the scale of differences.

    scale "log": positive and lower is better, compared by ratios; "unit": a share in [0, 1], compared in
    points; "linear": anything else.
    """

    column: str
    goal: str
    scale: str
    unit: str = DATA_SETS

    @property
    def label(self) -> str:
        """The column in words: "test loss", or what it is called on functions."""
        return metric_words(self.column, self.unit)

    def cost(self, values: Any) -> Any:
        """Return values so that lower is better and differences are on the scale."""
        return stats.to_cost(values, self.goal, self.scale)


class Study:
    """A sweep's results as the report compares them.

    `arms` are the labels under comparison in the experiment's order. Where nothing was tuned, an arm with
    several configurations enters once per configuration: choosing among them by their test score would
    flatter it. `problems` are what they are compared on.

    Trials with a status that [report] waive names are counted as diverged, the worst there is, throughout;
    `results.trials` has what really became of them.
    """

    def __init__(self, results: Any) -> None:
        self.results = results
        self.experiment = results.experiment
        self.waived = tuple(results.experiment.document.get("report", {}).get("waive", ()))
        self.all_trials: pd.DataFrame = results.trials
        if self.waived:
            status = results.trials["status"]
            self.all_trials = results.trials.assign(status=status.mask(status.isin(self.waived), "diverged"))
        self.curves: pd.DataFrame = results.curves
        self.problems: tuple[str, ...] = tuple(results.plan.problems)
        self._frames: dict[tuple[str, str], pd.DataFrame] = {}
        self.tuned = bool((results.trials["phase"] == "tune").any())

    @cached_property
    def tune(self) -> pd.DataFrame:
        """The trials of the tuning phase."""
        return self.all_trials[self.all_trials["phase"] == "tune"]

    @cached_property
    def trials(self) -> pd.DataFrame:
        """The report phase's trials, with the compared label in the column `label`."""
        trials = self.all_trials[self.all_trials["phase"] == "report"].copy()
        several = set() if self.tuned else set(self._with_several_configs(trials))
        trials["label"] = [
            f"{arm} ({config})" if arm in several and config else arm
            for arm, config in zip(trials["arm"], trials["config"], strict=True)
        ]
        return trials

    def _with_several_configs(self, trials: pd.DataFrame) -> list[str]:
        counts = trials.groupby(["problem", "arm"], sort=False)["config"].nunique()
        return [str(arm) for arm in counts[counts > 1].index.get_level_values("arm")]

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The labels under comparison, in the experiment's order."""
        found: list[str] = []
        for arm in self.results.plan.arms:
            labels = dict.fromkeys(self.trials.loc[self.trials["arm"] == arm, "label"])
            found.extend(labels or [arm])
        return tuple(dict.fromkeys(found))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the report phase."""
        return tuple(self.experiment.report_seeds)

    @property
    def options(self) -> Mapping[str, Any]:
        """The experiment's [report] table."""
        return self.experiment.document.get("report", {})

    @property
    def control(self) -> str | None:
        """The arm that the experiment's [report] table names as control, if it takes part."""
        control = self.options.get("control")
        return str(control) if control in self.arms else None

    @property
    def sequential(self) -> bool:
        """Whether report seeds came in rounds, so that the claims were looked at again and again."""
        return self.experiment.rounds is not None

    @property
    def unit(self) -> str:
        """What the problems are, in the plural: "data sets", or "functions" where these are minimised."""
        return FUNCTIONS if "objective" in self.all_trials else DATA_SETS

    @property
    def problem_unit(self) -> str:
        """What the problems are where they are counted one by one: "variants" if data sets have several."""
        return VARIANTS if len(set(self.dataset_of.values())) < len(self.problems) else self.unit

    @property
    def level(self) -> float:
        """The level of the interval of each score, so that those of all looks hold together at 95 %."""
        rounds = self.experiment.rounds
        return LEVEL if rounds is None else level_at(len(rounds.looks))

    @cached_property
    def dataset_of(self) -> dict[str, str]:
        """The data set's or objective's label of each problem: its variants are no independent evidence."""
        pairs = self.all_trials.drop_duplicates("problem")
        kind = "objective" if "objective" in pairs else "dataset"
        found = dict(zip(pairs["problem"].map(str), pairs[kind].map(str), strict=True))
        return {problem: found.get(problem, problem) for problem in self.problems}

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """How each problem is scored."""
        return {problem: self._measure(problem) for problem in self.problems}

    def _measure(self, problem: str) -> Measure:
        mine = self.trials[self.trials["problem"] == problem]
        name = self.experiment.select.metric.split("_", 1)[-1]
        goal = self.experiment.select.goal
        if f"test_{name}" not in mine or not mine[f"test_{name}"].notna().any():
            for primary in self._primary_metrics():
                column = f"test_{primary.name}"
                if column in mine and mine[column].notna().any():
                    name, goal = primary.name, primary.cls.goal
                    break
        column = f"test_{name}"
        values = mine[column].to_numpy(float) if column in mine else np.array([])
        finite = values[np.isfinite(values)]
        return Measure(column, goal, self._scale(name, goal, finite), self.unit)

    def _primary_metrics(self) -> list[Any]:
        found = []
        for task in TASKS:
            try:
                found.append(self.experiment.registry.primary_metric(task))
            except Exception:
                continue
        return found

    def _scale(self, name: str, goal: str, finite: Any) -> str:
        bounds = "[0, inf)"
        for metric in self.experiment.registry.of_kind("metric"):
            if metric.name == name:
                bounds = metric.cls.bounds
        limits = Interval.parse(bounds)
        if limits.low == 0 and limits.high == 1:
            return "unit"
        positive = len(finite) > 0 and bool((finite > 0).all())
        return "log" if goal == "min" and limits.low == 0 and positive else "linear"

    def values(self, problem: str, column: str | None = None) -> pd.DataFrame:
        """Return a metric by seed (rows) and arm (columns): NaN where a trial has none."""
        column = column or self.measures[problem].column
        return self._kept(problem, f"values of {column}", lambda: self._wide(problem, column))

    def statuses(self, problem: str) -> pd.DataFrame:
        """Return the trials' statuses by seed and arm; "missing" where a trial has not run."""
        return self._kept(problem, "statuses", lambda: self._statuses(problem))

    def _statuses(self, problem: str) -> pd.DataFrame:
        wide = self._wide(problem, "status")
        return wide.where(wide.notna(), "missing")

    def costs(self, problem: str) -> pd.DataFrame:
        """Return costs by seed and arm: lower is better, +inf diverged, NaN failed or missing."""
        return self._kept(problem, "costs", lambda: self._costs(problem))

    def _kept(self, problem: str, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return a frame that was made before, or make it; whoever gets it must not change it."""
        if (problem, name) not in self._frames:
            self._frames[problem, name] = make()
        return self._frames[problem, name]

    def _costs(self, problem: str) -> pd.DataFrame:
        statuses = self.statuses(problem)
        costs = self.values(problem).astype(float)
        costs[:] = self.measures[problem].cost(costs.to_numpy())
        costs = costs.where(statuses == "ok")
        return costs.mask(statuses == "diverged", math.inf)

    def _wide(self, problem: str, column: str) -> pd.DataFrame:
        mine = self.trials[self.trials["problem"] == problem].drop_duplicates(["seed", "label"])
        if column not in mine:
            mine = mine.assign(**{column: np.nan})
        wide = mine.set_index(["seed", "label"])[column].unstack()  # noqa: PD010 - texts cannot be pivoted
        return wide.reindex(index=list(self.seeds), columns=list(self.arms))

    @cached_property
    def step_costs(self) -> dict[tuple[str, str], Cost]:
        """What a step costs by problem and label, where it was measured."""
        told = self.trials.drop_duplicates(["problem", "arm", "config"])
        labels = told.set_index(["problem", "arm", "config"])["label"].to_dict()
        found = {}
        for cost in getattr(self.results, "costs", ()):
            if (cost.problem, cost.arm, cost.config) in labels:
                found[cost.problem, str(labels[cost.problem, cost.arm, cost.config])] = cost
        return found

    def blocked(self, problem: str) -> dict[str, str]:
        """Return the arms that no claim may rest on, with the reason."""
        statuses = self.statuses(problem)
        found = {}
        for arm in self.arms:
            column = statuses[arm].tolist()
            parts = [
                f"{column.count(status)} {status}" for status in (*BLOCKING, "missing") if status in column
            ]
            if parts:
                found[arm] = f"{', '.join(parts)} of {len(column)} trials"
        return found

    def by_data_set(self) -> tuple[pd.DataFrame, str]:
        """Return costs by data set (rows) and arm, and their common scale; see `unit_costs`."""
        costs = {problem: self.costs(problem) for problem in self.problems}
        scales = {problem: measure.scale for problem, measure in self.measures.items()}
        return unit_costs(costs, scales, self.dataset_of)


def unit_costs(
    costs: Mapping[str, pd.DataFrame], scales: Mapping[str, str], data_sets: Mapping[str, str]
) -> tuple[pd.DataFrame, str]:
    """Return costs by data set (rows) and arm, averaged over seeds first, and their common scale.

    costs: by problem, a row per seed, a column per arm. One diverged seed makes the mean infinite: the arm
    loses that data set to any arm that finished. Scales that differ, or plain numbers of unlike units, are
    put on "range": 0 the best arm's mean, 1 the worst finite one's. Variants of one data set are averaged
    last, as they are no independent evidence.
    """
    import pandas as pd

    known = set(scales.values())
    common = known.pop() if len(known) == 1 else "range"
    if common == "linear" and len(costs) > 1:
        common = "range"
    rows = {}
    for problem, table in costs.items():
        means = table.mean(axis=0, skipna=False)
        if common == "range":
            finite = means[np.isfinite(means.to_numpy(float))]
            low = finite.min() if len(finite) else 0.0
            width = (finite.max() - low) if len(finite) else 0.0
            means = (means - low) / (width or 1.0)
        rows[problem] = means
    frame = pd.DataFrame(rows).T
    if not len(frame):
        return frame, common
    frame = frame.reindex(columns=list(next(iter(costs.values())).columns))
    groups = [data_sets[problem] for problem in frame.index]
    return frame.groupby(groups, sort=False).mean(skipna=False), common
