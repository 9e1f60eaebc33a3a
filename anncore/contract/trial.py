"""A trial, what determines its numbers, and its result.

A `Trial` is one training run. Everything that determines its numbers is in its `description`, plain
JSON that a worker process or a later session can turn back into the same run; the SHA-256 of the
canonical form is the trial's key. Labels, titles and the phase of the protocol are no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from anncore.contract.engine_version import LANE_NUMBERS, engine_version
from anncore.contract.shown import Shown

Status = Literal["ok", "diverged", "failed", "timeout", "crashed"]
STATUSES: tuple[Status, ...] = ("ok", "diverged", "failed", "timeout", "crashed")
Phase = Literal["tune", "report"]


@dataclass(frozen=True)
class Part:
    """A component with every hyperparameter resolved.

    `name` is the full name, `code` what identifies the code behind it (`Component.code`). `params` holds
    plain JSON values (lists, not tuples), without references, paths replaced by the component's fingerprint;
    `refs` the components it refers to, in order.
    `paths` holds the files themselves, which do not enter the key.
    """

    kind: str
    name: str
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    refs: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the part as plain JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "code": self.code,
            "params": dict(self.params),
            "refs": {key: [part.to_json() for part in parts] for key, parts in self.refs.items()},
            "paths": dict(self.paths),
        }

    @cached_property
    def text(self) -> str:
        """What of the part determines the numbers, as canonical JSON; parts are shared, so it is kept."""
        return canonical(_without_paths(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Part:
        """Read what `to_json` wrote."""
        refs = {key: tuple(map(cls.from_json, parts)) for key, parts in data["refs"].items()}
        return cls(data["kind"], data["name"], data["code"], dict(data["params"]), refs, dict(data["paths"]))


AUTO: Final = "auto"
BLAS: Final = "blas"
LANES: Final = "lanes"


@dataclass(frozen=True)
class Stop:
    """When to stop before the last step; a field that is None does not stop.

    loss: stop when the training loss is at or below it. patience: stop after so many evaluations in a
    row in which `monitor` did not improve on its best by more than min_delta.
    """

    loss: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    monitor: Literal["valid_loss", "train_loss"] = "valid_loss"


@dataclass(frozen=True)
class Train:
    """How to train. Exactly one of `steps` and `epochs` is given.

    batch_size: examples per step, or "full". shuffle: draw a new order for each epoch; a full batch
    keeps its order. eval_every: steps between evaluations; there is one before the first step and one
    after the last as well. eval_train: whether the training loss of a curve is that of "all" training
    examples or of a "sample", as many as validation has and the same throughout; final losses are of all.
    watch: names of metrics that look into the network at every evaluation. curves: names of metrics recorded
    at every evaluation beside those that always are.
    diverged_above: a trial counts as diverged where its final training, validation or test loss is above so
    many times the training loss of always predicting the mean training target, or an objective's value at
    its start.
    metrics: by full name, the hyperparameters of metrics that have other than their defaults.
    maps_at: at which steps a report trial keeps a map of what it has learned so far: so many moments, or the
    steps themselves; 0 for none.
    paths: whether a report trial on an objective keeps its arguments at every evaluation; None where they are
    few.
    engine: what computes the steps: "blas" calls NumPy's products for all trials of a stack, "lanes" makes
    one kernel of a whole step with a trial in each lane of a vector (`anncore.engine.lanes`). A plan puts one
    of these in the place of "auto" for each trial.
    """

    steps: int | None = 500
    epochs: int | None = None
    batch_size: int | Literal["full"] = 32
    shuffle: bool = True
    eval_every: int = 50
    eval_train: Literal["sample", "all"] = "sample"
    dtype: Literal["float32", "float64"] = "float32"
    stop: Stop = Stop()
    watch: tuple[str, ...] = ()
    diverged_above: float = 100.0
    curves: tuple[str, ...] = ()
    maps_at: int | tuple[int, ...] = 0
    paths: bool | None = None
    engine: Literal["auto", "blas", "lanes"] = "blas"
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return all fields; `curves`, `engine`, `maps_at`, `metrics` and `paths` only where they ask.

        No other trial's key knows of them.
        """
        unasked = [name for name in ("curves", "maps_at", "metrics") if not getattr(self, name)]
        unasked += ["paths"] if self.paths is None else []
        unasked += ["engine"] if self.engine == BLAS else []
        fields = {name: value for name, value in asdict(self).items() if name not in unasked}
        return fields if self.engine != LANES else {**fields, "engine": f"lanes {LANE_NUMBERS}"}

    @cached_property
    def text(self) -> str:
        """All fields as canonical JSON."""
        return canonical(self.to_json())


@dataclass(frozen=True)
class Split:
    """Shares of the examples held out for validation and test, at random by seed; 0 leaves a split out.

    stratify: keep class shares equal in all three (classification only). standardize: scale inputs, and
    regression targets, to mean 0 and standard deviation 1 on the training split.
    """

    valid: float = 0.2
    test: float = 0.2
    stratify: bool = True
    standardize: bool = True

    @cached_property
    def text(self) -> str:
        """All fields as canonical JSON."""
        return canonical(asdict(self))


@dataclass(frozen=True, repr=False)
class Trial(Shown):
    """One training run.

    parts: dataset, network, loss, optimizer, schedule, initializer by kind; activations hang on the
    network as references, and so does the output activation. Or objective, optimizer, schedule.
    labels: by kind, as in the experiment's sections; `activation` too.
    problem, arm, config: the protocol's coordinates, readable: what is compared on, what is compared,
    and the tuned values ("lr=0.01").
    values: the hyperparameters that vary in the experiment or were set in it, as "optimizer.lr".
    """

    parts: Mapping[str, Part]
    train: Train
    split: Split
    sweep_seed: int
    seed: int
    test: bool  # whether the test split is opened, once, after training
    phase: Phase = "report"
    labels: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    arm: str = ""
    config: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None  # seconds; no part of the key
    engine: str = field(default_factory=engine_version)  # what the engine's own numbers depend on

    def _facts(self) -> dict[str, object]:
        return {
            "phase": self.phase,
            "problem": self.problem,
            "arm": self.arm,
            "configuration": self.config,
            "seed": self.seed,
            "key": self.key[:12],
        }

    @property
    def description(self) -> dict[str, Any]:
        """Everything that determines the numbers, as plain JSON."""
        return {
            "engine": self.engine,
            "parts": {kind: _without_paths(part) for kind, part in self.parts.items()},
            "train": self.train.to_json(),
            "split": asdict(self.split),
            "sweep_seed": self.sweep_seed,
            "seed": self.seed,
            "test": self.test,
        }

    @property
    def text(self) -> str:
        """The canonical JSON of `description`; the order of keys, and 1 or 1.0, are the same."""
        # Put together from the texts that thousands of trials share, which is thirty times faster.
        parts = ",".join([f"{_quoted(kind)}:{part.text}" for kind, part in sorted(self.parts.items())])
        return (
            f'{{"engine":{_quoted(self.engine)},"parts":{{{parts}}},"seed":{canonical(self.seed)},"split":{self.split.text},'
            f'"sweep_seed":{canonical(self.sweep_seed)},"test":{canonical(self.test)},'
            f'"train":{self.train.text}}}'
        )

    @cached_property
    def key(self) -> str:
        """SHA-256 of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def _without_paths(part: Part) -> dict[str, Any]:
    plain = part.to_json()
    del plain["paths"]
    plain["refs"] = {key: [_without_paths(inner) for inner in parts] for key, parts in part.refs.items()}
    return plain


def canonical(value: Any) -> str:
    """Return JSON with sorted keys, no spaces, and every number in one form (1 and 1.0 alike)."""
    if type(value) is int:
        return repr(value)
    if type(value) is bool:
        return "true" if value else "false"
    return encoded(_plain(value))


def encoded(plain: Any) -> str:
    """Return the canonical JSON of what was read of canonical JSON, whose numbers have their one form."""
    return _ENCODER.encode(plain)


@cache
def _quoted(text: str) -> str:
    return canonical(text)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


class TrialResult(NamedTuple):
    """The result of a trial.

    metrics: final values by column name ("train_loss", "valid_accuracy", "test_loss"); NaN where one is
    undefined. curves: by metric the values at `steps`. steps_done: updates made. stopped: why training
    ended before its last step ("loss", "patience"), else "". error: the traceback or reason of a failure.
    train_seconds: this trial's share of the time that its stack trained, without what a process does once.
    map: what it learned, as `decision_maps.packed` wrote it; empty of trials that tune, and where none can be
    made. snapshot: what its network shows of itself, as `snapshots.taken` wrote it; empty likewise.
    moments: maps at the steps that `Train.maps_at` asks for, as pairs of step and map.
    environment: what `numeric_environment` says of the process it ran in; "" where that is unknown.
    """

    key: str
    status: Status
    metrics: Mapping[str, float] = {}
    steps: tuple[int, ...] = ()
    curves: Mapping[str, tuple[float, ...]] = {}
    steps_done: int = 0
    stopped: str = ""
    error: str = ""
    train_seconds: float = 0.0
    map: bytes = b""
    snapshot: bytes = b""
    environment: str = ""
    moments: tuple[tuple[int, bytes], ...] = ()


class PlannedRow(NamedTuple):
    """One row of the tables: a trial of the plan and the names it goes by."""

    key: str
    phase: Phase
    problem: str
    arm: str
    config: str
    labels: Mapping[str, str]
    values: Mapping[str, Any]
    seed: int

    @classmethod
    def of(cls, trial: Trial) -> PlannedRow:
        """Return the row of a trial."""
        return cls(
            trial.key,
            trial.phase,
            trial.problem,
            trial.arm,
            trial.config,
            trial.labels,
            trial.values,
            trial.seed,
        )
