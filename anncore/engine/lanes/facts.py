"""Facts: what components compute from their hyperparameters when they are made, once for all steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def signature(components: Sequence[Any]) -> tuple[str, ...]:
    """Return what is equal for components whose formulas go the same ways: all facts but numbers per trial.

    Raises Unlowerable for truth values per trial.
    """
    texts = []
    for component in components:
        for name, value in sorted(facts_of(component).items()):
            if not isinstance(value, np.ndarray):
                texts.append(f"{type(component).__name__}.{name}={value!r}")
            elif value.dtype.kind != "f" or value.size != len(value):
                raise Unlowerable(f"{component.name} keeps {name} of shape {value.shape}")
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
