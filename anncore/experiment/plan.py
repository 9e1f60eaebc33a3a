"""The plan of an experiment: how many trials there are, and, one by one, which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from anncore.contract import kinds
from anncore.contract.errors import ComponentError, ExperimentError, nearest
from anncore.contract.kind_names import SECTIONS, UNTUNED
from anncore.contract.registry import Component
from anncore.contract.trial import Phase, Train, Trial
from anncore.engine.datasets import Shapes
from anncore.experiment.choices import Choice, Combo, Option, combos
from anncore.experiment.model import Experiment, Range, Rule
from anncore.experiment.names import Namer, spell
from anncore.experiment.parts import PartMaker
from anncore.experiment.select_metric import check_select, further_curves, resolve_select


def make_plan(
    experiment: Experiment, *, allow_large: bool = False, shapes: Mapping[str, Shapes] | None = None
) -> Plan:
    """Count an experiment's trials and check everything that can be checked without training.

    Data sets are made once, with the first seed, for their task and shapes, but for those that `shapes`, an
    earlier plan's, has under their description. Raises ExperimentError for a
    plan above [limits] max_trials (unless `allow_large`), for one without trials (exit code 5), for a loss
    or output activation that does not fit, and DataError for data that cannot be used.
    """
    plan = Plan(experiment, shapes)
    total = plan.counts["total"]
    if total == 0:
        error = ExperimentError(f"{experiment.file}: no trial is left; [[exclude]] leaves no combination.")
        error.exit_code = 5
        raise error
    if total > experiment.limits.max_trials and not allow_large:
        raise ExperimentError(
            f"{experiment.file}: the plan has {total} trials, more than [limits] max_trials = "
            f"{experiment.limits.max_trials}; run with --yes, raise the limit, or narrow with --only."
        )
    plan.experiment = replace(experiment, selection=resolve_select(experiment))
    plan.check()
    return plan


class Plan:
    """Which trials an experiment consists of; trials are made when they are iterated over.

    A problem is what arms are compared on (a data set, and whatever varies beside the arms); an arm the
    labels of the varied kinds; a configuration an arm with its tuned hyperparameters. Where there are tune
    seeds, every configuration runs on them and the selected one on the report seeds; else all run on those.
    """

    def __init__(self, experiment: Experiment, shapes: Mapping[str, Shapes] | None = None) -> None:
        self.experiment = experiment
        self.combos = combos(experiment)
        self._included = _included(experiment, self.combos)
        self._namer = Namer(experiment, (choice for config in self._included for choice in config))
        self._maker = PartMaker(experiment, shapes)
        self._problem_kinds = tuple(kind for kind in SECTIONS if kind not in experiment.tuned_kinds)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Numbers of configurations (product - excluded + included) and of trials (tune + report)."""
        product = sum(combo.product for combo in self.combos)
        left = sum(combo.count() for combo in self.combos)
        configurations = left + len(self._included)
        pairs = self._pairs() if self.experiment.tune_seeds else configurations
        tune = configurations * len(self.experiment.tune_seeds)
        report = pairs * len(self.experiment.report_seeds)
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
        """Task and shapes of the data sets looked at so far, by the digest of what determines them.

        That is what a run key holds of them: their description with a file's fingerprint, split, seeds.
        """
        return self._maker.seen

    def _pairs(self) -> int:
        """Return the number of (problem, arm) pairs, each of which is reported once per seed."""
        if self._included:
            return len(self.configurations)
        return sum(combo.groups(self._problem_kinds) for combo in self.combos)

    @cached_property
    def configurations(self) -> dict[tuple[str, str], int]:
        """The number of configurations of each (problem, arm), in the experiment's order."""
        found: dict[tuple[str, str], int] = {}
        for combo in self.combos:
            labels = [Choice(entry, {}) for entry in combo.entries.values()]
            arm = self._namer.arm(labels)
            for choices, count in combo.options_of(self._problem_kinds):
                given = {choice.entry.kind: choice for choice in choices}
                full = [given.get(choice.entry.kind, choice) for choice in labels]
                pair = (self._namer.problem(full), arm)
                found[pair] = found.get(pair, 0) + count
        for config in self._included:
            pair = (self._namer.problem(config), self._namer.arm(config))
            found[pair] = found.get(pair, 0) + 1
        return found

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """The problems, in the experiment's order."""
        return tuple(dict.fromkeys(problem for problem, _ in self.configurations))

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The arms, in the experiment's order."""
        return tuple(dict.fromkeys(arm for _, arm in self.configurations))

    @cached_property
    def budgets(self) -> dict[str, int]:
        """The number of configurations of each arm on one problem, the most where problems differ."""
        found = dict.fromkeys(self.arms, 0)
        for (_, arm), count in self.configurations.items():
            found[arm] = max(found[arm], count)
        return found

    @cached_property
    def axes(self) -> list[dict[str, Any]]:
        """For each entry its kind, label, component, number of alternatives, and values by key."""
        return [
            {
                "kind": entry.kind,
                "label": entry.label,
                "component": entry.component.full_name if entry.component else "auto",
                "size": None if any(isinstance(a, Range) for a in entry.axes) else _size(entry.axes),
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
        tasks: dict[str, str] = {}
        for combo in self.combos:
            if not combo.count():
                continue
            optimizer = combo.entries["optimizer"]
            inside = (each for held in optimizer.reachable.values() for each in held)
            self._check_batch(optimizer.label, inside)
            for choices, _ in combo.options_of(UNTUNED):
                if self.experiment.on_objectives:
                    self._maker.plain(choices[0])
                else:
                    self._check_pair(combo, choices, tasks)
            for kind in self.experiment.parts:
                if kind not in UNTUNED:
                    self._check_kind(combo, kind)
        for config in self._included:
            parts = self._parts({choice.entry.kind: choice for choice in config})
            label = next(choice.entry.label for choice in config if choice.entry.kind == "optimizer")
            self._check_batch(label, self._maker.components(parts["optimizer"]))
            if not self.experiment.on_objectives:
                tasks.setdefault(config[0].entry.label, self._maker.shapes(config[0]).task)
        check_select(self.experiment, tasks)
        self._check_control()
        self._check_targets({*self.problems, *tasks})

    def _check_pair(self, combo: Combo, choices: Option, tasks: dict[str, str]) -> None:
        by_kind = {choice.entry.kind: choice for choice in choices}
        dataset, network = by_kind["dataset"], by_kind["network"]
        loss = combo.entries["loss"]
        task = self._maker.shapes(dataset).task
        tasks.setdefault(dataset.entry.label, task)
        self._maker.check_fit(dataset, network, loss)
        self._maker.check_sizes(dataset, network, loss)

    def _check_kind(self, combo: Combo, kind: str) -> None:
        """Build every choice of components that have a rule of their own (`validate`) once."""
        inside = (each for held in combo.entries[kind].reachable.values() for each in held)
        if not any(kinds.overrides(each.cls, kinds.Component.validate) for each in inside):
            return
        for slot in combo.along((kind,)):
            for option in combo.slots[slot].options:
                for choice in option:
                    if choice.entry.kind == kind:
                        self._maker.plain(choice)

    def _check_batch(self, label: str, components: Iterable[Component]) -> None:
        """Refuse batches beside an optimizer that compares losses and so needs the same data at each step."""
        experiment = self.experiment
        for component in components:
            if not component.cls.full_batch:
                continue
            where = f"{experiment.file}: [optimizer.{label}] {component.name} needs the full batch"
            if experiment.train.batch_size != "full":
                raise ExperimentError(
                    f'{where}; write [train] batch_size = "full", got {experiment.train.batch_size}.'
                )
            for entry in experiment.entries["objective"]:
                if entry.component is not None and entry.component.cls.noisy:
                    raise ExperimentError(
                        f"{where}, an exact gradient, but that of [objective.{entry.label}] is noisy; leave "
                        "out one of the two."
                    )

    def _check_control(self) -> None:
        control = self.experiment.report.get("control")
        if control is None or control in self.arms or self.experiment.only or self.experiment.skip:
            return
        raise ExperimentError(
            f"{self.experiment.file}: [report] control must be one of the arms {', '.join(self.arms)}, "
            f"got {control!r}.{nearest(control, self.arms)}"
        )

    def _check_targets(self, known: set[str]) -> None:
        targets = self.experiment.report.get("target")
        if not isinstance(targets, Mapping) or self.experiment.only or self.experiment.skip:
            return
        for name in targets:
            if name not in known:
                raise ExperimentError(
                    f"{self.experiment.file}: [report] target names {name!r}, which is no data set; there "
                    f"are {', '.join(sorted(known))}.{nearest(name, known)}"
                )

    def tune(self) -> Iterator[Trial]:
        """Yield the trials that choose each arm's configuration; none without tune seeds."""
        if self.experiment.tune_seeds:
            for config in self._configs():
                yield from self._trials(config, "tune", self.experiment.tune_seeds)

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
            yield from self._trials(config, "report", self.experiment.report_seeds)

    def _configs(self) -> Iterator[Option]:
        for combo in self.combos:
            yield from combo.configurations()
        yield from self._included

    def _parts(self, choices: Mapping[str, Choice]) -> dict[str, Any]:
        if self.experiment.on_objectives:
            return {kind: self._maker.plain(choices[kind]) for kind in self.experiment.parts}
        maker, dataset, loss = self._maker, choices["dataset"], choices["loss"]
        maker.check_fit(dataset, choices["network"], loss.entry)
        task = maker.shapes(dataset).task
        parts = {
            "dataset": maker.plain(dataset),
            "network": maker.network(choices["network"], choices.get("activation"), loss.entry, task),
            "loss": maker.loss(loss, task),
        }
        return parts | {
            kind: maker.plain(choices[kind]) for kind in self.experiment.parts if kind not in parts
        }

    def _trials(self, config: Option, phase: Phase, seeds: Sequence[int]) -> Iterator[Trial]:
        experiment = self.experiment
        parts = self._parts({choice.entry.kind: choice for choice in config})
        labels = {choice.entry.kind: choice.entry.label for choice in config}
        if "activation" not in labels and "network" in parts:
            labels["activation"] = self._activation(parts["network"])
        names = self._namer.problem(config), self._namer.arm(config), self._namer.config(config)
        values = self._namer.values(config)
        for seed in seeds:
            yield Trial(
                parts=parts,
                train=self._train,
                split=experiment.split,
                sweep_seed=experiment.sweep_seed,
                seed=seed,
                test=phase == "report",
                phase=phase,
                labels=labels,
                problem=names[0],
                arm=names[1],
                config=names[2],
                values=values,
                timeout=experiment.limits.timeout,
            )

    @cached_property
    def _train(self) -> Train:
        """How to train, with a curve of the metric that configurations are chosen by."""
        return replace(self.experiment.train, curves=further_curves(self.experiment))

    def _activation(self, network: Any) -> str:
        """Return the name of the activations that a network names itself, "relu" or "relu/tanh"."""
        for parts in network.refs.values():
            if parts and parts[0].kind == "activation":
                return spell([self._namer.short("activation", part.name) for part in parts])
        return ""


def _size(axes: Sequence[Any]) -> int:
    size = 1
    for axis in axes:
        size *= len(axis.rows)
    return size


def _spelled(namer: Namer, choice: Choice, axis: Any) -> list[str]:
    if isinstance(axis, Range):
        low, high = axis.search.values
        return [f"{axis.search.how} {low:g} to {high:g}"]
    rows = ([namer.plain(choice, *pair) for pair in zip(axis.keys, row, strict=True)] for row in axis.rows)
    return [", ".join(spell(value, 6) for value in row) for row in rows]


def _included(experiment: Experiment, found: Sequence[Combo]) -> list[Option]:
    """Return the configurations that [[include]] adds and that the plan does not hold yet."""
    added: list[Option] = []
    for rule in experiment.include:
        for combo in found:
            if all(combo.entries[kind].label in labels for kind, labels in rule.labels.items()):
                config = tuple(_choice(combo, kind, rule) for kind in SECTIONS if kind in combo.entries)
                _refuse_unfit(experiment, config)
                known = combo.contains(config) or any(
                    all(map(Choice.equals, config, other)) for other in added
                )
                if not known:
                    added.append(config)
    return added


def _refuse_unfit(experiment: Experiment, config: Option) -> None:
    """Refuse an included reference to a component that has not the keys its section sets inside of it."""
    for choice in config:
        try:
            _ = choice.resolved
        except ComponentError as error:
            where = f"{experiment.file}: [[include]] of {choice.entry.kind} {choice.entry.label!r}"
            raise ExperimentError(f"{where} is no configuration: {error}.") from None


def _choice(combo: Combo, kind: str, rule: Rule) -> Choice:
    entry = combo.entries[kind]
    given = {
        key: value
        for axis in entry.axes
        if not isinstance(axis, Range)
        for key, value in zip(axis.keys, axis.rows[0], strict=True)
    }
    told = {name: tests[0].value for (owner, name), tests in rule.tests.items() if owner == kind}
    extra = tuple(key for key, value in told.items() if key not in entry.varying and given.get(key) != value)
    return Choice(entry, {**given, **told}, extra)
