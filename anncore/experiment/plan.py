"""The plan of an experiment: how many trials there are, and, one by one, which."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from anncore.contract.errors import ExperimentError, tells_users
from anncore.contract.kind_names import SECTIONS
from anncore.contract.shown import Shown, listed
from anncore.contract.trial import Trial
from anncore.engine.datasets import Shapes
from anncore.experiment.choices import Choice, Option, combos, included
from anncore.experiment.model import Axis, Experiment, Range
from anncore.experiment.names import Namer, spell
from anncore.experiment.parts import PartMaker
from anncore.experiment.plan_checks import PlanChecker
from anncore.experiment.read import Given, as_experiment
from anncore.experiment.select_metric import by_headline, resolve_select
from anncore.experiment.trials import TrialMaker

MOST_TRIALS = 10_000_000
"""Of any plan: a sweep keeps what each trial is in memory, and of so many none would see the end."""


@tells_users
def make_plan(
    experiment: Given,
    *,
    allow_large: bool = False,
    count_large: bool = False,
    shapes: Mapping[str, Shapes] | None = None,
) -> Plan:
    """Count an experiment's trials and check everything that can be checked without training.

    experiment: one that `load_experiment` returned, or what it reads: a path, a dict or TOML text.
    Each data set is made once, with the first seed, for its task and shapes, unless `shapes`, those of an
    earlier plan, hold it. count_large: a plan above [limits] max_trials is only counted, nothing is made.

    Raises ExperimentError for a plan above max_trials (unless `allow_large`), for one above MOST_TRIALS, for
    one without trials (exit code 5), for parts that do not fit together, and DataError for data that cannot
    be used; for several of these ExperimentErrors.
    """
    experiment = as_experiment(experiment)
    plan = Plan(experiment, shapes)
    total = plan.total
    if total > MOST_TRIALS:
        raise ExperimentError(
            f"{experiment.file}: the plan has {total:,} trials; at most {MOST_TRIALS:,} can be planned. "
            "Shorten lists and ranges, take fewer seeds, or draw configurations with [search]."
        )
    if total == 0:
        error = ExperimentError(f"{experiment.file}: no trial is left; [[exclude]] leaves no combination.")
        error.exit_code = 5
        raise error
    if total > experiment.limits.max_trials and count_large:
        return plan
    if total > experiment.limits.max_trials and not allow_large:
        raise ExperimentError(
            f"{experiment.file}: the plan has {total} trials, more than [limits] max_trials = "
            f"{experiment.limits.max_trials}; run with --yes, raise the limit, or narrow with --only."
        )
    plan.experiment = replace(experiment, selection=resolve_select(experiment))
    plan.check()
    plan.experiment = by_headline(plan.experiment, {shapes.task for shapes in plan.shapes.values()})
    return plan


class Plan(Shown):
    """Which trials an experiment consists of; trials are made when they are iterated over.

    A problem is what arms are compared on (a data set, and whatever varies beside the arms); an arm the
    labels of the varied kinds; a configuration an arm with its tuned hyperparameters. Where there are tune
    seeds, every configuration runs on them and the selected one on the report seeds; else all run on those.
    """

    def __init__(self, experiment: Experiment, shapes: Mapping[str, Shapes] | None = None) -> None:
        self.experiment = experiment
        self.combos = combos(experiment)
        self._included = included(experiment, self.combos)
        self._namer = Namer(experiment, (choice for config in self._included for choice in config))
        self._maker = PartMaker(experiment, shapes)
        self._problem_kinds = tuple(kind for kind in SECTIONS if kind not in experiment.tuned_kinds)

    def _title(self) -> str:
        return f"Plan of {self.experiment.name!r}"

    def _facts(self) -> dict[str, object]:
        counts = self.counts
        return {
            "trials": f"{counts['total']} ({counts['tune']} to tune, {counts['report']} to report)",
            "configurations": counts["configurations"],
            "arms": listed(self.arms),
            "problems": listed(self.problems),
        }

    @cached_property
    def total(self) -> int:
        """The number of trials; of a plan that is far too large, at least so many."""
        left = sum(combo.count() for combo in self.combos)
        seeds = self.experiment.tune_seeds or self.experiment.report_seeds
        at_least = left * len(seeds)
        return at_least if at_least > MOST_TRIALS else self.counts["total"]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Numbers of configurations (product - excluded + included) and of trials (tune + report)."""
        product = sum(combo.product for combo in self.combos)
        left = sum(combo.count() for combo in self.combos)
        configurations = left + len(self._included)
        reported = configurations
        if self.experiment.tune_seeds:  # then each (problem, arm) is reported once per seed
            pairs = sum(combo.groups(self._problem_kinds) for combo in self.combos)
            reported = len(self.configurations) if self._included else pairs
        tune = configurations * len(self.experiment.tune_seeds)
        report = reported * len(self.experiment.report_seeds)
        return {
            "product": product,
            "excluded": product - left,
            "included": len(self._included),
            "configurations": configurations,
            "tune": tune,
            "report": report,
            "total": tune + report,
        }

    @property
    def shapes(self) -> dict[str, Shapes]:
        """Task and shapes of the data sets made so far, by the digest of what determines them.

        That is what a run key holds of them: their description with the fingerprint of a file, split, seeds.
        """
        return self._maker.seen

    @cached_property
    def configurations(self) -> dict[tuple[str, str], int]:
        """The number of configurations of each (problem, arm), in the experiment's order."""
        counts: dict[tuple[str, str], int] = {}
        for combo in self.combos:
            labels = [Choice(entry, {}) for entry in combo.entries.values()]
            arm = self._namer.arm(labels)
            for choices, count in combo.options_of(self._problem_kinds):
                given = {choice.entry.kind: choice for choice in choices}
                full = [given.get(choice.entry.kind, choice) for choice in labels]
                pair = (self._namer.problem(full), arm)
                counts[pair] = counts.get(pair, 0) + count
        for config in self._included:
            pair = (self._namer.problem(config), self._namer.arm(config))
            counts[pair] = counts.get(pair, 0) + 1
        return counts

    @cached_property
    def rows(self) -> dict[str, Shapes]:
        """The sizes of each problem's splits, and what its seeds have in common; nothing of functions."""
        if self.experiment.problem.kind != "dataset":
            return {}
        rows: dict[str, Shapes] = {}
        for combo in self.combos:
            labels = [Choice(entry, {}) for entry in combo.entries.values()]
            for choices, _ in combo.options_of(self._problem_kinds):
                given = {choice.entry.kind: choice for choice in choices}
                full = [given.get(choice.entry.kind, choice) for choice in labels]
                rows[self._namer.problem(full)] = self._maker.shapes(given["dataset"])
        for config in self._included:
            data_set = next(choice for choice in config if choice.entry.kind == "dataset")
            rows[self._namer.problem(config)] = self._maker.shapes(data_set)
        return rows

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """The problems, in the experiment's order."""
        return tuple(dict.fromkeys(problem for problem, _ in self.configurations))

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The arms, in the experiment's order."""
        return tuple(dict.fromkeys(arm for _, arm in self.configurations))

    @cached_property
    def axes(self) -> list[dict[str, Any]]:
        """For each entry its kind, label, component, number of alternatives, and values by key."""
        return [
            {
                "kind": entry.kind,
                "label": entry.label,
                "component": entry.component.full_name if entry.component else "auto",
                "size": _size(entry.axes),
                "values": {
                    ", ".join(axis.keys): _spelled(self._namer, Choice(entry, {}), axis)
                    for axis in entry.axes
                },
            }
            for kind in SECTIONS
            for entry in self.experiment.entries[kind]
        ]

    def check(self) -> None:
        """Make every data set and part once, and check that they fit together and with the metric."""
        PlanChecker(self.combos, self._included, self._trials).check(self.arms, self.problems)

    @cached_property
    def _trials(self) -> TrialMaker:
        return TrialMaker(self.experiment, self._namer, self._maker)

    def tune(self) -> Iterator[Trial]:
        """Yield the trials that choose each arm's configuration; none without tune seeds."""
        if self.experiment.tune_seeds:
            for config in self._configs():
                yield from self._trials.trials(config, "tune", self.experiment.tune_seeds)

    def report(self, selected: Mapping[tuple[str, str], str] | None = None) -> Iterator[Trial]:
        """Yield the trials that are reported.

        selected: for each (problem, arm) the configuration that tuning chose; pairs that are missing are
        left out. None yields every configuration.
        """
        for config in self._configs():
            if selected is not None:
                pair = (self._namer.problem(config), self._namer.arm(config))
                if selected.get(pair) != self._namer.config(config):
                    continue
            yield from self._trials.trials(config, "report", self.experiment.report_seeds)

    def places(self) -> dict[tuple[str, str, str], int]:
        """Return the place of each (problem, arm, configuration) in the order in which they are run."""
        names = self._namer
        configs = (
            (names.problem(config), names.arm(config), names.config(config)) for config in self._configs()
        )
        return {name: place for place, name in enumerate(dict.fromkeys(configs))}

    def _configs(self) -> Iterator[Option]:
        for combo in self.combos:
            yield from combo.configurations()
        yield from self._included


def _size(axes: Sequence[Axis]) -> int | None:
    """Return the number of alternatives, None where a range is drawn from."""
    sizes = [None if isinstance(axis, Range) else len(axis.rows) for axis in axes]
    return None if None in sizes else math.prod(size or 0 for size in sizes)


def _spelled(namer: Namer, choice: Choice, axis: Axis) -> list[str]:
    if isinstance(axis, Range):
        low, high = axis.search.values
        return [f"{axis.search.how} {low:g} to {high:g}"]
    rows = ([namer.plain(choice, *pair) for pair in zip(axis.keys, row, strict=True)] for row in axis.rows)
    return [", ".join(spell(value, 6) for value in row) for row in rows]
