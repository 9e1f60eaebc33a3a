"""From a description to a component: the same for one trial and for a stack of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.params import declared
from anncore.registry import Registry
from anncore.trial import Part


def structure(part: Part, registry: Registry) -> dict[str, Any]:
    """Return what must be equal for two parts to be built as one component: all but stackable values."""
    known = declared(registry.get(part.kind, part.name).cls)
    return {
        "name": part.name,
        "params": {key: value for key, value in part.params.items() if not _stackable(known, key)},
        "refs": {key: [structure(each, registry) for each in parts] for key, parts in part.refs.items()},
    }


def build_part(part: Part, registry: Registry) -> Any:
    """Return the component of one part, hyperparameters as plain Python values, references as tuples."""
    cls = registry.get(part.kind, part.name).cls
    values = {key: _value(value) for key, value in part.params.items() if key in declared(cls)}
    refs = {key: tuple(build_part(each, registry) for each in parts) for key, parts in part.refs.items()}
    return cls(**values, **part.paths, **refs)


def build_stack(parts: Sequence[Part], registry: Registry, dtype: str) -> Any:
    """Return one component for parts of equal structure, T of them.

    Each stackable hyperparameter becomes an array (T, 1, 1) of `dtype`, also when T is 1: a float and
    an array differ in the last digit, and a trial must come out the same alone and in any stack.
    """
    first = parts[0]
    cls = registry.get(first.kind, first.name).cls
    known = declared(cls)
    values: dict[str, Any] = {}
    for key in first.params:
        if key not in known:
            continue
        if _stackable(known, key):
            column = [part.params[key] for part in parts]
            values[key] = np.array(column, dtype=dtype).reshape(-1, 1, 1)
        else:
            values[key] = _value(first.params[key])
    refs = {
        key: tuple(
            build_stack([part.refs[key][i] for part in parts], registry, dtype)
            for i in range(len(first.refs[key]))
        )
        for key in first.refs
    }
    return cls(**values, **first.paths, **refs)


def _stackable(known: dict[str, Any], key: str) -> bool:
    return key in known and known[key].stackable


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
