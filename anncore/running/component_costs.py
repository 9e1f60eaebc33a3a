"""What a component costs on this machine: time per step and per number, in and beyond the cache.

Components are built and called as the engine does it: stacked, in float32, on one BLAS thread. Machines
drift, so the repetitions of all components are interleaved, and a cost is a median with its quartiles.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from anncore.contract.errors import RAISED_BY_PLUGINS, ComponentError, described, nearest
from anncore.contract.hyperparameters import references, resolve
from anncore.contract.kind_names import article, kind_called
from anncore.contract.kinds import REAL_TASKS, TASKS, Array, WeightSpec
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import Part, Split, Train, Trial
from anncore.engine.activations import Activations
from anncore.engine.build import build_part, build_stack
from anncore.engine.fusing import Formula
from anncore.engine.nested import asks
from anncore.engine.optimizing import Trained, optimizer_runs
from anncore.engine.process import keep_memory_mapped, one_blas_thread

KINDS = ("optimizer", "activation", "loss")
DTYPE: Final = "float32"
SIZES = (1 << 14, 1 << 19)  # 64 KiB and 2 MiB an array: within a core's cache, and beyond
REPETITIONS = 9
SECONDS = 2e-3  # a repetition lasts at least this long: the clock's own cost vanishes in it

# One trial's share of an array: a batch of 32 examples by 32 units, a matrix of 32 by 32 weights.
EXAMPLES = UNITS = 32
CLASSES = 8


class Cost(NamedTuple):
    """What one component costs at one size.

    numbers: parameters updated, units activated (forward and backward), or outputs scored (value and
    gradient) per step. seconds: per step, one value per repetition; empty where the component raised
    `error`. note: what was measured, where it needs saying.
    """

    component: Registered
    numbers: int
    seconds: tuple[float, ...]
    note: str = ""
    error: str = ""

    def quartiles(self) -> tuple[float, float, float]:
        """Return the lower quartile, the median and the upper quartile of the seconds per step."""
        low, middle, high = np.percentile(self.seconds, (25, 50, 75))
        return float(low), float(middle), float(high)

    def to_json(self) -> dict[str, Any]:
        """Return the cost as plain JSON."""
        plain: dict[str, Any] = {
            "kind": self.component.kind,
            "name": self.component.full_name,
            "version": self.component.version,
            "numbers": self.numbers,
            "note": self.note,
        }
        if self.error:
            return {**plain, "error": self.error}
        low, middle, high = self.quartiles()
        return {
            **plain,
            "us_per_step": middle * 1e6,
            "ns_per_number": middle * 1e9 / self.numbers,
            "ns_per_number_quartiles": [low * 1e9 / self.numbers, high * 1e9 / self.numbers],
            "repetitions": len(self.seconds),
        }


def choose(registry: Registry, names: Sequence[str]) -> list[Registered]:
    """Return the optimizers, activations and losses of these names; without a name, all.

    A name is short or full, `kind:name`, or a kind for all of it. Raises ComponentError for any other.
    """
    components = [component for kind in KINDS for component in registry.of_kind(kind)]
    if not names:
        return components
    chosen: list[Registered] = []
    for name in names:
        meant = kind_called(name) or name
        kind, _, rest = meant.partition(":")
        if meant in KINDS:
            named = registry.of_kind(meant)
        elif kind in KINDS and rest:
            named = [registry.get(kind, rest)]
        else:
            named = [component for component in components if meant in (component.name, component.full_name)]
        if not named:
            raise ComponentError(_unknown(registry, name, components))
        chosen += [component for component in named if component not in chosen]
    return chosen


def _unknown(registry: Registry, name: str, components: Sequence[Registered]) -> str:
    others = [other.kind for other in registry.components if name in (other.name, other.full_name)]
    if others:
        return f"{name!r} is {article(others[0])} {others[0]}; measured are {', '.join(KINDS)}."
    known = [name for component in components for name in (component.name, component.full_name)]
    guess = nearest(name, [*KINDS, *known])
    return f"No optimizer, activation or loss is called {name!r}." + (guess or " 'annx list' names all.")


def measure(
    registry: Registry,
    components: Sequence[Registered],
    *,
    sizes: Sequence[int] = SIZES,
    repetitions: int = REPETITIONS,
    seconds: float = SECONDS,
) -> list[Cost]:
    """Return what each component costs at each size, in the order given.

    A component that raises is set aside with its error; the others are measured all the same.
    """
    keep_memory_mapped()
    cases = [_Case(registry, component, size) for component in components for size in sizes]
    with one_blas_thread(), np.errstate(all="ignore"):
        for _ in range(repetitions):
            for case in cases:
                case.repeat(seconds)
    return [case.cost() for case in cases]


class _Case:
    """One component at one size, and what its repetitions took."""

    def __init__(self, registry: Registry, component: Registered, size: int) -> None:
        self._registry = registry
        self._component = component
        self._trials = max(1, size // (EXAMPLES * UNITS))
        self._calls = 0
        self._seconds: list[float] = []
        self._note = self._error = ""

    def repeat(self, seconds: float) -> None:
        """Measure once more; arrays and states are made anew, so that only one case holds memory."""
        if self._error:
            return
        try:
            step = self._prepare()
            step()
            if not self._calls:
                self._calls = max(1, round(seconds / max(_timed(step, 1), 1e-9)))
            self._seconds.append(_timed(step, self._calls) / self._calls)
        except RAISED_BY_PLUGINS as error:  # a stranger's component may raise anything
            self._error = described(error)

    def cost(self) -> Cost:
        """Return what was measured."""
        seconds = () if self._error else tuple(self._seconds)
        numbers = self._trials * EXAMPLES * UNITS
        return Cost(self._component, numbers, seconds, self._note, self._error)

    def _prepare(self) -> Callable[[], Any]:
        rng = np.random.default_rng(0)  # how long a formula takes can depend on its numbers
        part = default_part(self._registry, self._component)
        if self._component.kind == "optimizer":
            step, self._note = _optimizer_step(self._registry, part, self._trials, rng)
            return step
        built = build_stack([part] * self._trials, self._registry, DTYPE)
        if self._component.kind == "activation":
            step, self._note = _activation_step(built, self._trials, rng)
            return step
        return self._loss_step(built, rng)

    def _loss_step(self, loss: Any, rng: np.random.Generator) -> Callable[[], Any]:
        """Score as in training: for the task it is natural for or else can do, in the joint form if any."""
        task = next(task for task in (*loss.natural_for, *TASKS) if task in loss.outputs)
        width = CLASSES if task == "multiclass" else 1
        several = loss.outputs_per_target
        examples = EXAMPLES * UNITS // (width * several)
        z = _normal(rng, 2, (self._trials, examples, width * several))[0]
        other = _normal(rng, 2, (self._trials, examples, width))[0]
        link = self._registry.get("activation", loss.outputs[task])
        part = default_part(self._registry, link)
        activation = build_stack([part] * self._trials, self._registry, DTYPE)
        if task in REAL_TASKS:
            target = activation.forward(other)  # lies where the predictions lie
        elif task == "binary":
            target = (other > 0).astype(DTYPE)
        else:
            target = np.eye(width, dtype=DTYPE)[other.argmax(axis=-1)]
        if link.name in loss.joint:
            self._note = f"{task}, jointly with {link.name}"
            jointly = Formula("grad_from_logits", loss, link.name)
            return lambda: (loss.value_from_logits(z, target, link.name), jointly(z, target))
        output = activation.forward(z)
        if not loss.trainable:
            self._note = f"{task}, value only"
            return lambda: loss.value(output, target)
        self._note = task
        grad = Formula("grad", loss)
        return lambda: (loss.value(output, target), grad(output, target))


def default_part(registry: Registry, component: Registered) -> Part:
    """Return the component with every hyperparameter and reference at its default."""
    cls: Any = component.cls
    params = {
        key: list(value) if isinstance(value, tuple) else value for key, value in resolve(cls, {}).items()
    }
    refs = {
        key: (default_part(registry, registry.get(ref.kind, ref.default)),)
        for key, ref in references(cls).items()
    }
    return Part(component.kind, component.full_name, component.code, params, refs)


def _normal(rng: np.random.Generator, scale: float, shape: tuple[int, ...]) -> list[Array]:
    return [(scale * rng.standard_normal(shape)).astype(DTYPE) for _ in range(2)]


def _activation_step(activation: Any, trials: int, rng: np.random.Generator) -> tuple[Callable[[], Any], str]:
    """Return a pass forward and back through a place in a network, and what is special about it.

    One that learns has its parameters there; one that draws is handed numbers drawn beforehand, as the cost
    of drawing is the generator's.
    """
    place = Activations.alone(activation).at("f", UNITS)
    z = _normal(rng, 2, (trials, EXAMPLES, place.width(UNITS)))[0]
    grad = _normal(rng, 2, (trials, EXAMPLES, UNITS))[0]
    params = {spec.name: np.full((trials, *spec.shape), spec.initial, DTYPE) for spec in place.specs()}
    place.grads = {name: np.zeros_like(array) for name, array in params.items()}
    place.noise = _Drawn(trials, rng)
    notes = [
        word
        for word, door in (
            ("learns", activation.learns),
            ("numbers drawn beforehand", activation.random),
            (f"from {z.shape[2]} to {UNITS} units", z.shape[2] != UNITS),
        )
        if door
    ]

    def step() -> Array:
        if place.special:
            place.begin(params, training=True)
        return place.backward(grad, z, place.forward(z))

    return step, ", ".join(notes)


class _Drawn:
    """Random numbers of every trial, drawn at the first step and kept."""

    def __init__(self, trials: int, rng: np.random.Generator) -> None:
        self._trials, self._rng = trials, rng
        self._kept: Array | None = None

    def of(self, name: str, trials: slice, draw: Callable[[np.random.Generator], Array]) -> Array:
        """Return what `draw` gave, once for every trial."""
        if self._kept is None:
            self._kept = np.stack([np.asarray(draw(self._rng), DTYPE) for _ in range(self._trials)])
        return self._kept


def _optimizer_step(
    registry: Registry, part: Part, trials: int, rng: np.random.Generator
) -> tuple[Callable[[], Any], str]:
    """Return an update as the engine makes it, the change added included, and what is special about it.

    One that asks for more gradients is given those of θ²/2, which cost next to nothing.
    """
    schedule = default_part(registry, registry.default("schedule"))
    train = Train(dtype=DTYPE, batch_size="full")
    stack = [Trial({"optimizer": part, "schedule": schedule}, train, Split(), 0, 0, False)]
    theta, grads = _normal(rng, 0.1, (trials, EXAMPLES * UNITS))
    specs = [WeightSpec("W", (EXAMPLES, UNITS), EXAMPLES, UNITS, place="hidden")]
    (run,) = optimizer_runs(stack * trials, registry, Trained(specs, theta, grads), lambda rows: _Cheap())
    run.initialize()
    steps = itertools.count(1)
    asking = asks(build_part(part, registry))
    note = "asks for gradients, here those of a quadratic" if asking else ""
    return lambda: run.step(next(steps), 1 << 30), note


class _Cheap:
    """Answers about θ²/2 that cost next to nothing; as many residuals as a batch has examples."""

    def __call__(self, param: Array, /) -> tuple[Array, Array]:
        return 0.5 * (param * param).sum(axis=2, keepdims=True), param.copy()

    def residuals(self, param: Array) -> tuple[Array, Array]:
        trials, _, size = param.shape
        slopes = np.broadcast_to(np.eye(EXAMPLES, size, dtype=param.dtype), (trials, EXAMPLES, size))
        return param[:, :, :EXAMPLES].copy(), slopes

    def sampled_gradient(self, param: Array) -> Array:
        return param.copy()


def _timed(step: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return time.perf_counter() - start
