"""The checks of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cache
from typing import Any, ClassVar, NamedTuple
from zlib import crc32

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import declared, references
from anncore.contract.kinds import (
    AnyNetwork,
    Array,
    ModalNetwork,
    Network,
    RuleNetwork,
    WeightSpec,
    learns_by_rule,
    overrides,
)
from anncore.engine.activations import Activations
from anncore.engine.network import OUTPUT, PlacedNetwork
from anncore.engine.snapshots import Snapshot
from anncore.testing.kit import Case, Kit, Named, Subject, must, must_be_close, must_equal_bits
from anncore.testing.mistakes import Gradients, derived, inherited, must_agree
from anncore.testing.places import STAND_INS

# Inputs and outputs. A network that cannot have the first ones raises ComponentError in `specs`.
SIZES = ((3, 2), (16, 3), (4, 4), (64, 10), (9, 6))
EXAMPLES = 5
STEPS = 4  # of a training, for learning rules that depend on the step
PROBED = 15  # the number of weights in each array with compared gradients,
PROBED_IN_ALL = 180  # fewer in each where there are many arrays
ROLES = ("weight", "bias", "gain", "state")
PLACES = ("input", "hidden", "output", "")


class NetworkKit(Kit):
    """Weights, shapes, the whole gradient, and the promises of its form and optional methods."""

    stacked = True
    dear = True

    def cases(self, subject: Subject) -> list[Case]:
        """Run forward and backward; the weights are among the inputs."""

        largest = cache(lambda: _largest([subject.build(variant) for variant in subject.variants()]))

        def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
            return _drawn(largest(), rng, trials, dtype)

        cases = [Case(f"{EXAMPLES} examples", inputs, lambda component, inputs: Rig(component, inputs).all())]
        if overrides(subject.cls, AnyNetwork.measures) or overrides(subject.cls, AnyNetwork.snapshot):
            cases.append(Case("what it shows", inputs, _shown, keeps_dtype=False))
        return cases

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        cls = subject.cls
        forms = [
            ("gradient", gradient, has_gradient(cls)),
            ("places", places, overrides(cls, AnyNetwork.places)),
            ("modes", modes, issubclass(cls, ModalNetwork)),
            ("draw", draw, overrides(cls, AnyNetwork.draw)),
            ("layers", layers, overrides(cls, AnyNetwork.layers)),
            ("learn", learn, learns_by_rule(cls)),
            ("measures", measures, bool(cls.measured) or overrides(cls, AnyNetwork.measures)),
            ("snapshot", snapshot, overrides(cls, AnyNetwork.snapshot)),
            ("after_step", after_step, overrides(cls, AnyNetwork.after_step)),
        ]
        return [("specs", specs_sound), *((n, check) for n, check, holds in forms if holds)]


def has_gradient(cls: Any) -> bool:
    """Tell whether a network class has a gradient: with a rule of its own it needs none, and may have one."""
    return not issubclass(cls, RuleNetwork) or overrides(cls, AnyNetwork.backward)


class Given:
    """Random numbers like those of `engine.noise.Noise`; a number per trial seeds its generators."""

    def __init__(self) -> None:
        self._seeds = np.zeros((0, 1))
        self._shapes: dict[str, tuple[int, ...]] = {}

    def begin(self, seeds: Array) -> None:
        """Begin a pass of trials with other numbers, (T, 1)."""
        self._seeds = seeds
        self.renew()

    def of(self, name: str, trials: slice, draw: Callable[[np.random.Generator], Array]) -> Array:
        """Return the numbers of a name."""
        draws = []
        for seed in self._seeds[trials, 0]:
            number = int(seed * 2**20) if np.isfinite(seed) else 0
            draws.append(draw(np.random.default_rng([crc32(name.encode()), number])))
        shape = np.shape(draws[0])
        before = self._shapes.setdefault(name, shape)
        must(before == shape, f"it draws shapes {before} and {shape} under one name, {name!r}, in a step")
        return np.stack(draws).astype(self._seeds.dtype)

    def renew(self) -> None:
        """Begin another step."""
        self._shapes.clear()


class Rig:
    """A network with activations in its places, and all inputs of a pass through it."""

    def __init__(self, component: Any, inputs: dict[str, Array]) -> None:
        self.component, self.inputs = component, inputs
        sizes, self.wired = _wired(component)
        self.noise, self._seeds = self.wired.noise, inputs["noise"]
        self.noise.begin(self._seeds)
        self.x, self.grad, self.y = (
            np.ascontiguousarray(inputs[key][:, :, :size])
            for key, size in (("x", sizes[0]), ("grad", sizes[1]), ("y", sizes[1]))
        )
        self.specs = self.wired.specs
        self.trained = {
            spec.name: value
            for spec, value in zip(
                self._of("trained"), _cut(self._of("trained"), inputs["numbers"]), strict=True
            )
        }
        self.state = {spec.name: self._start(spec, component) for spec in self._of("state")}
        for array in (self.x, self.grad, self.y, *self.trained.values()):
            array.setflags(write=False)

    def _of(self, what: str) -> list[WeightSpec]:
        return [spec for spec in self.specs if (spec.role == "state") == (what == "state")]

    def _start(self, spec: WeightSpec, component: Any) -> Array:
        trials, dtype = len(self.x), self.x.dtype
        draws = [
            self.noise.of(f"state {spec.name}", slice(row, row + 1), _drawer(alone(component, row), spec))[0]
            for row in range(trials)
        ]
        return np.stack(draws).astype(dtype)

    def forward(
        self, moved: Mapping[str, Array] | None = None, *, training: bool = True, first: bool = True
    ) -> tuple[Array, Any, dict[str, Array]]:
        """Return the network's output, its tape, and its weights and state after the pass.

        moved: weights with other values than the initial ones.
        """
        weights = {**self.trained, **(moved or {}), **{name: v.copy() for name, v in self.state.items()}}
        self.noise.begin(self._seeds)
        z, tape = self.wired.forward(weights, self.x, training=training, first=first)
        must(z.shape == self.grad.shape, f"forward gives shape {z.shape} in place of {self.grad.shape}")
        return z, tape, weights

    def without_backward(self) -> Rig:
        """Return the same for the network without its own backward."""
        cls: Any = type(self.component)
        twin: Any = object.__new__(type(cls.__name__, (cls,), {"backward": AnyNetwork.backward}))
        twin.__dict__.update(vars(self.component))
        return Rig(twin, self.inputs)

    def gradients(self, *, training: bool) -> dict[str, Array]:
        """Return the gradients of a pass; those that backward does not write are NaN."""
        _, tape, weights = self.forward(training=training)
        return self.backward(weights, tape)

    def backward(self, weights: Mapping[str, Array], tape: Any) -> dict[str, Array]:
        """Return the gradients; those that backward does not write are NaN."""
        grads = {name: np.full_like(value, np.nan) for name, value in self.trained.items()}
        given = dict(grads)
        self.wired.backward(weights, tape, self.grad, grads)
        _must_keep_arrays("backward", "grads", given, grads)
        return grads

    def learn(self, now: tuple[int, int] = (1, STEPS)) -> dict[str, Array]:
        """Return the changes from the network's own learning rule at a step, and the state after it."""
        grads = {name: np.full_like(value, np.nan) for name, value in self.trained.items()}
        state = {name: v.copy() for name, v in self.state.items()}
        given, weights = dict(grads), {**self.trained, **state}
        self.noise.begin(self._seeds)
        self.wired.learn(weights, self.x, self.y, grads, now=now)
        _must_keep_arrays("learn", "grads", given, grads)
        _must_keep_arrays("learn", "weights", {**self.trained, **state}, weights)
        return {
            **{f"change of {name}": value for name, value in grads.items()},
            **{f"{name} after learning": value for name, value in state.items()},
        }

    def measures(self) -> dict[str, Array]:
        """Return what the network measures of itself."""
        return dict(self.wired.measures({**self.trained, **self.state}, self.x))

    def snapshot(self) -> dict[str, Array]:
        """Return what the network shows of itself."""
        return dict(self.wired.snapshot({**self.trained, **self.state}, self.x, self.y))

    def after_step(self) -> dict[str, Array]:
        """Return weights and state after the network has changed them at the end of its first step."""
        weights = {name: value.copy() for name, value in {**self.trained, **self.state}.items()}
        given = dict(weights)
        self.noise.begin(self._seeds)
        self.wired.after_step(weights, now=(1, STEPS))
        _must_keep_arrays("after_step", "weights", given, weights)
        return weights

    def all(self) -> dict[str, Array]:
        """Return all results of the network, in training and in evaluation."""
        figures = {}
        for training in (True, False):
            when = "training" if training else "evaluation"
            z, tape, weights = self.forward(training=training)
            figures[f"z in {when}"] = z
            if has_gradient(type(self.wired.component)):
                for name, value in self.backward(weights, tape).items():
                    figures[f"gradient of {name} in {when}"] = value
            for name in self.state:
                figures[f"{name} after {when}"] = weights[name]
        if self.wired.learns:
            for step in (1, STEPS // 2, STEPS):
                figures |= {f"{name}, step {step}": v for name, v in self.learn((step, STEPS)).items()}
        if self.wired.adjusts:
            figures |= {f"{name} after a step": value for name, value in self.after_step().items()}
        return figures


def _must_keep_arrays(method: str, what: str, given: Mapping[str, Array], after: Mapping[str, Array]) -> None:
    """Refuse a method that puts arrays of its own in place of those it got, which training keeps using."""
    for name, value in given.items():
        must(
            after.get(name) is value,
            f"{method} puts another array in place of {what}[{name!r}]; write into it, "
            f"{what}[{name!r}][...] = value",
        )


def _shown(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
    rig = Rig(component, inputs)
    measured = {f"measured {name}": value for name, value in rig.measures().items()}
    return measured | {f"shown {name}": value for name, value in rig.snapshot().items()}


_LAST: list[tuple[Any, tuple[int, int], PlacedNetwork]] = []  # the components that were last under check


def _wired(component: Any) -> tuple[tuple[int, int], PlacedNetwork]:
    """Return the sizes of a component and its network in place, which derives its gradients once."""
    for before, sizes, network in _LAST:
        if before is component:
            return sizes, network
    sizes = sizes_of(component)
    network = PlacedNetwork(component, *sizes, Given())
    _LAST.append((component, sizes, network))
    del _LAST[:-2]
    return sizes, network


def alone(component: Any, row: int) -> Any:
    """Return the network of one trial of a stack, with hyperparameters as plain numbers."""
    cls: Any = type(component)
    twin = copy(component)
    for key in declared(cls):
        value = getattr(component, key)
        if isinstance(value, np.ndarray):
            object.__setattr__(twin, key, float(value[row, 0, 0]))
    return twin


def _drawer(component: Any, spec: WeightSpec) -> Callable[[np.random.Generator], Array]:
    return lambda rng: component.draw(rng, spec)


def sizes_of(component: Any) -> tuple[int, int]:
    """Return the first inputs and outputs of SIZES that a network accepts."""
    reasons = []
    for inputs, outputs in SIZES:
        try:
            PlacedNetwork(component, inputs, outputs, None)
        except ComponentError as error:
            reasons.append(str(error))
        else:
            return inputs, outputs
    raise AssertionError(f"it accepts none of the sizes {SIZES}: {reasons[-1]}")


class Largest(NamedTuple):
    """The most inputs, outputs and numbers of weights of several networks."""

    inputs: int
    outputs: int
    numbers: int


def _inputs(subject: Subject, rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
    """Return inputs that are large enough for every variant; each variant uses a part of them."""
    return _enough([subject.build(variant) for variant in subject.variants()], rng, trials, dtype)


def _enough(
    built: Sequence[Any], rng: np.random.Generator, trials: int, dtype: str = "float64"
) -> dict[str, Array]:
    return _drawn(_largest(built), rng, trials, dtype)


def _largest(built: Sequence[Any]) -> Largest:
    sizes = [sizes_of(network) for network in built]
    most = max(
        sum(spec.shape[0] * spec.shape[1] for spec in PlacedNetwork(network, *size, None).specs)
        for network, size in zip(built, sizes, strict=True)
    )
    inputs, outputs = (max(column) for column in zip(*sizes, strict=True))
    return Largest(inputs, outputs, most)


def _drawn(largest: Largest, rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
    drawn = {
        "x": rng.normal(size=(trials, EXAMPLES, largest.inputs)),
        "grad": rng.normal(size=(trials, EXAMPLES, largest.outputs)),
        "y": rng.normal(size=(trials, EXAMPLES, largest.outputs)),
        "numbers": rng.normal(scale=0.5, size=(trials, largest.numbers)),
        "noise": rng.random((trials, 1)),
    }
    return {key: array.astype(dtype) for key, array in drawn.items()}


def _cut(specs: Sequence[WeightSpec], numbers: Array) -> list[Array]:
    """Return weights around their initial values."""
    pieces, start = [], 0
    for spec in specs:
        size = spec.shape[0] * spec.shape[1]
        moved = numbers[:, start : start + size].reshape(len(numbers), *spec.shape)
        pieces.append(np.array(spec.initial + moved, numbers.dtype))
        start += size
    return pieces


def specs_sound(subject: Subject) -> int:
    """Names of weights differ, shapes and fans are positive, roles and places are valid."""
    count = 0
    for variant in subject.variants():
        component = subject.build(variant)
        specs = PlacedNetwork(component, *sizes_of(component), None).specs
        names = [spec.name for spec in specs]
        must(len(set(names)) == len(names), f"{variant.label}: two weights share a name in {names}")
        for spec in specs:
            positive = min(*spec.shape, spec.fan_in, spec.fan_out) > 0
            must(len(spec.shape) == 2 and positive, f"{variant.label}: {spec.name} has shape {spec.shape}")
            must(spec.role in ROLES, f"{variant.label}: {spec.name} has role {spec.role!r}")
            must(spec.place in PLACES, f"{variant.label}: {spec.name} has place {spec.place!r}")
            count += 1
    return count


def gradient(subject: Subject) -> int:
    """In float64, gradients, written or derived, are central differences of forward, for all weights.

    If they are written by hand, they also agree with those derived from forward.
    """
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        rig = Rig(component, _inputs(subject, np.random.default_rng(17), 2, "float64"))
        count += _compare(rig, variant.label, training=False)
    return count


def _compare(rig: Rig, label: str, *, training: bool) -> int:
    """Compare the gradient of every array of weights with central differences, and with the derived one."""
    rng, count = np.random.default_rng(18), 0
    grads = rig.gradients(training=training)
    by_formula = _derived(rig, training=training)
    form = ModalNetwork if isinstance(rig.component, ModalNetwork) else Network
    theirs = inherited(rig.component, "backward", form)
    most = min(PROBED, -(-PROBED_IN_ALL // len(rig.trained)))
    for name, value in rig.trained.items():
        by_difference = np.full(value.shape, np.nan)
        for flat in rng.choice(value[0].size, size=min(most, value[0].size), replace=False):
            place = (1, *np.unravel_index(flat, value[0].shape))
            by_difference[place] = _difference(rig, name, place, training=training)
            count += 1
        probed = ~np.isnan(by_difference)
        message = f"{label}: {rig.wired.gradient_from} for {name}"
        right = by_formula.get(name)
        if right is not None and np.allclose(right[probed], by_difference[probed], rtol=1e-5, atol=1e-7):
            # All numbers of a matrix say best what kind of mistake it is.
            matrices = Gradients(grads[name], right, value, "", {"N": EXAMPLES}, True, theirs)
            scale = max(float(np.abs(right).max()), 1.0)
            must_agree(matrices, message, rtol=1e-7, atol=1e-10 * scale)
        some = Gradients(
            grads[name][probed], by_difference[probed], value[probed], "", {"N": EXAMPLES}, False, theirs
        )
        must_agree(some, message, rtol=1e-5, atol=1e-7)
    return count


def _derived(rig: Rig, *, training: bool) -> Mapping[str, Array]:
    """Return the gradients derived from forward; none if the core derives them anyway, or cannot."""
    if not overrides(type(rig.component), AnyNetwork.backward):
        return {}
    return derived(lambda: rig.without_backward().gradients(training=training)) or {}


def _difference(rig: Rig, name: str, place: Any, *, training: bool) -> float:
    """Return the central difference of the loss by one number of a weight."""
    ends = []
    for step in (1e-6, -1e-6):
        moved = rig.trained[name].copy()
        moved[place] += step
        z, _, _ = rig.forward({name: moved}, training=training)
        ends.append(float((z * rig.grad).sum()))
    return (ends[0] - ends[1]) / 2e-6


class _Watched(Activations):
    """Activations that record every call: the place, its units, the columns of z."""

    placed: ClassVar[list[tuple[str, int, int]]] = []

    def forward_of(self, call: int, z: Array) -> Array:
        self.placed.append((self._place, self._units, z.shape[2]))
        return super().forward_of(call, z)


def places(subject: Subject) -> int:
    """In every place an activation may learn, draw or gate: it is called there, with the width it needs."""
    count = 0
    for variant in subject.variants():
        for stand_in in STAND_INS:
            label = f"{variant.label}, with an activation that {stand_in.does}"
            plain = subject.stack(subject.rows(variant, 2), "float64")
            component = copy(plain)
            for key, reference in references(subject.cls).items():
                if reference.kind == "activation" and key != OUTPUT:
                    object.__setattr__(component, key, (_Watched.alone(stand_in()),))
            rig = Rig(component, _enough([component], np.random.default_rng(19), 2))
            _Watched.placed.clear()
            try:
                rig.forward()
            except ValueError as error:  # shapes that do not fit; the messages below give the reason
                _must_be_wide(rig, label)
                raise AssertionError(f"{label}: {error}") from error
            _must_be_called(rig, label)
            _must_be_wide(rig, label)
            count += _compare(rig, label, training=True)
    return count


def _must_be_called(rig: Rig, label: str) -> None:
    named = rig.wired.component.places(rig.x.shape[2], rig.grad.shape[2])
    every = {f"{key}{i}" for key, units in named.items() for i in range(1, len(units) + 1)}
    called = {place for place, _, _ in _Watched.placed}
    missed = sorted(every - called)
    must(not missed, f"{label}: places names {', '.join(missed)}, which forward never calls")


def _must_be_wide(rig: Rig, label: str) -> None:
    for place, units, columns in _Watched.placed:
        index = place.lstrip("abcdefghijklmnopqrstuvwxyz_")
        key = place.removesuffix(index)
        wanted = getattr(rig.wired.component, key)[int(index) - 1].width(units)
        must(
            columns == wanted,
            f"{label}: {place} needs {wanted} columns for its {units} units, but gets {columns}",
        )


def modes(subject: Subject) -> int:
    """Only training draws and, the first time in a step, writes state; gradients are right in both modes."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        if not component.modes:
            continue
        rig = Rig(component, _inputs(subject, np.random.default_rng(20), 2, "float64"))
        trained, _, after = rig.forward()
        again, _, left = rig.forward(first=False)
        _must_leave_state(rig, left, f"{variant.label}: when a step uses its batch again")
        must_equal_bits(trained, again, f"{variant.label}: the second time in a step")
        still, _, left = rig.forward(training=False)
        _must_leave_state(rig, left, f"{variant.label}: in evaluation")
        changed = any((after[name] != value).any() for name, value in rig.state.items())
        differs = (trained != still).any() or changed
        must(
            differs,
            f"{variant.label}: training and evaluation give the same; derive it from Network",
        )
        other = _others_noise(component, subject, rig)
        must_equal_bits(still, other, f"{variant.label}: evaluation under other random numbers")
        count += _compare(rig, f"{variant.label}, in training", training=True)
        count += _compare(rig, f"{variant.label}, in evaluation", training=False)
    return count


def _must_leave_state(rig: Rig, after: Mapping[str, Array], when: str) -> None:
    for name, before in rig.state.items():
        must((after[name] == before).all(), f"{when} {name} must not change")


def _others_noise(component: Any, subject: Subject, rig: Rig) -> Array:
    inputs = _inputs(subject, np.random.default_rng(20), 2, "float64")
    other = Rig(component, {**inputs, "noise": 1 - inputs["noise"]})
    other.state = rig.state
    return other.forward(training=False)[0]


def draw(subject: Subject) -> int:
    """The initial state is drawn in its shape, equal from equal streams."""
    count = 0
    for variant in subject.variants():
        component = subject.build(variant)
        specs = [
            spec
            for spec in PlacedNetwork(component, *sizes_of(component), None).specs
            if spec.role == "state"
        ]
        for spec in specs:
            one, two = (np.asarray(component.draw(np.random.default_rng(21), spec)) for _ in range(2))
            must(
                one.shape == spec.shape,
                f"{variant.label}: draw gives shape {one.shape} for {spec.name} in place of {spec.shape}",
            )
            must(
                np.isfinite(one).all(),
                f"{variant.label}: draw gives numbers for {spec.name} that are not finite",
            )
            must_equal_bits(one, two, f"{variant.label}: {spec.name} drawn twice from one stream")
            count += 1
    return count


def layers(subject: Subject) -> int:
    """Layers come in forward order; each names the weight that its z depends on, and no later one."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        rig = Rig(component, _inputs(subject, np.random.default_rng(22), 2, "float64"))
        before = _layers(rig, {})
        must(before, f"{variant.label}: layers returns no layer")
        weights = {spec.name: spec for spec in rig.specs if spec.role != "state"}
        for i, layer in enumerate(before):
            where = f"{variant.label}: layer {i + 1}"
            must(
                layer.weight in weights,
                f"{where} has weight {layer.weight!r}, which is not one of its weights",
            )
            columns = weights[layer.weight].shape[1]
            for what, value in (("z", layer.z), ("a", layer.a)):
                shaped = value is None or (value.ndim == 3 and len(value) == 2)
                must(shaped, f"{where}: {what} must be (T, N, D), got {np.shape(value)}")
            must(layer.z.shape[2] == columns, f"{where}: z has {layer.z.shape[2]} columns, not {columns}")
            if layer.slope is not None:
                must(layer.a is not None, f"{where} has a slope but no activation")
                shape = np.shape(layer.slope())
                must(shape == np.shape(layer.a), f"{where}: slope has shape {shape}, not that of a")
            moved = {layer.weight: 1.5 * rig.trained[layer.weight]}
            after = _layers(rig, moved)
            must(
                (after[i].z != layer.z).any(), f"{where}: its z does not depend on its weight, {layer.weight}"
            )
            for k in range(i):
                same = (after[k].z == before[k].z).all()
                must(same, f"{where} comes after layer {k + 1}, but the z of that layer depends on it")
            count += 1
    return count


def _layers(rig: Rig, moved: Mapping[str, Array]) -> Sequence[Any]:
    """Return the `Layer`s that a network shows in evaluation, none if it shows none."""
    _, tape, _ = rig.forward(moved, training=False)
    try:
        return rig.wired.layers(tape)
    except ComponentError:
        return ()


def learn(subject: Subject) -> int:
    """Its own learning rule writes a finite change for every weight, and repeats it bit for bit."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        rig = Rig(component, _inputs(subject, np.random.default_rng(23), 2, "float64"))
        for step in (1, STEPS // 2, STEPS):
            one, two = rig.learn((step, STEPS)), rig.learn((step, STEPS))
            for name, value in one.items():
                must(np.isfinite(value).all(), f"{variant.label}: learn does not write the {name}")
                must_equal_bits(value, two[name], f"{variant.label}: learn, the second time: the {name}")
                count += 1
    return count


def after_step(subject: Subject) -> int:
    """What it changes after a step is finite, written in place, and the same each time."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float32")
        rig = Rig(component, _inputs(subject, np.random.default_rng(24), 2, "float32"))
        one, two = rig.after_step(), rig.after_step()
        for name, value in one.items():
            where = f"{variant.label}: after_step: {name}"
            must(np.isfinite(value).all(), f"{where} is not finite")
            must_equal_bits(value, two[name], f"{where}, the second time")
            count += 1
    return count


def measures(subject: Subject) -> int:
    """It returns a number per trial for every metric in `measured`, whatever the order of the examples."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        inputs = _inputs(subject, np.random.default_rng(24), 2, "float64")
        values, named = Rig(component, inputs).measures(), component.measured
        must(
            set(values) == set(named),
            f"{variant.label}: measures returns {sorted(values)}, and measured names {sorted(named)}",
        )
        order = np.random.default_rng(25).permutation(EXAMPLES)
        turned = Rig(component, {**inputs, "x": inputs["x"][:, order]}).measures()
        for name, value in values.items():
            must(np.shape(value) == (2,), f"{variant.label}: {name} has shape {np.shape(value)}, not (T,)")
            must_be_close(turned[name], value, f"{variant.label}: {name} in another order", 1e-9, 1e-12)
            count += 1
    return count


def snapshot(subject: Subject) -> int:
    """It returns arrays with the trials' axis first, finite, with few enough numbers to be kept."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 2), "float64")
        shown = Rig(component, _inputs(subject, np.random.default_rng(26), 2, "float64")).snapshot()
        must(shown, f"{variant.label}: snapshot returns nothing")
        sizes = 0
        for name, value in shown.items():
            shape = np.shape(value)
            must(len(shape) > 0 and shape[0] == 2, f"{variant.label}: {name} has shape {shape}, not (T, ...)")
            must(np.isfinite(value).all(), f"{variant.label}: {name} holds numbers that are not finite")
            sizes += math.prod(shape[1:])
            count += 1
        few = sizes <= Snapshot.MOST
        must(few, f"{variant.label}: snapshot gives {sizes} numbers of a trial, above {Snapshot.MOST}")
    return count
