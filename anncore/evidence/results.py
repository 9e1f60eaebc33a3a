"""Results: what a sweep found, as tidy data frames built from the store."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anncore.contract.columns import LOSS, SPLITS, parse_metric
from anncore.contract.engine_version import environment_digest
from anncore.contract.kind_names import SECTIONS
from anncore.contract.problem_kinds import problem_in
from anncore.contract.shown import Shown, listed
from anncore.contract.trial import PlannedRow, TrialResult
from anncore.engine.datasets import Shapes
from anncore.engine.decision_maps import DecisionMap
from anncore.engine.snapshots import Snapshot

if TYPE_CHECKING:
    import pandas as pd

    from anncore.evidence.looks import PastLook
    from anncore.experiment.model import Experiment

CSV_ROWS = 50_000  # written at a time
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula's beginning


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

    labelled = {kind for row in rows for kind in row.labels}  # also of what has not run: columns must not
    ended = _Ended(results.values() if isinstance(results, Mapping) else results)  # depend on how far it is
    rows = [row for row in rows if row.key in ended.places]
    at = np.array([ended.places[row.key] for row in rows], np.int64)
    columns: dict[str, Any] = {
        "key": _texts(row.key for row in rows),
        "phase": _texts(row.phase for row in rows),
        "status": _texts(ended.statuses[place] for place in at),
        "problem": _texts(row.problem for row in rows),
        "arm": _texts(row.arm for row in rows),
        "config": _texts(row.config for row in rows),
    }
    for kind in problem_in(labelled).kinds:
        columns[kind] = _texts(row.labels.get(kind, "") for row in rows)
    for name in _hyperparameters(rows):
        columns[name] = _column([row.values.get(name) for row in rows])
    columns["seed"] = np.array([row.seed for row in rows], np.int64)
    # Two trials of one key share a result; a result that no row has gives no column.
    metrics = {name: ended.values(name) for name in ended.metrics}
    for name in _in_order(name for name, (_, given) in metrics.items() if given[at].any()):
        columns[name] = metrics[name][0][at]
    columns["steps_done"] = np.array(ended.steps, np.int64)[at]
    columns["stopped"] = _texts(ended.stopped[place] for place in at)
    columns["error"] = _texts(ended.errors[place] for place in at)
    columns["environment"] = _texts(ended.environments[place] for place in at)
    columns["train_seconds"] = np.array(ended.seconds, np.float64)[at]
    return pd.DataFrame(columns)


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
            names = tuple(result.metrics)
            if names not in self._blocks:
                self._blocks[names] = _Block(array("q"), array("d"))
            block = self._blocks[names]
            block.places.append(place)
            block.values.extend(result.metrics.values())
        self.metrics = list(dict.fromkeys(name for names in self._blocks for name in names))

    def values(self, name: str) -> tuple[Any, Any]:
        """Return a metric's values, NaN where a result has none, and which results have it."""
        values, given = np.full(len(self.statuses), math.nan), np.zeros(len(self.statuses), bool)
        for names, block in self._blocks.items():
            if name in names:
                places = np.array(block.places)
                values[places] = np.array(block.values).reshape(len(places), -1)[:, names.index(name)]
                given[places] = True
        return values, given


class _Block(NamedTuple):
    """The metrics of results that have the same ones, most often all of a sweep, one result after another."""

    places: array[int]
    values: array[float]


def _texts(values: Iterable[str | None]) -> Any:
    import pandas as pd

    text: Any = pd.Series([""]).dtype  # the installed pandas' own idea of text
    return pd.Series(list(values), dtype=text)


def _hyperparameters(rows: Iterable[PlannedRow]) -> list[str]:
    """Return the hyperparameters' columns by kind, then in the order of their first appearance."""
    names = dict.fromkeys(name for row in rows for name in row.values)
    return sorted(names, key=lambda name: (*SECTIONS, name.partition(".")[0]).index(name.partition(".")[0]))


def _metrics(results: Iterable[TrialResult]) -> list[str]:
    """Return the metrics' columns of results; see `_in_order`."""
    return _in_order({name for result in results for name in result.metrics})


def _in_order(names: Iterable[str]) -> list[str]:
    """Return metrics' columns, losses first, each on train, valid and test; then what has no split."""
    order = {split: place for place, split in enumerate(SPLITS)}

    def place(name: str) -> tuple[bool, bool, str, int, str]:
        split, metric = parse_metric(name)
        counted = re.sub(r"\d+", lambda digits: digits[0].zfill(9), metric)  # x.2 comes before x.10
        return metric != LOSS, not split, counted, order.get(split, len(SPLITS)), name

    return sorted(names, key=place)


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
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return _texts(texts)


def curves_frame(
    results: Iterable[TrialResult],
    keys: Iterable[str],
    *,
    most: float = math.inf,
    spared: Container[str] = (),
) -> pd.DataFrame:
    """Return the curves of all results, long, in the order of `keys`; each by metric, then step.

    Where they hold more than `most` values, each curve keeps its first and last evaluation and every second
    one between, or every fourth, eighth, ..., the fewest that it takes. Those of the keys that are `spared`
    are thinned only where they alone hold too many; the others go down to two evaluations then.
    """
    import pandas as pd

    values: dict[str, tuple[_Layout, Any]] = {}
    layouts: dict[tuple[Any, ...], _Layout] = {}  # most trials have metrics and steps in common
    for result in results:
        same = (tuple(result.curves), result.steps)
        if same not in layouts:
            names = _metrics([result._replace(metrics=dict.fromkeys(result.curves, 0.0))])
            layouts[same] = _Layout(tuple(names), result.steps)
        layout = layouts[same]
        flat = np.array([result.curves[name] for name in layout.names], np.float64).reshape(-1)
        values[result.key] = layout, flat
    if most < math.inf:
        whole = [key for key in values if key in spared]
        left = most - _thin(values, whole, most)
        _thin(values, [key for key in values if key not in spared], left)
    order = [key for key in keys if key in values]
    lengths = [len(values[key][1]) for key in order]
    empty = np.array([], np.float64)
    step = np.concatenate([empty.astype(np.int64), *(values[key][0].step for key in order)])
    value = np.concatenate([empty, *(values[key][1] for key in order)])
    metric = np.concatenate([empty.astype(object), *(values[key][0].metric for key in order)])
    del values
    text: Any = pd.Series([""]).dtype
    return pd.DataFrame(
        {
            "key": pd.array(np.repeat(np.array(order, object), lengths), dtype=text, copy=False),
            "step": step,
            "metric": pd.array(metric, dtype=text, copy=False),
            "value": value,
        },
        copy=False,
    )


class _Layout:
    """Which metrics and steps the values of a trial's curves have, in their order."""

    def __init__(self, names: tuple[str, ...], steps: tuple[int, ...]) -> None:
        self.names, self.steps = names, steps
        self.metric = np.repeat(np.array(names, object), len(steps))
        self.step = np.tile(np.array(steps, np.int64), len(names))
        self._thinned: dict[int, tuple[_Layout, Any]] = {}

    def thinned(self, every: int) -> tuple[_Layout, Any]:
        """Return the layout of every so many evaluations and the last, and which of the values these are."""
        if every not in self._thinned:
            number = len(self.steps)
            at = sorted({*range(0, number, every), number - 1}) if number else []
            places = (np.arange(len(self.names))[:, None] * number + np.array(at, np.int64)).reshape(-1)
            self._thinned[every] = _Layout(self.names, tuple(self.steps[place] for place in at)), places
        return self._thinned[every]


def _thin(values: dict[str, tuple[_Layout, Any]], keys: Sequence[str], most: float) -> int:
    """Thin the curves of some keys until they hold at most so many values; return how many they hold."""
    number = Counter(values[key][0] for key in keys)
    longest = max((len(layout.steps) for layout in number), default=0)
    every = 1
    while every < longest and _held(number, every) > most:
        every *= 2
    if every > 1:
        for key in keys:
            layout, flat = values[key]
            thinned, places = layout.thinned(every)
            values[key] = thinned, flat[places]
    return _held(number, every)


def _held(number: Counter[_Layout], every: int) -> int:
    return sum(count * len(layout.thinned(every)[1]) for layout, count in number.items())


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return a frame as CSV, with every digit; texts that a spreadsheet would run get an apostrophe."""
    return b"".join(csv_chunks(frame))


def csv_chunks(frame: pd.DataFrame) -> Iterator[bytes]:
    """Yield what `to_csv` returns piece by piece, so that a long frame's text need not be held whole."""
    columns = [_cells(frame.iloc[:, place]) for place in range(frame.shape[1])]
    head = ",".join(map(_quoted, frame.columns)) + "\n"
    for start in range(0, max(len(frame), 1), CSV_ROWS):
        cells = (column(slice(start, start + CSV_ROWS)) for column in columns)
        lines = [",".join(row) + "\n" for row in zip(*cells, strict=True)]
        yield "".join([head if start == 0 else "", *lines]).encode()


def _cells(column: Any) -> Callable[[slice], list[str]]:
    """Return what gives the cells of some rows of a column, as pandas' `to_csv` writes them."""
    import pandas as pd

    if column.dtype == np.float64:
        numbers = column.to_numpy()
        return lambda rows: ["" if x != x else repr(x) for x in numbers[rows].tolist()]
    if column.dtype in (np.int64, np.bool_):
        plain = column.to_numpy()
        return lambda rows: list(map(str, plain[rows].tolist()))
    if column.dtype.kind in "fmM":  # short floats and dates, whose cells need no quotes
        texts = column.to_csv(index=False, header=False, lineterminator="\n").replace('""', "").split("\n")
        return lambda rows: texts[:-1][rows]
    # Before pandas 3 texts are objects, as columns of several types are, of which 1, 1.0 and True are equal.
    texts_only = pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty")
    if column.dtype != pd.Series([""]).dtype or not texts_only:
        return lambda rows: [
            "" if gap else _quoted(_escaped(value))
            for value, gap in zip(column.iloc[rows].to_numpy(object), column.iloc[rows].isna(), strict=True)
        ]
    known: dict[Any, str] = {}  # texts repeat: thousands of rows, and a few values

    def cells(rows: slice) -> list[str]:
        piece = column.iloc[rows]
        values = piece.to_numpy(object)
        if piece.isna().any():
            values = np.where(piece.isna(), None, values)
        if len(known) > CSV_ROWS:
            known.clear()
        for text in set(values) - known.keys():
            known[text] = "" if text is None else _as_is(text, _quoted(_escaped(text)))
        return [known[text] for text in values]

    return cells


def _as_is(text: str, cell: str) -> str:
    return text if text == cell else cell


def _quoted(value: Any) -> str:
    """Return a cell as the csv module writes it beside others, in quotes where it needs them."""
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow((value, 0))
    return row.getvalue()[: -len(",0\n")]


def _escaped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    safe = f"'{value}" if value.startswith(FORMULA) else value
    # The csv module leaves a lone carriage return unquoted, which readers take for the end of the row.
    return safe.replace("\r\n", "\n").replace("\r", "\n")


def to_gzip(chunks: Iterable[bytes]) -> bytes:
    """Compress, without a date, so that equal data give equal bytes."""
    return b"".join(gzip_chunks(chunks))


def gzip_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what `to_gzip` returns piece by piece."""
    packer = zlib.compressobj(3, wbits=31)  # a gzip header; level 6 takes 2.5 times as long for 7 % less
    yield from map(packer.compress, chunks)
    yield packer.flush()
