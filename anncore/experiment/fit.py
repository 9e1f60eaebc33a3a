"""Which parts fit together: data and loss, loss and output activation, data and network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from anncore.contract.errors import RAISED_BY_PLUGINS, ComponentError, ExperimentError, described, nearest
from anncore.contract.hyperparameters import Interval, references
from anncore.contract.kinds import REAL_TASKS, Task, WeightSpec
from anncore.contract.problem_kinds import NETWORK_ON_DATA, OBJECTIVE
from anncore.contract.registry import Registered
from anncore.contract.trial import Part
from anncore.engine.activations import needs_place
from anncore.engine.build import build_part
from anncore.engine.datasets import Shapes
from anncore.engine.network import network_specs, rehearse, shows_layers, without_output
from anncore.engine.objective_stack import specs as objective_specs
from anncore.experiment.choices import Choice
from anncore.experiment.model import Entry
from anncore.experiment.parts import PartMaker
from anncore.experiment.splits import refuse_lacking_splits, refuse_unweighable

MOST_WEIGHTS = 100_000_000  # of one trial: with gradient, state and work space some gigabytes
MOST_VALUES = 1_000_000_000  # of the layers of one trial in one step
MOST_PLACES = 10_000_000  # numbers in the path of one trial


class Fit(ABC):
    """What depends on each other among the parts of one experiment's trials, by the kind of its problems."""

    def __init__(self, maker: PartMaker) -> None:
        self.maker, self.experiment, self.registry = maker, maker.experiment, maker.registry

    @abstractmethod
    def parts(self, choices: Mapping[str, Choice]) -> dict[str, Part]:
        """Return the parts that depend on each other; raises ExperimentError where they do not fit."""

    @abstractmethod
    def check(self, choices: Mapping[str, Choice], entries: Mapping[str, Entry]) -> None:
        """Refuse a problem and a network that do not fit together, or the loss."""

    def check_lists(self, choices: Mapping[str, Choice]) -> None:
        """Refuse a list of a loss that does not fit the problem; here there is no loss."""
        return None

    @abstractmethod
    def weights(self, choices: Mapping[str, Choice], entries: Mapping[str, Entry]) -> list[WeightSpec]:
        """Return the specs of the weights that an optimizer updates."""

    @abstractmethod
    def tasks(self, choices: Mapping[str, Choice]) -> dict[str, Task]:
        """Return the task of the data set by its label."""


class ObjectiveFit(Fit):
    """An objective depends on nothing else."""

    def parts(self, choices: Mapping[str, Choice]) -> dict[str, Part]:
        """Return the objective's part."""
        return {"objective": self.maker.plain(choices["objective"])}

    def check(self, choices: Mapping[str, Choice], entries: Mapping[str, Entry]) -> None:
        """Build the objective once, and refuse a path that would fill the store."""
        labels = {kind: choice.entry.label for kind, choice in choices.items()}
        part, train = self.parts(choices)["objective"], self.experiment.train_on(labels)
        if not self.experiment.report.get("paths"):
            return
        arguments = int(build_part(part, self.registry).dimensions)
        evaluations = (train.steps or 0) // train.eval_every + 1
        if arguments * evaluations > MOST_PLACES:
            label = choices["objective"].entry.label
            raise ExperimentError(
                f"{self.experiment.file}: [report] paths = true keeps {arguments:,} arguments of "
                f"[objective.{label}] at {evaluations:,} evaluations, and a path may have {MOST_PLACES:,} "
                "numbers; write a larger [train] eval_every, or leave paths out."
            )

    def weights(self, choices: Mapping[str, Choice], entries: Mapping[str, Entry]) -> list[WeightSpec]:
        """Return the spec of the arguments."""
        part = self.maker.plain(choices["objective"])
        try:
            return objective_specs(int(build_part(part, self.registry).dimensions))
        except RAISED_BY_PLUGINS as error:
            where = f"{self.experiment.file}: [objective.{choices['objective'].entry.label}]"
            raise ExperimentError(f"{where} has no dimensions: {described(error)}") from error

    def tasks(self, choices: Mapping[str, Choice]) -> dict[str, Task]:
        """Return nothing: an objective has no task."""
        return {}


class NetworkFit(Fit):
    """Refuses data, network and loss that do not fit together; what fits is remembered."""

    def __init__(self, maker: PartMaker) -> None:
        super().__init__(maker)
        self._fitting: set[tuple[Any, ...]] = set()
        self._specs: dict[tuple[Any, ...], list[WeightSpec]] = {}

    def parts(self, choices: Mapping[str, Choice]) -> dict[str, Part]:
        """Return the parts of data set, network and loss."""
        dataset, network, loss = choices["dataset"], choices["network"], choices["loss"]
        self.check_loss(dataset, network, loss.entry)
        task = self.maker.shapes(dataset).task
        part = self.maker.network(network, choices.get("activation"), loss.entry, task)
        self._check_units(dataset, network, loss.entry, part)
        return {
            "dataset": self.maker.plain(dataset),
            "network": part,
            "loss": self.maker.loss(loss, task),
        }

    def _check_units(self, dataset: Choice, network: Choice, loss: Entry, part: Part) -> None:
        """Refuse layers whose number of units an activation cannot give, such as an odd one for pairs."""
        fields = references(_class(network.entry)).items()
        names = [one.name for key, field in fields if field.kind == "activation" for one in part.refs[key]]
        if all(self.registry.get("activation", name).cls.multiple == 1 for name in names):
            return
        shapes = self.maker.shapes(dataset)
        outputs = shapes.outputs * self.maker.loss_component(loss, shapes.task).cls.outputs_per_target
        try:
            network_specs(part, self.registry, shapes.inputs, outputs)
        except ComponentError as error:
            label = network.entry.label
            raise ExperimentError(f"{self.experiment.file}: [network.{label}] {error}") from error

    def check(self, choices: Mapping[str, Choice], entries: Mapping[str, Entry]) -> None:
        """Refuse a loss that cannot train the task, and a network that cannot take the data."""
        dataset, network = choices["dataset"], choices["network"]
        refuse_lacking_splits(self.maker, dataset, entries.get("schedule"))
        self.check_loss(dataset, network, entries["loss"])
        if self.maker.shapes(dataset).weighted:
            refuse_unweighable(self.maker, dataset, entries["loss"], _class(network.entry))
        self.check_network(dataset, network, entries["loss"])

    def tasks(self, choices: Mapping[str, Choice]) -> dict[str, Task]:
        """Return the task of the data set by its label."""
        dataset = choices["dataset"]
        return {dataset.entry.label: self.maker.shapes(dataset).task}

    def check_loss(self, dataset: Choice, network: Choice, loss: Entry) -> None:
        """Refuse a loss that cannot train the task, and an output activation that does not suit the loss."""
        task = self.maker.shapes(dataset).task
        component = self.maker.loss_component(loss, task)
        outputs = [
            network.resolved[key]
            for key, reference in references(_class(network.entry)).items()
            if reference.kind == "activation" and reference.default == "auto"
        ]
        if task in REAL_TASKS:
            self._check_targets(dataset, component, task)
        together = (task, component.full_name, network.entry.label, *outputs)
        if together in self._fitting:
            return
        self._check_watch(task, network.entry)
        if task not in component.cls.outputs:
            fit = [
                other.name
                for other in self.registry.of_kind("loss")
                if task in other.cls.outputs and other.cls.trainable
            ]
            raise ExperimentError(
                f"{self.experiment.file}: loss {component.name!r} cannot train on data set "
                f"{dataset.entry.label!r}, {_article(task)} {task} task; use {', '.join(fit)}, or leave the "
                "pair out by [[exclude]]."
            )
        for name in dict.fromkeys(name for names in outputs for name in names if name != "auto"):
            self._check_output(self.registry.get("activation", name), component, network.entry, task)
        self._fitting.add(together)

    def check_lists(self, choices: Mapping[str, Choice]) -> None:
        """Refuse a loss with a list, such as a weight per class, that does not fit the targets' width."""
        dataset, loss = choices["dataset"], choices["loss"].entry
        shapes = self.maker.shapes(dataset)
        part = self.maker.loss(choices["loss"], shapes.task)
        if not any(isinstance(value, (list, tuple)) and value for value in part.params.values()):
            return
        targets = np.eye(shapes.outputs)[None]
        try:
            with np.errstate(all="ignore"):
                built = build_part(part, self.registry)
                built.value(np.full_like(targets, 0.5).repeat(built.outputs_per_target, axis=2), targets)
        except ComponentError as error:
            where = f"{self.experiment.file}: [loss.{loss.label}] on data set {dataset.entry.label!r}"
            raise ExperimentError(f"{where}: {str(error).rstrip('.')}.") from error
        except RAISED_BY_PLUGINS:
            return  # these are no outputs of a network: what it says of them is no mistake of the file

    def _check_output(self, output: Registered, loss: Registered, network: Entry, task: Task) -> None:
        """Refuse an output activation that needs a place in the network, or leaves what the loss accepts."""
        way_out = f"use {loss.cls.outputs[task]!r} or leave output out."
        if needs_place(output.cls):
            raise ExperimentError(
                f"{self.experiment.file}: [network.{network.label}] output cannot be {output.name!r}, which "
                f"learns, draws or gates: that takes a place inside the network; {way_out}"
            )
        accepts = Interval.parse(loss.cls.accepts)
        reach = Interval.parse(output.cls.range)
        if not accepts.covers(reach):
            raise ExperimentError(
                f"{self.experiment.file}: loss {loss.name!r} takes outputs in {accepts}, but the output "
                f"activation {output.name!r} of [network.{network.label}] gives {reach}; {way_out}"
            )

    def _check_targets(self, dataset: Choice, loss: Registered, task: Task) -> None:
        """Refuse targets, or inputs that are targets themselves, outside of what the loss takes."""
        takes = Interval.parse(loss.cls.targets)
        together = (dataset, loss.full_name)
        if together in self._fitting or not (math.isfinite(takes.low) or math.isfinite(takes.high)):
            return
        low, high = self.maker.value_range(dataset, "y")
        if not (takes.holds(low) and takes.holds(high)):
            label = repr(dataset.entry.label)
            which = f"the inputs of {label}, its targets," if task == "unsupervised" else f"those of {label}"
            standardized = self.experiment.split_of(dataset.entry.label).standardize
            way_out = "set [split] standardize = false, or " if standardized else ""
            raise ExperimentError(
                f"{self.experiment.file}: loss {loss.name!r} takes targets in {takes}, but {which} lie in "
                f"{low:.3g} ... {high:.3g} in training; {way_out}use another loss."
            )
        self._fitting.add(together)

    def _check_watch(self, task: Task, network: Entry) -> None:
        """Refuse metrics that look into a network which does not show its layers, or are not for the task."""
        for name in self.experiment.train.watch:
            metric = self.registry.get("metric", name)
            where = f"{self.experiment.file}: [train] watch: {metric.name}"
            if task not in metric.cls.tasks:
                raise ExperimentError(f"{where} is not for {task} tasks; leave it out.")
            if not shows_layers(_class(network)):
                open_networks = [
                    other.name for other in self.registry.of_kind("network") if shows_layers(other.cls)
                ]
                raise ExperimentError(
                    f"{where} looks into the network, and [network.{network.label}] does not show its "
                    f"layers; use {', '.join(open_networks)}, or leave watch out."
                )

    def weights(self, choices: Mapping[str, Choice], entries: Mapping[str, Entry]) -> list[WeightSpec]:
        """Return the specs of the network's weights."""
        every = self.check_network(choices["dataset"], choices["network"], entries["loss"])
        return [spec for spec in every if spec.role != "state"]

    def check_network(self, dataset: Choice, network: Choice, loss: Entry) -> list[WeightSpec]:
        """Return the specs of a network's weights and state.

        Refuses one that cannot take the data set's inputs or give as many outputs as needed, and one that
        would fill the memory.
        """
        shapes = self.maker.shapes(dataset)
        component = self.maker.loss_component(loss, shapes.task)
        outputs = shapes.outputs * component.cls.outputs_per_target
        part = self.maker.network(network, None, loss, shapes.task)
        together = (part.text, shapes.inputs, outputs, shapes.n_train)
        if together not in self._specs:
            where = (
                f"{self.experiment.file}: [network.{network.entry.label}] on data set "
                f"{dataset.entry.label!r}:"
            )
            self._check_suits(where, dataset, _class(network.entry), shapes.task)
            try:
                specs = network_specs(part, self.registry, shapes.inputs, outputs)
                self._check_measured(where, part, shapes.inputs, outputs)
                self._refuse_large(where, specs, shapes)
                rehearse(part, self.registry, shapes.inputs, outputs)
            except ComponentError as error:
                doubled = component.cls.outputs_per_target
                because = f" (loss {component.name!r} takes {doubled} for each target)" if doubled > 1 else ""
                raise ExperimentError(f"{where} {error}{because}") from error
            except ExperimentError:
                raise
            except RAISED_BY_PLUGINS as error:
                raise ExperimentError(f"{where} cannot be made: {described(error)}") from error
            self._specs[together] = specs
        return self._specs[together]

    def _check_suits(self, where: str, dataset: Choice, cls: Any, task: Task) -> None:
        """Refuse a network that is not for the task, inputs that it does not take, metrics it cannot give."""
        if task not in cls.tasks:
            raise ExperimentError(
                f"{where} {cls.name} is for {', '.join(cls.tasks)} tasks, and this is {_article(task)} "
                f"{task} task; use a data set of such a task, or leave the pair out by [[exclude]]."
            )
        takes = Interval.parse(cls.accepts)
        if math.isfinite(takes.low) or math.isfinite(takes.high):
            low, high = self.maker.value_range(dataset, "x")
            if not (takes.holds(low) and takes.holds(high)):
                raise ExperimentError(
                    f"{where} {cls.name} takes inputs in {takes}, but they lie in {low:.3g} ... {high:.3g} "
                    "in training; set [split] standardize = false, or use other data."
                )
        if cls.only and (stray := self.maker.stray_value(dataset, cls.only)) is not None:
            numbers = " and ".join(f"{one:g}" for one in cls.only)
            raise ExperimentError(
                f"{where} {cls.name} takes inputs and targets of {numbers} alone, got {stray:.3g} in "
                "training; set [split] standardize = false, or use other data."
            )
        given = [metric.name for metric in self.registry.of_kind("metric") if metric.cls.from_network]
        for name in cls.measured:
            if name not in given:
                raise ExperimentError(
                    f"{where} {cls.name} measures {name!r}, and no NetworkMetric is called so."
                    f"{nearest(name, given)}"
                )

    def _check_measured(self, where: str, part: Part, inputs: int, outputs: int) -> None:
        """Refuse to select by what a network of this size cannot measure."""
        metric = (self.experiment.select_metric or "").removeprefix("valid_")
        reason = build_part(without_output(part), self.registry).unmeasured(inputs, outputs).get(metric)
        if reason is not None:
            raise ExperimentError(
                f"{where} {metric} cannot be computed: {reason}; make it smaller, or name another [select] "
                "metric."
            )

    def _refuse_large(self, where: str, specs: list[WeightSpec], shapes: Shapes) -> None:
        weights = sum(math.prod(spec.shape) for spec in specs)
        if weights > MOST_WEIGHTS:
            raise ExperimentError(
                f"{where} it has {weights:,} weights, and a trial may have {MOST_WEIGHTS:,}; make it smaller."
            )
        batch = max(
            shapes.n_train if train.batch_size == "full" else min(int(train.batch_size), shapes.n_train)
            for train in self.experiment.every_train
        )
        values = batch * (shapes.inputs + sum(spec.shape[1] for spec in specs if spec.role == "weight"))
        if values > MOST_VALUES:
            raise ExperimentError(
                f"{where} a step on {batch:,} examples keeps {values:,} values of its layers, and a trial "
                f"may keep {MOST_VALUES:,}; lower [train] batch_size or make it smaller."
            )


FITS: Mapping[str, type[Fit]] = {NETWORK_ON_DATA.kind: NetworkFit, OBJECTIVE.kind: ObjectiveFit}
"""By the kind of problem, what looks whether parts fit."""


def _article(task: Task) -> str:
    return "an" if task == "unsupervised" else "a"


def _class(entry: Entry) -> Any:
    assert entry.component is not None
    return entry.component.cls
