"""From choices to the parts of a trial: each is made, checked and, if it is data, looked at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from anncore.contract.errors import AnnxError, ComponentError, DataError, ExperimentError
from anncore.contract.hyperparameters import Interval, Plain, build, declared, references, resolve
from anncore.contract.kinds import Task
from anncore.contract.registry import Component
from anncore.contract.trial import Part, canonical
from anncore.engine.activations import needs_place
from anncore.engine.datasets import Shapes, prepare
from anncore.engine.network import body_specs
from anncore.experiment.choices import Choice, combos
from anncore.experiment.model import Entry, Experiment
from anncore.experiment.references import DEEPEST, apart


class PartMaker:
    """Makes the parts of one experiment's trials and remembers them."""

    def __init__(self, experiment: Experiment, known: Mapping[str, Shapes] | None = None) -> None:
        self.experiment, self.registry = experiment, experiment.registry
        self._known = known or {}
        self.seen: dict[str, Shapes] = {}
        self._parts: dict[Any, Part] = {}
        self._shapes: dict[Choice, Shapes] = {}
        self._fits: dict[Any, None] = {}

    def plain(self, choice: Choice) -> Part:
        """Return the part of a choice that depends on nothing else."""
        found = self._parts.get(choice)
        if found is None:
            found = self._parts[choice] = self._make(choice, {})
        return found

    def shapes(self, dataset: Choice) -> Shapes:
        """Return a data set's task and shapes, from making it once with the first seed if it is not known.

        Raises DataError, with file and section, for data that cannot be used.
        """
        found = self._shapes.get(dataset)
        if found is None:
            experiment = self.experiment
            part = self.plain(dataset)
            split, dtype = experiment.split, experiment.train.dtype
            seed = (*experiment.tune_seeds, *experiment.report_seeds)[0]
            told = canonical([part.text, split.text, experiment.sweep_seed, seed, dtype])
            name = hashlib.sha256(told.encode()).hexdigest()
            found = self._known.get(name)
            if found is None:
                try:
                    found = prepare(part, split, experiment.sweep_seed, seed, self.registry, dtype).shapes
                except Exception as error:
                    raise self._said(dataset.entry, error) from error
            self._shapes[dataset] = self.seen[name] = found
        return found

    def loss(self, choice: Choice, task: Task) -> Part:
        """Return the loss, "auto" as the natural one of the task."""
        if choice.entry.component is not None:
            return self.plain(choice)
        found = self._parts.get((choice, task))
        if found is None:
            found = self._parts[choice, task] = make_part(self.loss_component(choice.entry, task), {})
        return found

    def loss_component(self, entry: Entry, task: Task) -> Component:
        """Return the loss of an entry, for "auto" the natural one of the task."""
        if entry.component is not None:
            return entry.component
        try:
            return self.registry.natural_loss(task)
        except ComponentError as error:
            raise ExperimentError(f"{self.experiment.file}: {error}") from None

    def network(self, choice: Choice, activation: Choice | None, loss: Entry, task: Task) -> Part:
        """Return the network with its activations; "auto" is the loss's natural output activation."""
        component = self.loss_component(loss, task)
        key = (choice, activation, component.full_name, task)
        found = self._parts.get(key)
        if found is None:
            fill = {} if activation is None else {"activation": self.plain(activation)}
            auto = self.registry.get("activation", component.cls.outputs[task])
            found = self._parts[key] = self._make(choice, fill, make_part(auto, {}))
        return found

    def check_fit(self, dataset: Choice, network: Choice, loss: Entry) -> None:
        """Refuse a loss that cannot train the task, and an output activation that does not suit the loss."""
        task = self.shapes(dataset).task
        component = self.loss_component(loss, task)
        outputs = [
            network.resolved[key]
            for key, ref in references(_cls(network.entry)).items()
            if ref.kind == "activation" and ref.default == "auto"
        ]
        key = (task, component.full_name, network.entry.label, *outputs)
        if key in self._fits:
            return
        self._check_watch(task, network.entry)
        where = f"{self.experiment.file}: loss {component.name!r}"
        if task not in component.cls.outputs:
            fit = [
                each.name
                for each in self.registry.of_kind("loss")
                if task in each.cls.outputs and getattr(each.cls, "trainable", True)
            ]
            raise ExperimentError(
                f"{where} cannot train on data set {dataset.entry.label!r}, a {task} task; "
                f"use {', '.join(fit)}, or leave the pair out by [[exclude]]."
            )
        accepts = Interval.parse(getattr(component.cls, "accepts", "(-inf, inf)"))
        for names in outputs:
            for name in names:
                if name == "auto":
                    continue
                output = self.registry.get("activation", name)
                if needs_place(output.cls):
                    raise ExperimentError(
                        f"{self.experiment.file}: [network.{network.entry.label}] output cannot be "
                        f"{output.name!r}, which learns, draws or gates: that takes a place inside the "
                        f"network; use {component.cls.outputs[task]!r} or leave output out."
                    )
                reach = Interval.parse(getattr(output.cls, "range", "(-inf, inf)"))
                if not accepts.covers(reach):
                    raise ExperimentError(
                        f"{where} takes outputs in {accepts}, but the output activation {output.name!r} of "
                        f"[network.{network.entry.label}] gives {reach}; use "
                        f"{component.cls.outputs[task]!r} or leave output out."
                    )
        self._fits[key] = None

    def _check_watch(self, task: Task, network: Entry) -> None:
        """Refuse metrics that look into a network which does not show its layers, or are not for the task."""
        for name in self.experiment.train.watch:
            metric = self.registry.get("metric", name)
            where = f"{self.experiment.file}: [train] watch: {metric.name}"
            if task not in metric.cls.tasks:
                raise ExperimentError(f"{where} is not for {task} tasks; leave it out.")
            if not hasattr(_cls(network), "layers"):
                open_ = [
                    each.name for each in self.registry.of_kind("network") if hasattr(each.cls, "layers")
                ]
                raise ExperimentError(
                    f"{where} looks into the network, and [network.{network.label}] does not show its "
                    f"layers; use {', '.join(open_)}, or leave watch out."
                )

    def check_sizes(self, dataset: Choice, network: Choice, loss: Entry) -> None:
        """Refuse a network that cannot take the data set's inputs, or give as many outputs as are wanted."""
        seen = self.shapes(dataset)
        each = getattr(self.loss_component(loss, seen.task).cls, "outputs_per_target", 1)
        part = self.network(network, None, loss, seen.task)
        key = (part.text, seen.inputs, seen.outputs * each)
        if key in self._fits:
            return
        try:
            body_specs(part, self.registry, seen.inputs, seen.outputs * each)
        except ComponentError as error:
            raise ExperimentError(
                f"{self.experiment.file}: [network.{network.entry.label}] on data set "
                f"{dataset.entry.label!r}: {error}"
            ) from error
        self._fits[key] = None

    def _make(self, choice: Choice, fill: Mapping[str, Part], auto: Part | None = None) -> Part:
        component = choice.entry.component
        assert component is not None
        try:
            return self._part(component, choice.given, fill, auto)
        except Exception as error:
            raise self._said(choice.entry, error) from error

    def _part(
        self,
        component: Component,
        given: Mapping[str, Any],
        fill: Mapping[str, Part],
        auto: Part | None,
        depth: int = 0,
    ) -> Part:
        if depth > DEEPEST:
            raise ComponentError(f"{component.name}: its references go round in a circle")
        own, inner = apart(given)
        part = make_part(component, own)
        refs = self._refs(component, own, inner, fill, auto, depth)
        return self._finish(component, Part(part.kind, part.name, part.code, part.params, refs))

    def _finish(self, component: Component, part: Part) -> Part:
        """Check the part as a whole, take its paths out of its hyperparameters, put its fingerprint in."""
        cls: Any = component.cls
        paths = {
            key: str((self.experiment.base / part.params[key]).resolve()) if part.params[key] else ""
            for key, each in declared(cls).items()
            if isinstance(each.domain, Plain) and each.domain.type == "path"
        }
        names = {key: tuple(each.name for each in parts) for key, parts in part.refs.items()}
        built = build(cls, **{**part.params, **paths, **names})
        params = {key: value for key, value in part.params.items() if key not in paths}
        if hasattr(built, "fingerprint"):
            params["fingerprint"] = built.fingerprint()
        return Part(part.kind, part.name, part.code, params, part.refs, paths)

    def _refs(
        self,
        component: Component,
        own: Mapping[str, Any],
        inner: Mapping[str, Mapping[str, Any]],
        fill: Mapping[str, Part],
        auto: Part | None,
        depth: int,
    ) -> dict[str, tuple[Part, ...]]:
        found: dict[str, tuple[Part, ...]] = {}
        for key, ref in references(_class(component)).items():
            names = own.get(key, (ref.default,))
            if names == ("auto",):
                if auto is None:
                    raise ComponentError(f"{component.name}: {key} must be named here; 'auto' has no meaning")
                found[key] = (auto,)
            elif key not in own and key not in inner and ref.kind in fill:
                found[key] = (fill[ref.kind],)
            else:
                within = [self.registry.get(ref.kind, name) for name in names]
                found[key] = tuple(
                    self._part(each, inner.get(key, {}), {}, None, depth + 1) for each in within
                )
        return found

    def components(self, part: Part) -> Iterator[Component]:
        """Yield a part's component and those of all parts inside it."""
        yield self.registry.get(part.kind, part.name)
        for parts in part.refs.values():
            for each in parts:
                yield from self.components(each)

    def _said(self, entry: Entry, error: Exception) -> AnnxError:
        """Return what a component raised as one line that names file and section."""
        where = f"{self.experiment.file}: [{entry.kind}.{entry.label}]"
        reason = " ".join(str(error).split())
        if isinstance(error, DataError):
            return DataError(f"{where} {reason}")
        if isinstance(error, AnnxError):
            return ExperimentError(f"{where} {reason}")
        return ExperimentError(f"{where} cannot be made: {type(error).__name__}: {reason}")


def tasks_of(experiment: Experiment) -> set[Task]:
    """Return the tasks of the data sets that the plan uses."""
    maker = PartMaker(experiment)
    datasets = (option[0] for combo in combos(experiment) for option, _ in combo.options_of(("dataset",)))
    return {maker.shapes(choice).task for choice in dict.fromkeys(datasets)}


def make_part(component: Component, given: Mapping[str, Any]) -> Part:
    """Return a component's part without references, every hyperparameter resolved, lists for tuples."""
    params = resolve(component.cls, given)
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in params.items()}
    return Part(component.kind, component.full_name, component.code, plain)


def _class(component: Component) -> Any:
    return component.cls


def _cls(entry: Entry) -> Any:
    assert entry.component is not None
    return entry.component.cls
