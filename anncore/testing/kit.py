"""The parts of the kit: the subject of a check, its variants, and the base class of each kind's kit."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore.contract.derivatives import Underivable
from anncore.contract.derivatives.refusals import line_in
from anncore.contract.documentation import documentation
from anncore.contract.errors import RAISED_BY_PLUGINS, ComponentError, DataError, described
from anncore.contract.hyperparameters import (
    Declared,
    Interval,
    OneOf,
    Plain,
    build,
    declared,
    references,
    resolve,
)
from anncore.contract.kinds import (
    BASES,
    Activation,
    Array,
    Data,
    Dataset,
    Initializer,
    Optimizer,
    Schedule,
)
from anncore.engine.process import one_blas_thread

Run = Callable[["Subject"], int]
"""One check: raises AssertionError, or returns how many things it looked at."""

Named = tuple[str, Run]


class Variant(NamedTuple):
    """A choice of hyperparameters that is checked by itself."""

    label: str
    values: dict[str, Any]


class Exercised(NamedTuple):
    """A component, all its results of one exercise, and whether that drew from a global generator."""

    component: Any
    results: list[Array]
    drew: bool


NOTHING_CHECKED = "nothing was checked, because everything was skipped"


@dataclass(frozen=True)
class Subject:
    """The component class under check, and the hyperparameters that every check uses."""

    cls: Any
    kind: str
    values: dict[str, Any]
    first: dict[str, Exercised] = field(default_factory=dict, compare=False, repr=False)
    """By variant what its first exercise gave, for the checks that look at it; stays in this process."""
    drawn: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """By variant what a figure drew and changed, for the checks that look at it; stays in this process."""

    def __reduce__(self) -> Any:
        return Subject, (self.cls, self.kind, self.values)

    @property
    def label(self) -> str:
        """Its name, or the name of its class if it has none."""
        return str(getattr(self.cls, "name", self.cls.__name__))

    def variants(self) -> list[Variant]:
        """Return the defaults, every preset, and every other value of the structure one at a time.

        A value is left out if the component refuses it together with the other defaults, or if it does not
        fit the file that the component reads.
        """
        variants = [Variant("defaults", resolve(self.cls, self.values))]
        for preset in self.cls.presets:
            variants.append(Variant(f"preset {preset}", resolve(self.cls, {"preset": preset, **self.values})))
        for key, declaration in declared(self.cls).items():
            if key in self.values:
                continue
            for value in _alternatives(declaration):
                if value != declaration.default:
                    variant = Variant(f"{key} = {value!r}", resolve(self.cls, {key: value, **self.values}))
                    variants += [variant] if self._takes(variant) else []
        return variants

    def _takes(self, variant: Variant) -> bool:
        try:
            built = build(self.cls, **variant.values)
            if built.fingerprint() and self.kind == "dataset":
                built.make(np.random.default_rng(0))
        except (ComponentError, DataError):
            return False
        return True

    def rows(self, variant: Variant, count: int) -> list[dict[str, Any]]:
        """Return the values of `count` trials; they differ in everything that may differ within a stack."""
        rows = [dict(variant.values) for _ in range(count)]
        for key, declaration in declared(self.cls).items():
            if declaration.stackable:
                for row, value in zip(rows, _spread(declaration, row_value(rows, key), count), strict=True):
                    row[key] = value
        return rows

    def build(self, variant: Variant) -> Any:
        """Return the component with hyperparameters as plain numbers."""
        return build(self.cls, **variant.values, **self._refs())

    def scalars(self, variant: Variant, dtype: str) -> Any:
        """Return the component with hyperparameters as numbers of `dtype`, which promote nothing beyond it.

        NumPy's functions turn plain numbers into float64, which nobody could write a formula around.
        """
        built = self.build(variant)
        for key, declaration in declared(self.cls).items():
            if declaration.stackable:
                object.__setattr__(built, key, np.dtype(dtype).type(variant.values[key]))
        return built

    def stack(self, rows: Sequence[dict[str, Any]], dtype: str) -> Any:
        """Return the component as training uses it: hyperparameters as arrays (T, 1, 1) of `dtype`."""
        values = dict(rows[0])
        for key, declaration in declared(self.cls).items():
            if declaration.stackable:
                values[key] = np.array([row[key] for row in rows], dtype=dtype).reshape(-1, 1, 1)
                values[key].setflags(write=False)
        return self.cls(**values, **self._refs())

    def _refs(self) -> dict[str, Any]:
        return {
            key: (PROBES[reference.kind](),)
            for key, reference in references(self.cls).items()
            if reference.kind in PROBES
        }


def row_value(rows: Sequence[dict[str, Any]], key: str) -> float:
    """Return the first trial's value."""
    return float(rows[0][key])


def _alternatives(declaration: Declared) -> tuple[Any, ...]:
    if isinstance(declaration.domain, OneOf):
        return declaration.domain.values
    if isinstance(declaration.domain, Plain) and declaration.domain.type == "bool":
        return (False, True)
    return ()


def _spread(declaration: Declared, value: float, count: int) -> list[float]:
    """Return `count` values of the domain, `value` first, the others clearly different."""
    domain, search = declaration.domain, declaration.search
    assert isinstance(domain, Interval)
    steps = [(k + 1) / (count + 1) for k in range(count - 1)]
    if search is not None and search.how == "choice":
        others = [float(search.values[k % len(search.values)]) for k in range(count - 1)]
    elif search is not None:
        low, high = search.values
        log = search.how == "log"
        others = [low * (high / low) ** s if log else low + (high - low) * s for s in steps]
    elif value != 0:
        others = [value * (1 - s / 2) for s in steps]
    elif np.isfinite(domain.low) and np.isfinite(domain.high):
        others = [domain.low + (domain.high - domain.low) * s for s in steps]
    else:
        others = [domain.low + s if np.isfinite(domain.low) else s for s in steps]
    return [value, *(other if domain.holds(other) else value for other in others)]


@dataclass(frozen=True)
class Probe(Activation):
    """The smooth activation z / √(1 + z²), for components that refer to one."""

    name: ClassVar[str] = "probe"

    def forward(self, z: Array) -> Array:
        """Return f(z)."""
        return z / np.sqrt(1 + z * z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return ∂L/∂z."""
        size = 1 + z * z
        return grad / (size * np.sqrt(size))


class Speed(NamedTuple):
    """The state of the probe optimizer."""

    v: Array


@dataclass(frozen=True)
class ProbeOptimizer(Optimizer):
    """Gradient descent with momentum, v ← v / 2 + g and θ ← θ - v / 10, for wrappers."""

    name: ClassVar[str] = "probe"

    def init(self, weight: Array) -> Speed:
        """Return the first state."""
        return Speed(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: Speed, t: int) -> tuple[Array, Speed]:
        """Return the change and the next state."""
        v = 0.5 * state.v + grad
        return -0.1 * v, Speed(v)


class Seen(NamedTuple):
    """The state of the probe schedule."""

    worst: Array


class ProbeSchedule(Schedule):
    """The factor 1 / (1 + t / steps + worst), where worst is the largest loss so far, for wrappers."""

    name: ClassVar[str] = "probe"

    def init(self, ones: Array) -> Seen:
        """Return the first state."""
        return Seen(0 * ones)

    def observe(self, state: Seen, score: Array, t: int) -> Seen:
        """Return the state after an evaluation."""
        return Seen(np.maximum(state.worst, np.abs(score)))

    def factor(self, t: int, steps: int, state: Seen) -> Array:
        """Return the factor of step t."""
        return 1 / (1 + t / steps + state.worst)


class ProbeInitializer(Initializer):
    """Normal weights of standard deviation 1 / 2, for initializers around another."""

    name: ClassVar[str] = "probe"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return float64 weights of `shape`."""
        return 0.5 * rng.standard_normal(shape)


class ProbeDataset(Dataset):
    """Forty points about two places, and which of them: for data sets around another."""

    name: ClassVar[str] = "probe"

    def make(self, rng: np.random.Generator) -> Data:
        """Return the points."""
        y = np.arange(40) % 2
        return Data(rng.standard_normal((40, 3)) + y[:, None], y, "binary")


PROBES: Mapping[str, Callable[[], Any]] = {
    "dataset": ProbeDataset,
    "activation": Probe,
    "optimizer": ProbeOptimizer,
    "schedule": ProbeSchedule,
    "initializer": ProbeInitializer,
}


class Outcome(NamedTuple):
    """The result of a check, as another process can send it: `reason` is empty if the promise holds.

    name, promise: those of the check. looked_at: how many things it looked at. detail: the traceback, if the
    component raised an exception.
    """

    name: str
    promise: str
    reason: str
    looked_at: int
    seconds: float
    detail: str = ""


def by_reason(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """Return the names of the checks that failed for the same reason, by reason."""
    names: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.reason:
            names.setdefault(outcome.reason, []).append(outcome.name)
    return {reason: ", ".join(checks) for reason, checks in names.items()}


@dataclass(frozen=True)
class Check:
    """One named check of one component; call it to run it."""

    subject: Subject
    name: str
    run: Run

    @property
    def promise(self) -> str:
        """The promise that it checks, in one line."""
        run = self.run.func if isinstance(self.run, partial) else self.run
        return documentation(run).partition("\n")[0]

    def __call__(self) -> None:
        """Raise AssertionError, with the component and the check in its message, if the promise is broken."""
        _, reason, cause = self._look()
        if reason:
            where = f"{self.subject.kind} {self.subject.label}: {self.name}"
            raise AssertionError(f"{where}: {reason}") from cause

    def outcome(self) -> Outcome:
        """Run it and return the result."""
        started = time.perf_counter()
        count, reason, cause = self._look()
        seconds = time.perf_counter() - started
        raised = cause is not None and not isinstance(cause, (AssertionError, Underivable))
        detail = "".join(traceback.format_exception(cause)) if raised else ""
        return Outcome(self.name, self.promise, reason, count, seconds, detail)

    def _look(self) -> tuple[int, str, BaseException | None]:
        """Return how much it looked at, the fault or "", and the exception with the fault."""
        try:
            # The output of a component must not mix with our own.
            with np.errstate(all="ignore"), one_blas_thread(), contextlib.redirect_stdout(sys.stderr):
                count = self.run(self.subject)
        except AssertionError as error:
            return 0, " ".join(str(error).split()), error
        except Underivable as error:
            return 0, error.reason, error
        except RAISED_BY_PLUGINS as error:  # a plugin must not end the process
            return 0, raised(self.subject.cls, error), error
        return count, "" if count else NOTHING_CHECKED, None


@dataclass(frozen=True)
class Case:
    """One way to run a component on a stack of T trials.

    inputs(rng, T, dtype) returns arrays with leading axis T; run(component, inputs) returns all results, also
    with leading axis T. keeps_dtype: whether the results must have the dtype of the inputs.
    """

    name: str
    inputs: Callable[[np.random.Generator, int, str], dict[str, Array]]
    run: Callable[[Any, dict[str, Array]], dict[str, Array]]
    keeps_dtype: bool = True


class Kit:
    """The checks of one kind, besides the generic ones."""

    def cases(self, subject: Subject) -> list[Case]:
        """Return the ways to run a component on a stack; empty if the kind does not use stacks."""
        return []

    def large_cases(self, subject: Subject) -> list[Case]:
        """Return cases like those of `cases` with more numbers each; empty if it is to do with those."""
        return []

    computes = True  # whether `exercise` yields results
    stacked = False  # whether `cases` returns any
    fed = True  # whether the component gets their inputs, so that a NaN trial could affect its neighbours
    dear = False  # whether its checks take seconds: they begin first where many components are checked
    starts_processes = False  # whether its checks start processes

    def of_form(self, cls: Any) -> Kit:
        """Return the kit of a class's form, by default this one."""
        return self

    def exercise(self, subject: Subject, component: Any) -> Iterable[Array]:
        """Yield all results of one component, from fixed inputs."""
        for case in self.cases(subject):
            yield from case.run(component, case.inputs(np.random.default_rng(0), 1, "float64")).values()

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks, without those of promises that this component does not make."""
        return []


WITHOUT_OVERFLOW = (
    "write scipy.special.expit(z) for 1 / (1 + exp(-z)), np.logaddexp(0, z) for log(1 + exp(z)), np.tanh(z) "
    "for its quotient of exponentials, or exp of np.minimum(z, 0) where only that side counts"
)


def raised(cls: Any, error: BaseException) -> str:
    """Return what a component raises, in one line, with the line of its file that does."""
    module = sys.modules.get(cls.__module__)
    where = line_in(getattr(module, "__file__", None) or "", error)
    if where and isinstance(error, ValueError) and "truth value of an array" in str(error):
        return f"it cannot decide by an array (if, while, and, or): use np.where{where}"
    if isinstance(error, FloatingPointError) and "overflow encountered in exp" in str(error):
        return f"raised {described(error)}{where}; {WITHOUT_OVERFLOW}"
    return f"raised {described(error)}{where}"


def kind_of(cls: Any) -> str:
    """Return the kind of a class by its base class; TypeError if it has none."""
    for kind, base in BASES.items():
        if isinstance(cls, type) and issubclass(cls, base):
            return kind
    raise TypeError(f"{getattr(cls, '__name__', cls)!r} is not derived from any kind of component")


def must(condition: Any, message: str) -> None:
    """Raise AssertionError with `message` unless `condition` holds."""
    if not condition:
        raise AssertionError(message)


def must_equal_bits(one: Array, other: Array, message: str) -> None:
    """Raise AssertionError unless two arrays have the same shape, dtype and bytes."""
    if one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes():
        return  # before any text is made: the kit calls this a million times
    must(one.shape == other.shape, f"{message}: shapes {one.shape} and {other.shape}")
    must(one.dtype == other.dtype, f"{message}: dtypes {one.dtype} and {other.dtype}")
    if not np.array_equal(one, other, equal_nan=True):
        i = np.unravel_index(np.argmax(one != other), one.shape)
        raise AssertionError(f"{message}: {one[i]!s} and {other[i]!s} at {tuple(map(int, i))}")


def must_be_close(actual: Any, expected: Any, message: str, rtol: float, atol: float) -> None:
    """Raise AssertionError, with the worst place, unless two arrays or numbers agree."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    apart = np.abs(actual - expected) - (atol + rtol * np.abs(expected))
    if not (apart <= 0).all():
        i = np.unravel_index(np.nanargmax(np.where(np.isnan(apart), np.inf, apart)), apart.shape)
        raise AssertionError(f"{message}: {float(actual[i])!r} in place of {float(expected[i])!r}")


def frozen(arrays: dict[str, Array]) -> dict[str, Array]:
    """Return read-only copies."""
    copies = {key: value.copy() for key, value in arrays.items()}
    for copy in copies.values():
        copy.setflags(write=False)
    return copies


def slopes(value: Callable[[Array], Array], at: Array, step: float = 1e-6) -> Iterator[tuple[Any, float]]:
    """Yield, for each place of `at`, the central difference of the sum of `value`."""
    for place in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[place] += step
        down[place] -= step
        rise = np.sum(value(up) - value(down))
        yield place, float(rise / (up[place] - down[place]))
