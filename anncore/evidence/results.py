"""Results: what a sweep found, as tidy data frames built from the store."""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.engine_version import environment_digest
from anncore.contract.float_maps import numbers_in
from anncore.contract.kind_names import SECTIONS
from anncore.contract.problem_kinds import problem_in
from anncore.contract.shown import Shown, listed
from anncore.contract.trial import PlannedRow, TrialResult
from anncore.engine.datasets import Shapes
from anncore.engine.decision_maps import DecisionMap
from anncore.engine.snapshots import Snapshot
from anncore.evidence.curves import metrics_in_order

if TYPE_CHECKING:
    import pandas as pd

    from anncore.evidence.looks import PastLook
    from anncore.experiment.model import Experiment


class PlanSummary(NamedTuple):
    """What results need to know of their plan: arms and problems in order, counts, and what ran unchecked.

    rows: by problem how many rows its splits have and whether all seeds share them; nothing of functions, and
    of results whose plan did not say.
    """

    arms: tuple[str, ...]
    problems: tuple[str, ...]
    counts: Mapping[str, int]
    unchecked: tuple[str, ...] = ()
    rows: Mapping[str, Shapes] = {}


class Cost(NamedTuple):
    """Seconds that one step of one trial takes: the least of some turns, their median and upper quartile.

    trials: how many the arm's stack held. An arm without a cost raised something.
    """

    problem: str
    arm: str
    config: str
    seconds: float
    median: float
    high: float
    trials: int


@dataclass(frozen=True, repr=False)
class Results(Shown):
    """What a sweep found. Only trials of its plan are in it, and only those that have a result.

    trials: one row per trial in plan order: key, phase, status, problem, arm, config, a column per kind
    with its label, hyperparameters as "optimizer.lr" (lists as JSON), seed, metrics as "valid_loss",
    steps_done, stopped, error, environment (the digest of one of `environments`), train_seconds. Two arms
    that come to the same trial share its key.
    curves: long, key, step, metric, value, once per key. selection: see `selection.select`; without rows
    where nothing was tuned, or where tuning is not finished. stopped: why the sweep ended early, else "".
    maps: by key what a report trial learned (`decision_maps.py`), for classes told apart by two features; a
    trial that did not end well has none, nor has one whose result comes from before there were maps.
    snapshots: by key what the network of a report trial shows of itself (`snapshots.py`).
    past: the reports that the run folder remembers, the earliest first.
    moments: by key and step the maps along the way, where [report] maps_at asks for it.
    costs: what a step of each arm costs by itself, where [report] costs asks for it.
    environments: by their text (`numeric_environment`), how many of the trials ran in each; results of an
    older annx, and of trials that were lost with their worker, name none. unchecked: full names of the
    components that ran without passing the kit's checks first. planned: the rows of all trials, with and
    without a result, in plan order; the report's are among them once tuning is finished. None where nobody
    knows them.
    """

    experiment: Experiment
    plan: PlanSummary
    trials: pd.DataFrame
    curves: pd.DataFrame
    selection: pd.DataFrame
    stopped: str = ""
    maps: Mapping[str, DecisionMap] = field(default_factory=dict)
    costs: tuple[Cost, ...] = ()
    environments: Mapping[str, int] = field(default_factory=dict)
    unchecked: tuple[str, ...] = ()
    planned: tuple[PlannedRow, ...] | None = None
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    moments: Mapping[str, Mapping[int, DecisionMap]] = field(default_factory=dict)
    past: tuple[PastLook, ...] = ()

    def _title(self) -> str:
        return f"{type(self).__name__} of {self.experiment.name!r}"

    def _facts(self) -> dict[str, object]:
        statuses = self.trials["status"].value_counts()
        return {
            "arms": listed(self.plan.arms),
            "problems": listed(self.plan.problems),
            "trials": ", ".join(f"{count} {status}" for status, count in statuses.items()) or "none",
            "to do": self.missing or "",
            "stopped": self.stopped,
        }

    @property
    def missing(self) -> int:
        """The number of planned trials without a result; nothing is planned where nothing was chosen."""
        left_out = int((self.selection["n_ok"] == 0).sum()) * len(self.experiment.report_seeds)
        return self.plan.counts["total"] - len(self.trials) - left_out

    @property
    def failures(self) -> int:
        """The number of trials that failed, crashed or timed out; diverging is a result."""
        return int((~self.trials["status"].isin(["ok", "diverged"])).sum())


def trials_frame(
    rows: Sequence[PlannedRow], results: Mapping[str, TrialResult] | Iterable[TrialResult]
) -> pd.DataFrame:
    """Return one row per planned trial that has a result, in the order of `rows`; see `Results`."""
    import pandas as pd

    labelled = {kind for labels in {id(row.labels): row.labels for row in rows}.values() for kind in labels}
    # Columns must not depend on how far it is, so that what has not run counts for those.
    ended = _Ended(results.values() if isinstance(results, Mapping) else results)
    rows = [row for row in rows if row.key in ended.places]
    at = np.array([ended.places[row.key] for row in rows], np.int64)
    kinds, of = _kinds(rows)
    columns: dict[str, Any] = {
        "key": _texts(row.key for row in rows),
        "phase": _texts(kind.phase for kind in kinds).take(of),
        "status": _texts(ended.statuses[place] for place in at),
        "problem": _texts(kind.problem for kind in kinds).take(of),
        "arm": _texts(kind.arm for kind in kinds).take(of),
        "config": _texts(kind.config for kind in kinds).take(of),
    }
    for name in problem_in(labelled).kinds:
        columns[name] = _texts(kind.labels.get(name, "") for kind in kinds).take(of)
    for name in _hyperparameters(kinds):
        columns[name] = _column([kind.values.get(name) for kind in kinds]).take(of)
    columns["seed"] = np.array([row.seed for row in rows], np.int64)
    # Two trials of one key share a result; a result that no row has gives no column.
    metrics = {name: ended.values(name) for name in ended.metrics}
    for name in metrics_in_order(name for name, (_, given) in metrics.items() if given[at].any()):
        columns[name] = metrics[name][0][at]
    columns["steps_done"] = np.array(ended.steps, np.int64)[at]
    columns["stopped"] = _texts(ended.stopped[place] for place in at)
    columns["error"] = _texts(ended.errors[place] for place in at)
    columns["environment"] = _texts(ended.environments[place] for place in at)
    columns["train_seconds"] = np.array(ended.seconds, np.float64)[at]
    # Each has an index of its own, by which pandas would align them.
    return pd.DataFrame({name: getattr(column, "array", column) for name, column in columns.items()})


def _kinds(rows: Sequence[PlannedRow]) -> tuple[list[PlannedRow], Any]:
    """Return rows that differ in more than key and seed, and for each row which of these it is like."""
    places: dict[tuple[Any, ...], int] = {}
    kinds: list[PlannedRow] = []
    of = np.empty(len(rows), np.int64)
    for place, row in enumerate(rows):
        # The rows of one configuration have the very same labels and values.
        same = (row.phase, row.problem, row.arm, row.config, id(row.labels), id(row.values))
        if same not in places:
            places[same] = len(kinds)
            kinds.append(row)
        of[place] = places[same]
    return kinds, of


class _Ended:
    """Results column by column: of a hundred thousand, a dict of metrics each would take most memory."""

    def __init__(self, results: Iterable[TrialResult]) -> None:
        self.places: dict[str, int] = {}
        self.statuses: list[str] = []
        self.steps, self.seconds = array("q"), array("d")
        self.stopped: list[str] = []
        self.errors: list[str] = []
        self.environments: list[str] = []
        self._blocks: dict[tuple[str, ...], _Block] = {}
        digests: dict[str, str] = {}
        for result in results:
            place = self.places[result.key] = len(self.statuses)
            self.statuses.append(sys.intern(result.status))
            self.steps.append(result.steps_done)
            self.seconds.append(result.train_seconds)
            self.stopped.append(result.stopped)
            self.errors.append(result.error)
            if result.environment not in digests:
                digests[result.environment] = environment_digest(result.environment)
            self.environments.append(digests[result.environment])
            metrics = numbers_in(result.metrics)
            if metrics.names not in self._blocks:
                self._blocks[metrics.names] = _Block(array("q"), bytearray())
            block = self._blocks[metrics.names]
            block.places.append(place)
            block.values.extend(metrics.raw)
        self.metrics = list(dict.fromkeys(name for names in self._blocks for name in names))

    def values(self, name: str) -> tuple[Any, Any]:
        """Return a metric's values, NaN where a result has none, and which results have it."""
        values, given = np.full(len(self.statuses), math.nan), np.zeros(len(self.statuses), bool)
        for names, block in self._blocks.items():
            if name in names:
                places = np.array(block.places)
                table = np.frombuffer(block.values, "<f8").reshape(len(places), -1)
                values[places] = table[:, names.index(name)]
                given[places] = True
        return values, given


class _Block(NamedTuple):
    """The metrics of results that have the same ones, most often all of a sweep, one result after another."""

    places: array[int]
    values: bytearray  # eight bytes a number


def _texts(values: Iterable[str | None]) -> Any:
    import pandas as pd

    text: Any = pd.Series([""]).dtype  # the installed pandas' own idea of text
    return pd.Series(list(values), dtype=text)


def _hyperparameters(rows: Iterable[PlannedRow]) -> list[str]:
    """Return the hyperparameters' columns by kind, then in the order of their first appearance."""
    names = dict.fromkeys(name for row in rows for name in row.values)
    return sorted(names, key=lambda name: (*SECTIONS, name.partition(".")[0]).index(name.partition(".")[0]))


def _column(values: list[Any]) -> Any:
    """Return a hyperparameter's values as numbers, booleans or texts, NaN or NA where a trial has none."""
    import pandas as pd

    there = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in there):
        return np.array(values, bool) if len(there) == len(values) else pd.array(values, dtype="boolean")
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there):
        if len(there) == len(values) and all(isinstance(value, int) for value in there):
            return np.array(values, np.int64)
        return np.array([math.nan if value is None else value for value in values], np.float64)
    # The trials of a configuration have the very same values.
    others: dict[int, str] = {}
    for value in there:
        if not isinstance(value, str) and id(value) not in others:
            others[id(value)] = json.dumps(value)
    return _texts(others.get(id(value), value) for value in values)
