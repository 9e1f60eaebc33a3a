"""From a description to a component: the same for one trial and for a stack of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from anncore.contract.hyperparameters import declared
from anncore.contract.registry import Registry
from anncore.contract.trial import Part, canonical
from anncore.engine.activations import Activations, Run

Item = TypeVar("Item")


class Equal(NamedTuple, Generic[Item]):
    """Neighbours along the trial axis that are equal in something."""

    key: str
    members: list[Item]
    trials: slice


def structure(part: Part, registry: Registry, *, refs: bool = True) -> str:
    """Return, as text, what must be equal for two parts to be built as one component.

    That is everything but the stackable hyperparameters; with refs=False also not the references.
    """
    # Asked of every trial several times, and thousands of trials share their parts.
    question = ("structure", part.text, "refs" if refs else "")
    text = registry.memo.get(question)
    if text is None:
        text = registry.memo[question] = canonical(_structure(part, registry, refs))
    return text


def _structure(part: Part, registry: Registry, refs: bool) -> dict[str, Any]:
    cls: Any = registry.get(part.kind, part.name).cls
    declarations = declared(cls)
    plain: dict[str, Any] = {
        "name": part.name,
        "params": {key: value for key, value in part.params.items() if not _stackable(declarations, key)},
    }
    if refs:
        plain["refs"] = {
            key: [_structure(inner, registry, refs) for inner in parts] for key, parts in part.refs.items()
        }
    return plain


def build_part(part: Part, registry: Registry) -> Any:
    """Return the component of one part, hyperparameters as plain Python values, references as tuples."""
    cls: Any = registry.get(part.kind, part.name).cls
    values = {key: _value(value) for key, value in part.params.items() if key in declared(cls)}
    refs = {key: tuple(build_part(inner, registry) for inner in parts) for key, parts in part.refs.items()}
    return cls(**values, **part.paths, **refs)


def build_stack(parts: Sequence[Part], registry: Registry, dtype: str) -> Any:
    """Return one component for T parts of equal structure.

    Each stackable hyperparameter becomes an array (T, 1, 1) of `dtype`, also when T is 1: a float and
    an array differ in the last digit, and a trial must come out the same alone and in any stack.
    References to activations may differ between the trials: they act on their own slices.
    """
    first = parts[0]
    cls: Any = registry.get(first.kind, first.name).cls
    declarations = declared(cls)
    values: dict[str, Any] = {}
    for key in first.params:
        if _stackable(declarations, key):
            column = [part.params[key] for part in parts]
            values[key] = np.array(column, dtype=dtype).reshape(-1, 1, 1)
        elif key in declarations:
            values[key] = _value(first.params[key])
    refs = {key: _build_refs([part.refs[key] for part in parts], registry, dtype) for key in first.refs}
    return cls(**values, **first.paths, **refs)


def _build_refs(rows: Sequence[tuple[Part, ...]], registry: Registry, dtype: str) -> tuple[Any, ...]:
    """Build the references of one field, position by position."""
    width = max(map(len, rows))
    if min(map(len, rows)) < width:  # one activation for all layers beside one per layer
        rows = [row * width if len(row) == 1 else row for row in rows]
    return tuple(_build_ref([row[i] for row in rows], registry, dtype) for i in range(width))


def _build_ref(parts: Sequence[Part], registry: Registry, dtype: str) -> Any:
    if parts[0].kind == "activation":
        return Activations(build_slices(parts, registry, dtype))
    return build_stack(parts, registry, dtype)


def build_slices(parts: Sequence[Part], registry: Registry, dtype: str) -> list[Run]:
    """Build one component for each run of consecutive parts of equal structure."""
    return [
        Run(build_stack(members, registry, dtype), trials, key)
        for key, members, trials in runs_of_equal(parts, lambda part: structure(part, registry))
    ]


def runs_of_equal(items: Sequence[Item], key: Callable[[Item], str]) -> Iterator[Equal[Item]]:
    """Yield each run of neighbours with an equal key: the key, the items, their slice of the trial axis."""
    start = 0
    for shared, group in groupby(items, key=key):
        members = list(group)
        yield Equal(shared, members, slice(start, start + len(members)))
        start += len(members)


def _stackable(declarations: dict[str, Any], key: str) -> bool:
    return key in declarations and declarations[key].stackable


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
