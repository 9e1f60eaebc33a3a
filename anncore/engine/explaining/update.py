"""The update of a step, as formulas: the optimizer's own `step`, run on named numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.hyperparameters import declared, references
from anncore.contract.kinds import Array
from anncore.engine.explaining.loss_slope import named
from anncore.engine.explaining.quantities import Given, given_of
from anncore.engine.explaining.scalars import LONGEST, Scalar, names_in, with_names
from anncore.engine.explaining.step import ObservedStep
from anncore.engine.nested import asks, fit, scope_of
from anncore.engine.network_stack import Buffer

MOST_FOLLOWED = 5000  # numbers whose update is followed, each by itself
MOST_TOGETHER = 200  # where the update of each depends on all


@dataclass(frozen=True, eq=False)
class StateArray:
    """What an optimizer keeps for one weight: an array shaped like it, and how each number is made."""

    base: str
    weight: str
    values: Array
    formulas: Array | None = None

    def formula(self, row: int, column: int) -> Any:
        """Return the formula of one number, None where it could not be followed."""
        return None if self.formulas is None else self.formulas[row, column]


@dataclass(frozen=True, eq=False)
class Updates:
    """The optimizer's state before and after a step, and how each new weight is made."""

    before: Sequence[StateArray]
    after: Sequence[StateArray]
    weights: dict[str, Array]

    def formula(self, name: str) -> Callable[[int, int], Any]:
        """Return what gives the formula of a new weight by its place."""
        formulas = self.weights.get(name)
        return lambda row, column: None if formulas is None else formulas[row, column]


@dataclass(frozen=True, eq=False)
class _Entry:
    """An array that an update reads or writes. key: of a state, its name in the optimizer; else ""."""

    given: Given
    key: str = ""

    @property
    def base(self) -> str:
        """The name of the whole array."""
        return self.given.base

    def name(self, row: int, column: int) -> str:
        """Return the name of one number."""
        return self.given.name(row, column)


def updates(step: ObservedStep) -> Updates:
    """Return the update of a step.

    What an optimizer cannot do with named numbers, such as linear algebra, is not followed: the numbers of
    its state then stand alone.
    """
    buffer = Buffer(1, step.stack.specs, step.stack.dtype)
    size = buffer.all.shape[1]
    before, after = dict(_arrays(step.state_before)), dict(_arrays(step.state_after))
    keys = [key for key, array in before.items() if array.shape == (1, 1, size) and array.size > 1]
    followed = _followed(step, buffer, keys)
    if followed is not None:
        keys = [key for key in keys if key in followed.used]

    def parts(numbers: Any, key: str, suffix: str) -> Iterator[StateArray]:
        formulas = None if followed is None or not suffix else followed.state.get(key)
        made = None if formulas is None else buffer.as_arrays(formulas.reshape(1, -1))
        for name, array in buffer.as_arrays(numbers[key].reshape(1, -1)).items():
            yield StateArray(
                f"{key}{suffix}({name})", name, array[0], None if made is None else made[name][0]
            )

    new = {} if followed is None else buffer.as_arrays(followed.weights.reshape(1, -1))
    return Updates(
        [part for key in keys for part in parts(before, key, "")],
        [part for key in keys for part in parts(after, key, "_new")],
        {name: array[0] for name, array in new.items()},
    )


def _arrays(state: Any, path: str = "") -> Iterator[tuple[str, Array]]:
    """Yield the arrays of a state with their names, those of an inner optimizer after its field."""
    if isinstance(state, np.ndarray):
        yield path, state
    elif isinstance(state, dict):
        for key, value in state.items():
            yield from _arrays(value, f"{path}.{key}" if path else str(key))
    elif isinstance(state, tuple):
        fields = getattr(state, "_fields", range(len(state)))
        for key, value in zip(fields, state, strict=True):
            yield from _arrays(value, f"{path}.{key}" if path else str(key))


class _Followed(NamedTuple):
    """The formulas of the new weights and state, and the names of the states that these are made of."""

    weights: Array
    state: dict[str, Array]
    used: set[str]


def _followed(step: ObservedStep, buffer: Buffer, keys: Sequence[str]) -> _Followed | None:
    """Return the formulas of an update, (1, 1, P) each; None if it cannot be followed."""
    optimizer, size = step.optimizer, buffer.all.shape[1]
    most = MOST_FOLLOWED if scope_of(optimizer) == "number" else MOST_TOGETHER
    if size > most or asks(optimizer):
        return None
    flat = {
        form: np.concatenate([arrays[spec.name].ravel() for spec in step.stack.specs])
        for form, arrays in (("{}", step.before), ("d{}", step.gradients))
    }
    weight, grad = (_named(step, form, numbers) for form, numbers in flat.items())

    def known(key: str, array: Array) -> Array:
        return _named(step, f"{key}({{}})", array.ravel(), key) if key in keys else array

    try:
        fitted = fit(_with_names(optimizer), step.stack.specs)
        change, state = fitted.step(weight, grad, _map(known, step.state_before), step.question.step)
        new = np.asarray(weight + change)
    except Exception:  # any formula of a plugin: without its names the numbers stand alone
        return None
    after = {key: array for key, array in _arrays(state) if array.shape == new.shape}
    if new.dtype != object or not all(key in after and after[key].dtype == object for key in keys):
        return None
    numbers = [one for array in (new, *(after[key] for key in keys)) for one in array.flat]
    # A sign is a plain number, without a formula that one could follow.
    if any(not isinstance(one, Scalar) or one.size > LONGEST for one in numbers):
        return None
    used = {key for array in (new, *(after[key] for key in keys)) for key in _keys_in(array)}
    names: dict[int, Scalar] = {}
    for key in used:
        values = np.array([float(one) for one in after[key].flat])
        entries = _named(step, f"{key}_new({{}})", values)
        names |= {id(made): one for made, one in zip(after[key].flat, entries.flat, strict=True) if made.args}
    for place in np.ndindex(*new.shape):
        one: Any = new[place]
        new[place] = with_names(one, names)
    return _Followed(new, after, used)


def _keys_in(formulas: Array) -> set[str]:
    """Return the states that some formulas read."""
    owners = (name.args[0] for formula in formulas.flat for name in names_in(formula))
    return {owner.key for owner in owners if isinstance(owner, _Entry) and owner.key}


def _named(step: ObservedStep, form: str, numbers: Array, key: str = "") -> Array:
    """Return numbers of all weights, (P,), as (1, 1, P) under their names; form: "d{}" for dW1."""
    row, at = np.empty((1, 1, len(numbers)), object), 0
    for spec in step.stack.specs:
        given = given_of(spec, step.question.transposed, form)
        entry = _Entry(given, key)
        for place in np.ndindex(*spec.shape):
            row[0, 0, at] = Scalar.named(numbers[at], entry, *place)
            at += 1
    return row


def _map(function: Callable[[str, Array], Array], state: Any, path: str = "") -> Any:
    if isinstance(state, np.ndarray):
        return function(path, state)
    if isinstance(state, tuple):
        fields = getattr(state, "_fields", range(len(state)))
        items = [
            _map(function, value, f"{path}.{key}" if path else str(key))
            for key, value in zip(fields, state, strict=True)
        ]
        return type(state)(*items) if hasattr(state, "_fields") else tuple(items)
    return state


def _with_names(optimizer: Any) -> Any:
    """Return a copy whose hyperparameters have their names; 0 and 1 stay plain and leave the formulas."""
    twin = copy(optimizer)
    cls: Any = type(optimizer)
    for key in declared(cls):
        value = getattr(optimizer, key)
        if getattr(value, "shape", ()) != (1, 1, 1):
            continue
        number = float(value.ravel()[0])
        one = Scalar(number) if number in (0.0, 1.0) else named(number, key)
        object.__setattr__(twin, key, np.full((1, 1, 1), one, object))
    for key, reference in references(cls).items():
        if reference.kind == "optimizer":
            inside = tuple(_with_names(inner) for inner in getattr(optimizer, key))
            object.__setattr__(twin, key, inside)
    return twin
