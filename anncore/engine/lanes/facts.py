"""Facts: what components compute from their hyperparameters when they are made, once for all steps."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives.pullback import DERIVED
from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import declared, references
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.build import build_stack
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.nested import nested


def facts_of(component: Any) -> dict[str, Any]:
    """Return what a component computed from its hyperparameters when it was made, by name."""
    cls: Any = type(component)
    known = {DERIVED, *declared(cls), *references(cls)}
    return {name: value for name, value in vars(component).items() if name not in known}


def per_trial(fact: Any) -> bool:
    """Tell whether a fact is one number of each trial, made of hyperparameters and so (T, 1, 1) as these."""
    return isinstance(fact, np.ndarray) and fact.dtype.kind == "f" and fact.shape[1:] == (1, 1)


def has_trials(fact: Any) -> bool:
    """Tell whether a fact may have other numbers for other trials; a table of fewer axes has not."""
    return isinstance(fact, np.ndarray) and fact.ndim >= 3


def constants(components: Iterable[Any]) -> tuple[str, ...]:
    """Return what is equal for fitted components that keep the same arrays, such as which weights to treat.

    These become constants of a kernel, which serves none with other ones.
    """
    return tuple(
        f"{type(component).__name__}.{name}={_text(fact)}"
        for component in components
        for name, fact in sorted(facts_of(component).items())
        if not per_trial(fact)
    )


def signature(components: Sequence[Any]) -> tuple[str, ...]:
    """Return what is equal for components whose formulas go the same ways: all facts but numbers per trial.

    Raises Unlowerable for truth values per trial.
    """
    texts = []
    for component in components:
        for name, value in sorted(facts_of(component).items()):
            if not has_trials(value):
                texts.append(f"{type(component).__name__}.{name}={_text(value)}")
            elif value.dtype == np.uint64:
                raise Unlowerable(
                    f"{component.name} draws random numbers of its own, by whole numbers of 64 bits"
                )
            elif not per_trial(value):
                raise Unlowerable(f"{component.name} keeps {name} of shape {value.shape} for each trial")
    return tuple(texts)


def facts(trial: Trial, registry: Registry) -> tuple[str, ...]:
    """Return what the optimizer of one trial computed from its hyperparameters; see `signature`."""
    optimizer = trial.parts["optimizer"]
    key: Any = ("lanes", "facts", optimizer.text)
    memo: dict[Any, Any] = registry.memo
    if key not in memo:
        components = with_inner(build_stack([optimizer], registry, "float64"))
        try:
            memo[key] = signature(list(components))
        except ComponentError as error:
            memo[key] = (str(error),)
    known: tuple[str, ...] = memo[key]
    return known


def with_inner(optimizer: Any) -> Iterator[Any]:
    """Yield an optimizer and those inside it."""
    yield optimizer
    for inner in nested(optimizer):
        yield from with_inner(inner)


_NAMED = (str, bytes, int, float, complex, bool, type(None), np.generic, np.dtype, slice, range)
PROCESS = secrets.token_hex(8)  # as other processes have other objects at an address
_HELD: dict[int, Any] = {}  # objects that are told apart by their address, which no other may get


def _text(value: Any) -> str:
    """Return what is equal for equal facts alone; an array's text would leave out what is in its middle."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return f"array {value.shape} {value.dtype.str} {digest}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(key)}: {_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({', '.join(map(_text, value))})"
    if isinstance(value, _NAMED):
        return repr(value)
    _HELD[id(value)] = value
    return f"{value!r} at {id(value)} of {PROCESS}"
