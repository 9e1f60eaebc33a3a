"""What an experiment is, once its file has been read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from anncore.contract.hyperparameters import Search, build
from anncore.contract.kind_names import SECTIONS, UNTUNED
from anncore.contract.problem_kinds import ProblemKind, problem_in
from anncore.contract.registry import HOME, Registered, Registry
from anncore.contract.shown import Shown, listed
from anncore.contract.trial import Split, Train
from anncore.experiment.exercise import Exercise
from anncore.experiment.points import Points
from anncore.experiment.problem_lists import ProblemList
from anncore.experiment.references import reachable


class Rows(NamedTuple):
    """A finite axis: each row gives one value per key."""

    keys: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]  # a tuple, or Points


class Range(NamedTuple):
    """An axis that a search draws from; `integer` where only whole numbers are admitted."""

    keys: tuple[str, ...]  # one key
    search: Search  # "log" or "linear"
    integer: bool


Axis = Rows | Range


@dataclass(frozen=True)
class Entry:
    """One `[kind.label]` section: a component with its own grid.

    component is None for the loss "auto", which depends on the data set's task. An axis of one row is a
    value that is fixed. References are tuples of full names; keys inside of them are written as "inner.lr".
    levels: the keys whose value makes arms of its own; see `levels.taken_apart`.
    """

    kind: str
    label: str
    component: Registered | None
    axes: tuple[Axis, ...] = ()
    registry: Registry | None = field(default=None, compare=False, repr=False)
    levels: tuple[str, ...] = ()

    @cached_property
    def given(self) -> tuple[str, ...]:
        """The hyperparameters that the section sets."""
        return tuple(key for axis in self.axes for key in axis.keys)

    @cached_property
    def named(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """What the references that the section sets may hold, by their paths."""
        named: dict[str, dict[tuple[str, ...], None]] = {}
        for axis in self.axes:
            if isinstance(axis, Range) or isinstance(axis.rows, Points):
                continue
            for i, key in enumerate(axis.keys):
                for row in axis.rows:
                    if isinstance(row[i], tuple) and all(isinstance(item, str) for item in row[i]):
                        named.setdefault(key, {})[row[i]] = None
        return {key: tuple(values) for key, values in named.items()}

    @cached_property
    def reachable(self) -> dict[str, list[Registered]]:
        """The component and those it may refer to, at any depth, by their place: "", "inner.", ..."""
        by_place: dict[str, list[Registered]] = {}
        if self.component is not None and self.registry is not None:
            for place, component in reachable(self.component, self.named, self.registry):
                by_place.setdefault(place, []).append(component)
        return by_place

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """The hyperparameters that take more than one value."""
        return tuple(
            key
            for axis in self.axes
            if isinstance(axis, Range) or len(axis.rows) > 1
            for key in axis.keys
            # The values of a single key are all different.
            if isinstance(axis, Range)
            or len(axis.keys) == 1
            or len({repr(row[axis.keys.index(key)]) for row in axis.rows}) > 1
        )


class Select(NamedTuple):
    """What chooses each arm's configuration: "valid_loss" or "valid_<metric>", and which way is better."""

    metric: str
    goal: Literal["min", "max"]


class SearchSettings(NamedTuple):
    """How configurations are drawn, the same number for every arm. method: the sampler, as written."""

    method: str
    samples: int


class RoundsSettings(NamedTuple):
    """[rounds]: report seeds are added in rounds. most: the limit, None for ten times the file's seeds."""

    most: int | None = None


@dataclass(frozen=True)
class Chosen:
    """A component that an experiment uses outside of its trials, with every hyperparameter.

    Its values enter no trial's key: they decide which trials there are, not what a trial computes.
    """

    component: Registered
    values: Mapping[str, Any] = field(default_factory=dict)

    def built(self) -> Any:
        """Return the component."""
        return build(self.component.cls, **self.values)

    @property
    def is_default(self) -> bool:
        """Whether it is the one that serves where a file names none."""
        return self.component.dist == HOME and bool(self.component.cls.default)

    def to_json(self) -> dict[str, Any]:
        """Return what a report says of it: name, package, version, hyperparameters."""
        known = self.component
        return {
            "name": known.name,
            "package": known.dist,
            "version": known.version,
            "values": dict(self.values),
        }


class Rounds(NamedTuple):
    """The rounds of a sweep that adds report seeds until every claim is settled.

    looks: with how many report seeds each round so far looked, ascending; most: how many there may be;
    open: the claims that are not settled at the last look, None while its trials are running.
    """

    looks: tuple[int, ...]
    most: int
    open: int | None = None


class Widening(NamedTuple):
    """How often the range of a hyperparameter, "optimizer.lr", grew tenfold at its lower and upper end."""

    key: str
    down: int
    up: int


class Limits(NamedTuple):
    """What a plan and a trial may cost; timeout in seconds."""

    max_trials: int = 5000
    timeout: float | None = None


class Comparison(NamedTuple):
    """One comparison of a condition: op is eq, ne, gt, ge, lt, le or in."""

    op: str
    value: Any


@dataclass(frozen=True)
class Rule:
    """One `[[exclude]]` or `[[include]]`: labels by kind, and tests by (kind, hyperparameter)."""

    labels: Mapping[str, tuple[str, ...]]
    tests: Mapping[tuple[str, str], tuple[Comparison, ...]]


@dataclass(frozen=True, repr=False)
class Experiment(Shown):
    """One question, checked whole: what is compared, on what, how it is trained and how it is judged.

    name is the file's stem, question its first comment, base the directory that relative paths start
    from, text the file as it was read, document the tables after the overrides. widened and rounds are
    no part of the file: a sweep sets them as it goes.
    """

    name: str
    title: str
    question: str
    path: Path | None
    base: Path
    text: str
    document: Mapping[str, Any]
    overrides: tuple[str, ...]
    only: tuple[str, ...]
    skip: tuple[str, ...]
    quick: bool
    vary: tuple[str, ...]
    train: Train
    split: Split
    sweep_seed: int
    tune_seeds: tuple[int, ...]
    report_seeds: tuple[int, ...]
    select_metric: str | None
    select_goal: str | None
    entries: Mapping[str, tuple[Entry, ...]]
    search: SearchSettings | None
    exclude: tuple[Rule, ...]
    include: tuple[Rule, ...]
    limits: Limits
    report: Mapping[str, Any]
    plugin_files: tuple[str, ...]
    registry: Registry = field(repr=False)
    notes: tuple[str, ...] = ()  # what is right, but may not be what was meant; a line each
    widen: bool = False  # grow ranges tenfold where a chosen value lies at their edge
    widened: tuple[Widening, ...] = ()  # the growth that `entries` has seen
    selection: Select | None = None  # see `select`; None until there is a plan
    chosen: Mapping[str, Chosen] = field(
        default_factory=dict
    )  # by kind: sampler, selector, stopper, executor
    exercise: Exercise = field(default_factory=Exercise)  # [explain]
    in_rounds: RoundsSettings | None = None  # [rounds], None where the file has none
    suite: ProblemList | None = None  # with the problems that the file keeps; None where it names no suite
    trains: Mapping[str, Train] = field(default_factory=dict)  # by problem, those of a suite
    splits: Mapping[str, Split] = field(default_factory=dict)  # by data set, where a suite has its own
    rounds: Rounds | None = None  # None: report_seeds are those of the file, and they are looked at once

    def _title(self) -> str:
        return f"Experiment {self.name!r}"

    def _facts(self) -> dict[str, object]:
        entries = {kind: listed(labels_of(self.entries, kind)) for kind in SECTIONS}
        seeds = (("tune", self.tune_seeds), ("report", self.report_seeds))
        return {
            "question": self.question or self.title,
            "compares": listed(self.vary),
            **entries,
            "seeds": " + ".join(f"{len(numbers)} to {phase}" for phase, numbers in seeds if numbers),
            "file": self.path or "",
        }

    @property
    def file(self) -> str:
        """The file's name, as errors say it."""
        return self.path.name if self.path is not None else self.name

    @property
    def select(self) -> Select:
        """The rule of selection, which the plan resolves: its defaults depend on the data sets' tasks."""
        assert self.selection is not None, "only the experiment of a plan has a rule of selection"
        return self.selection

    @property
    def selection_rule(self) -> Any:
        """The `SelectionRule` that chooses each arm's configuration; None for annx's own default."""
        return self.chosen["selector"].built() if "selector" in self.chosen else None

    @property
    def tuned_kinds(self) -> tuple[str, ...]:
        """The kinds whose hyperparameters are chosen by tuning; those of the others are the problem."""
        return tuple(kind for kind in SECTIONS if kind not in UNTUNED or kind in self.vary)

    @property
    def named(self) -> tuple[str, ...]:
        """What the names of arms are made of: what varies, but for a single section in a suite's place."""
        sections = {} if self.suite is None else self.suite.sections
        replaced = [kind for kind in self.vary if kind in sections and len(self.document.get(kind, ())) == 1]
        return tuple(name for name in self.vary if name not in replaced) or self.vary

    @property
    def parts(self) -> tuple[str, ...]:
        """The kinds of a trial's own parts."""
        return self.problem.parts

    @property
    def problem(self) -> ProblemKind:
        """What arms are compared on: networks on data, or objectives."""
        return problem_in([kind for kind, entries in self.entries.items() if entries])

    def train_on(self, labels: Mapping[str, str]) -> Train:
        """Return how the problem that is made of sections with these labels is trained."""
        return self.train if self.suite is None else self.trains[self.suite.at(labels).name]

    def train_of(self, problem: str) -> Train:
        """Return how the problem of that name is trained; what the file varies beside a suite follows it."""
        return self.trains.get(problem) or self.trains.get(problem.partition(", ")[0], self.train)

    @property
    def every_train(self) -> tuple[Train, ...]:
        """How the problems are trained: all in one way, or each of a suite in its own."""
        return tuple(dict.fromkeys(self.trains.values())) or (self.train,)

    def split_of(self, data_set: str | None) -> Split:
        """Return how the data set of that label is divided; None for a function, which has none."""
        return self.split if data_set is None else self.splits.get(data_set, self.split)

    def entry(self, kind: str, label: str) -> Entry:
        """Return the entry of that kind and label."""
        return next(entry for entry in self.entries[kind] if entry.label == label)


def labels_of(entries: Mapping[str, Sequence[Entry]], kind: str) -> tuple[str, ...]:
    """Return the labels of a kind's entries, in the file's order."""
    return tuple(entry.label for entry in entries.get(kind, ()))
