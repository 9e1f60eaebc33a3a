"""Library: optax. Gradient transformations for JAX, under `jax.vmap` over the trials."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Array,
    Component,
    ComponentError,
    Library,
    Made,
    Optimizer,
    WeightSpec,
    hookimpl,
    read_signature,
)

# XLA may compile another order of operations for another number of trials. So every call has as many rows,
# and a trial's numbers do not depend on its neighbours; the number depends on the size of a trial alone.
ROWS, FEW_ROWS, MANY_WEIGHTS = 64, 16, 1024

DRAWS = ("key", "seed", "rng", "rng_key")  # arguments of transformations that draw random numbers
LEFT_OUT = ("mask", "mu_dtype", "accumulator_dtype", "weight_decay_mask")  # functions and types, not numbers


class OptaxState(NamedTuple):
    """The state of a gradient transformation: the leaves of its tree, each (T, ...)."""

    leaves: tuple[Array, ...]


class _Facts(NamedTuple):
    """What a compiled update depends on beside the numbers of the trials."""

    component: Any  # the component class
    fixed: tuple[tuple[str, Any], ...]  # arguments that are equal for all trials of the stack
    traced: tuple[str, ...]  # arguments that may differ
    specs: tuple[WeightSpec, ...]
    dtype: str


class _Block(NamedTuple):
    """Trials that are computed together: the first `trials` of `rows`; the others fill the block up."""

    facts: _Facts
    rows: Array
    trials: int


class _Compiled(NamedTuple):
    init: Any
    update: Any


@dataclass(frozen=True)
class OptaxOptimizer(Made, Optimizer):
    """A gradient transformation of optax, on the tree of a trial's arrays."""

    @property
    def scope(self) -> str:
        return "arrays"

    def validate(self) -> None:
        self.refuse_missing()
        try:
            _tried(_facts(self, (WeightSpec("W", (3, 2), 3, 2, place="hidden"),), np.dtype("float64"), 0))
        except ComponentError as error:
            raise ValueError(self.reason(error)) from None

    def fitted_to(self, specs: Sequence[WeightSpec]) -> OptaxOptimizer:
        twin = copy(self)
        twin.__dict__.update(_specs=tuple(specs), _by_shape={})
        return twin

    def init(self, weight: Array) -> OptaxState:
        return OptaxState(self._in_blocks(weight, "init", ()))

    def step(self, weight: Array, grad: Array, state: OptaxState, t: int) -> tuple[Array, OptaxState]:
        change, *leaves = self._in_blocks(weight, "update", (grad.reshape(len(grad), -1), *state.leaves))
        return change.reshape(weight.shape), OptaxState(tuple(leaves))

    def _in_blocks(self, weight: Array, what: str, more: tuple[Array, ...]) -> tuple[Array, ...]:
        """Call a compiled function for blocks of trials that are equal in its fixed arguments."""
        flat = weight.reshape(len(weight), -1)
        arrays = (flat, *more)
        pieces: list[tuple[Array, ...]] = []
        blocks = self._blocks(weight)
        with _exact():
            for block in blocks:
                numbers = [_numbers(getattr(self, key), block.rows, flat.dtype) for key in block.facts.traced]
                given = [array[block.rows] for array in arrays]
                leaves = getattr(_compiled(block.facts), what)(numbers, *given)
                pieces.append(tuple(np.asarray(leaf)[: block.trials] for leaf in leaves))
        if len(pieces) == 1:
            return pieces[0]
        order = np.argsort(np.concatenate([block.rows[: block.trials] for block in blocks]))
        return tuple(np.concatenate(column)[order] for column in zip(*pieces, strict=True))

    def _blocks(self, weight: Array) -> list[_Block]:
        known: dict[Any, list[_Block]] = self.__dict__.setdefault("_by_shape", {})
        key = (weight.shape, weight.dtype.name)
        if key not in known:
            known[key] = list(self._divided(weight))
        return known[key]

    def _divided(self, weight: Array) -> Iterator[_Block]:
        trials = len(weight)
        specs = getattr(self, "_specs", None) or (_alone(weight.shape[1:]),)
        size = ROWS if weight[0].size <= MANY_WEIGHTS else FEW_ROWS
        groups: dict[str, tuple[_Facts, list[int]]] = {}
        for trial in range(trials):
            facts = _facts(self, specs, weight.dtype, trial)
            groups.setdefault(repr(facts.fixed), (facts, []))[1].append(trial)
        for facts, members in groups.values():
            for start in range(0, len(members), size):
                rows = members[start : start + size]
                padded = np.array([*rows, *[rows[0]] * (size - len(rows))])
                yield _Block(facts, padded, len(rows))


def _alone(shape: Sequence[int]) -> WeightSpec:
    """Return the spec of an optimizer that was not fitted: one array of the weight's shape."""
    rows, columns = shape
    return WeightSpec("W", (rows, columns), rows, columns, "weight")


def _numbers(value: Any, rows: Array, dtype: Any) -> Array:
    """Return a hyperparameter of each of these trials."""
    flat = np.asarray(value, dtype).reshape(-1)
    return flat[rows] if len(flat) > 1 else np.full(len(rows), flat[0])


def _facts(component: OptaxOptimizer, specs: Sequence[WeightSpec], dtype: Any, trial: int) -> _Facts:
    """Return what the update of a trial is compiled for: all but the numbers that may differ in a stack."""
    signature = component._signature
    traced = tuple(key for key in signature.names if np.ndim(getattr(component, key)) == 3 or key == "lr")
    fixed = {
        key: signature.argument(key, getattr(component, key), trial)
        for key in signature.names
        if key not in traced
    }
    return _Facts(type(component), tuple(fixed.items()), traced, tuple(specs), np.dtype(dtype).name)


def _can_trace(cls: Any) -> bool:
    """Tell whether optax builds the transformation of numbers that it does not know yet.

    Some transformations look at a number while they are built.
    """
    numbers = {
        key: np.full((1, 1, 1), field.default)
        for key, field in cls._signature.fields.items()
        if isinstance(field.default, float) and key not in cls._signature.whole
    }
    try:
        with _exact():
            _shapes(_facts(cls(**numbers), (_alone((3, 2)),), np.dtype("float64"), 0))
    except Exception:  # with plain numbers it works, or says why not
        return False
    return True


def _shapes(facts: _Facts) -> Any:
    import jax

    number = np.zeros((), facts.dtype)
    flat = np.zeros((sum(spec.shape[0] * spec.shape[1] for spec in facts.specs),), facts.dtype)
    numbers = [number for _ in facts.traced]
    leaves = jax.eval_shape(lambda *given: _init(facts, *given), numbers, flat)
    jax.eval_shape(lambda *given: _update(facts, *given), numbers, flat, flat, *leaves)
    return leaves


@lru_cache(1024)
def _tried(facts: _Facts) -> None:
    """Build the transformation and follow a step; raises ComponentError with optax's own reason."""
    try:
        with _exact():
            _shapes(facts)
    except ComponentError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300] or type(error).__name__
        if isinstance(error, TypeError) and "missing" in text and "argument" in text:
            text = f"its update needs more than gradients and weights, which is what annx gives ({text})"
        raise ComponentError(f"{facts.component._full}: {text.rstrip('.')}.") from error


def _tree(specs: Sequence[WeightSpec], flat: Any) -> dict[str, Any]:
    """Return a trial's arrays by name: matrices (fan_in, fan_out), and biases with one axis, as in Flax."""
    arrays, start = {}, 0
    for spec in specs:
        size = spec.shape[0] * spec.shape[1]
        vector = spec.shape[0] == 1 and (spec.role != "weight" or not spec.place)
        arrays[spec.name] = flat[start : start + size].reshape((size,) if vector else spec.shape)
        start += size
    return arrays


def _transformation(facts: _Facts, numbers: Sequence[Any]) -> Any:
    given = {**dict(facts.fixed), **dict(zip(facts.traced, numbers, strict=True))}
    names = facts.component._signature.names
    made = facts.component._theirs(**{names[key]: value for key, value in given.items()})
    if not hasattr(made, "update") or not hasattr(made, "init"):
        raise ComponentError(
            f"{facts.component._full} returns a {type(made).__name__}; an optimizer of optax is a function "
            "that returns a GradientTransformation."
        )
    return made


def _init(facts: _Facts, numbers: Sequence[Any], flat: Any) -> list[Any]:
    import jax

    leaves: list[Any] = jax.tree.leaves(_transformation(facts, numbers).init(_tree(facts.specs, flat)))
    return [jax.numpy.asarray(leaf) for leaf in leaves]


def _update(facts: _Facts, numbers: Sequence[Any], flat: Any, grad: Any, *leaves: Any) -> list[Any]:
    import jax

    weights, grads = _tree(facts.specs, flat), _tree(facts.specs, grad)
    transformation = _transformation(facts, numbers)
    form = jax.tree.structure(jax.eval_shape(transformation.init, weights))
    state = jax.tree.unflatten(form, list(leaves))
    updates, after = transformation.update(grads, state, weights)
    change = jax.numpy.concatenate([updates[spec.name].reshape(-1) for spec in facts.specs])
    news = [jax.numpy.asarray(leaf) for leaf in jax.tree.leaves(after)]
    kept = [new.astype(old.dtype) for new, old in zip(news, leaves, strict=True)]
    return [change.astype(flat.dtype), *kept]


@lru_cache(256)
def _compiled(facts: _Facts) -> _Compiled:
    import jax

    return _Compiled(
        jax.jit(jax.vmap(lambda *given: _init(facts, *given))),
        jax.jit(jax.vmap(lambda *given: _update(facts, *given))),
    )


@contextlib.contextmanager
def _exact() -> Iterator[None]:
    """Let JAX compute on the processor, in float64 where arrays are; outside its settings stay."""
    import jax

    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


class Optax(Library):
    """Optax, which runs on JAX."""

    prefix = "optax"
    title = "optax"
    packages = ("optax", "jax", "jaxlib")
    within = ("optax", "optax.contrib")
    address = "https://optax.readthedocs.io"
    offers: ClassVar[Mapping[str, str]] = {
        "optimizer": "a function that returns a GradientTransformation, as optax.adamw"
    }

    def kind_of(self, thing: Any) -> str:
        return "" if inspect.isclass(thing) else "optimizer"

    def component(self, kind: str, thing: Any, path: str) -> type[Component]:
        full = f"{self.prefix}:{path}"
        if not self.kind_of(thing):
            raise ComponentError(f"{full} is no {kind}: name {self.offers[kind]}.")
        try:
            drawing = [name for name in inspect.signature(thing).parameters if name in DRAWS]
            signature = read_signature(thing, 0, LEFT_OUT)
            alone = read_signature(thing, 0, LEFT_OUT, alone=True)
        except (ValueError, TypeError) as error:
            raise ComponentError(f"{full}: {error}.") from None
        if drawing:
            raise ComponentError(
                f"{full} draws random numbers from its own {drawing[0]}, which no seed of an experiment "
                "determines; write it as a component of annx."
            )
        made = self.make(OptaxOptimizer, path, thing, signature, {})
        return made if _can_trace(made) else self.make(OptaxOptimizer, path, thing, alone, {})


@hookimpl
def annx_libraries() -> list[type[Library]]:
    return [Optax]
