"""From choices to the parts of a trial: each is made and checked once, a data set also for its shapes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from anncore.contract.errors import (
    RAISED_BY_PLUGINS,
    AnnxError,
    ComponentError,
    DataError,
    ExperimentError,
    described,
)
from anncore.contract.hyperparameters import Interval, Plain, build, declared, references, resolve
from anncore.contract.kinds import Array, Task
from anncore.contract.registry import Registered
from anncore.contract.shown import shortened
from anncore.contract.trial import Part, canonical
from anncore.engine.datasets import Shapes, prepare, shared_by_seeds
from anncore.experiment.choices import Choice, combos
from anncore.experiment.model import Entry, Experiment
from anncore.experiment.references import DEEPEST, apart


class Most(NamedTuple):
    """The largest whole number that a component may have, and the largest product of all of them."""

    single: int
    product: int


MOST_NUMBERS: Mapping[str, Most] = {
    "dataset": Most(20_000_000, 1_000_000_000),
    "objective": Most(10_000_000, 10_000_000),
    "network": Most(1_000_000, 10_000_000),
}
"""By kind, beyond what a component is not even made: data are in memory before anything trains."""


class Filling(NamedTuple):
    """What the rest of an experiment puts into the references that a network's section leaves open."""

    parts: Mapping[str, Part] = {}  # by kind
    auto: Part | None = None  # for a reference that is "auto"


class PartMaker:
    """Makes the parts of one experiment's trials and remembers them."""

    def __init__(self, experiment: Experiment, known: Mapping[str, Shapes] | None = None) -> None:
        self.experiment, self.registry = experiment, experiment.registry
        self._known = known or {}
        self.seen: dict[str, Shapes] = {}
        self._parts: dict[Any, Part] = {}
        self._shapes: dict[Choice, Shapes] = {}

    def plain(self, choice: Choice) -> Part:
        """Return the part of a choice that depends on nothing else."""
        part = self._parts.get(choice)
        if part is None:
            part = self._parts[choice] = self._make(choice, Filling())
        return part

    def shapes(self, dataset: Choice) -> Shapes:
        """Return a data set's task and shapes; where they are not known it is made, with the first seed.

        And once more with another one, to see whether seeds share its rows.

        Raises DataError, with file and section, for data that cannot be used.
        """
        shapes = self._shapes.get(dataset)
        if shapes is None:
            experiment = self.experiment
            part = self.plain(dataset)
            split, dtype = experiment.split_of(dataset.entry.label), experiment.train.dtype
            seed = (*experiment.tune_seeds, *experiment.report_seeds)[0]
            description = canonical([part.text, split.text, experiment.sweep_seed, seed, dtype])
            digest = hashlib.sha256(description.encode()).hexdigest()
            shapes = self._known.get(digest)
            if shapes is None:
                try:
                    made = prepare(part, split, experiment.sweep_seed, seed, self.registry, dtype)
                    same = shared_by_seeds(made, part, experiment.sweep_seed, seed + 1, self.registry)
                    shapes = made.shapes._replace(same=same)
                except RAISED_BY_PLUGINS as error:
                    raise self._located(dataset.entry, error) from error
            self._shapes[dataset] = self.seen[digest] = shapes
        return shapes

    def value_range(self, dataset: Choice, what: Literal["x", "y"]) -> tuple[float, float]:
        """Return the least and greatest input (x) or target (y) of the first seed, as training has them."""
        every = self._values(dataset, what)
        return min(float(values.min()) for values in every), max(float(values.max()) for values in every)

    def stray_value(self, dataset: Choice, only: Sequence[float]) -> float | None:
        """Return an input or target of the first seed that is none of `only`, as training has it, or None."""
        for values in (*self._values(dataset, "x"), *self._values(dataset, "y")):
            stray = values[~np.isin(values, only)]
            if stray.size:
                return float(stray[0])
        return None

    def _values(self, dataset: Choice, what: Literal["x", "y"]) -> list[Array]:
        experiment = self.experiment
        seed = (*experiment.tune_seeds, *experiment.report_seeds)[0]
        part, dtype = self.plain(dataset), experiment.train.dtype
        split = experiment.split_of(dataset.entry.label)
        data = prepare(part, split, experiment.sweep_seed, seed, self.registry, dtype)
        return [getattr(data, f"{what}_{name}") for name in ("train", "valid", "test")]

    def loss(self, choice: Choice, task: Task) -> Part:
        """Return the loss, "auto" as the natural one of the task."""
        if choice.entry.component is not None:
            return self.plain(choice)
        part = self._parts.get((choice, task))
        if part is None:
            part = self._parts[choice, task] = make_part(self.loss_component(choice.entry, task), {})
        return part

    def loss_component(self, entry: Entry, task: Task) -> Registered:
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
        part = self._parts.get(key)
        if part is None:
            parts = {} if activation is None else {"activation": self.plain(activation)}
            auto = self.registry.get("activation", component.cls.outputs[task])
            part = self._parts[key] = self._make(choice, Filling(parts, make_part(auto, {})))
        return part

    def _make(self, choice: Choice, filling: Filling) -> Part:
        component = choice.entry.component
        assert component is not None
        try:
            return self._part(component, choice.given, filling)
        except RAISED_BY_PLUGINS as error:
            raise self._located(choice.entry, error) from error

    def _part(
        self, component: Registered, given: Mapping[str, Any], filling: Filling, depth: int = 0
    ) -> Part:
        if depth > DEEPEST:
            raise ComponentError(f"{component.name}: its references form a circle")
        own, inner = apart(given)
        refs: dict[str, tuple[Part, ...]] = {}
        for key, reference in references(_class(component)).items():
            names = own.get(key, (reference.default,))
            if names == ("auto",):
                if filling.auto is None:
                    raise ComponentError(f"{component.name}: {key} must be named here; 'auto' has no meaning")
                refs[key] = (filling.auto,)
            elif key not in own and key not in inner and reference.kind in filling.parts:
                refs[key] = (filling.parts[reference.kind],)
            else:
                inside = [self.registry.get(reference.kind, name) for name in names]
                values = inner.get(key, {})
                refs[key] = tuple(self._part(other, values, Filling(), depth + 1) for other in inside)
        part = make_part(component, own)
        refuse_large(component, part.params)
        refuse_unheld(component, part.params, self.experiment.train.dtype)
        return self._finish(component, Part(part.kind, part.name, part.code, part.params, refs))

    def _finish(self, component: Registered, part: Part) -> Part:
        """Check the part as a whole, take its paths out of its hyperparameters, put its fingerprint in."""
        cls: Any = component.cls
        paths = {
            key: str((self.experiment.base / part.params[key]).resolve()) if part.params[key] else ""
            for key, field in declared(cls).items()
            if isinstance(field.domain, Plain) and field.domain.type == "path"
        }
        names = {key: tuple(inner.name for inner in parts) for key, parts in part.refs.items()}
        built = build(cls, **{**part.params, **paths, **names})
        params = {key: value for key, value in part.params.items() if key not in paths}
        if fingerprint := _fingerprint(built):
            params["fingerprint"] = fingerprint
        if self._wraps_one_that_asks(part):
            # Results from when only the first gradient of a step went through a wrapper have another key.
            params["asked"] = "through the wrapper"
        return Part(part.kind, part.name, part.code, params, part.refs, paths)

    def _wraps_one_that_asks(self, part: Part) -> bool:
        if part.kind != "optimizer" or not part.refs:
            return False
        _, *inside = self.components(part)
        return any(component.kind == "optimizer" and component.cls.asks for component in inside)

    def components(self, part: Part) -> Iterator[Registered]:
        """Yield a part's component and those of all parts inside it."""
        yield self.registry.get(part.kind, part.name)
        for parts in part.refs.values():
            for inner in parts:
                yield from self.components(inner)

    def _located(self, entry: Entry, error: BaseException) -> AnnxError:
        """Return what a component raised as one line per mistake that names file and section."""
        where = f"{self.experiment.file}: [{entry.kind}.{entry.label}]"
        if isinstance(error, DataError):
            return DataError(*(f"{where} {' '.join(line.split())}" for line in error.lines))
        if isinstance(error, AnnxError):
            return ExperimentError(f"{where} {error}")
        return ExperimentError(f"{where} cannot be made: {described(error)}")


def _fingerprint(built: Any) -> str:
    """Return what a component says of its data; raises ComponentError where that is no text."""
    fingerprint = built.fingerprint()
    if not isinstance(fingerprint, str):
        raise ComponentError(
            f"{built.name}: fingerprint() must return a text, got {shortened(repr(fingerprint), 60)}"
        )
    return fingerprint


def refuse_large(component: Registered, params: Mapping[str, Any]) -> None:
    """Refuse a component whose whole numbers ask for more memory than there is.

    They are numbers of examples, features, units or dimensions; what is a seed by its name counts none.
    """
    numbers = {
        key: max(params[key] or 1, 1)
        for key, field in declared(_class(component)).items()
        if isinstance(field.domain, Interval) and field.domain.integer and "seed" not in key
    }
    most = MOST_NUMBERS.get(component.kind)
    if most is None or not numbers:
        return
    largest = max(numbers, key=lambda key: numbers[key])
    if numbers[largest] > most.single:
        raise ComponentError(
            f"{component.name}: {largest} = {numbers[largest]} would fill the memory; it may be "
            f"{most.single:,}"
        )
    if math.prod(numbers.values()) > most.product:
        product = " x ".join(f"{key} = {number}" for key, number in numbers.items() if number > 1)
        raise ComponentError(
            f"{component.name}: {product} would fill the memory; their product may be {most.product:,}"
        )


def refuse_unheld(component: Registered, params: Mapping[str, Any], dtype: str) -> None:
    """Refuse a number that training would hold as infinite, or as a bound that its domain leaves out."""
    if component.kind == "dataset":  # made in float64
        return
    for key, field in declared(_class(component)).items():
        if not field.stackable or not isinstance(field.domain, Interval):
            continue
        with np.errstate(over="ignore", under="ignore"):
            held = float(np.array(params[key], dtype))
        if not math.isfinite(held) or (held == 0 and not field.domain.holds(0.0)):
            raise ComponentError(
                f"{component.name}: {key} = {params[key]:g} is {held:g} in {dtype}; choose a number between "
                f"{np.finfo(dtype).smallest_subnormal:.0e} and {np.finfo(dtype).max:.0e}, "
                'or write [train] dtype = "float64"'
            )


def tasks_of(experiment: Experiment) -> set[Task]:
    """Return the tasks of the data sets that the plan uses."""
    maker = PartMaker(experiment)
    datasets = (option[0] for combo in combos(experiment) for option, _ in combo.options_of(("dataset",)))
    return {maker.shapes(choice).task for choice in dict.fromkeys(datasets)}


def make_part(component: Registered, given: Mapping[str, Any]) -> Part:
    """Return a component's part without references, every hyperparameter resolved, lists for tuples."""
    params = resolve(component.cls, given)
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in params.items()}
    return Part(component.kind, component.full_name, component.code, plain)


def _class(component: Registered) -> Any:
    return component.cls
