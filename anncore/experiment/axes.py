"""From the value of a key to an axis: one value, a grid, rows of several keys, or a range to search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anncore.contract.registry import Registered, Registry
from anncore.experiment.document import Section, show
from anncore.experiment.keys import Key, texts
from anncore.experiment.model import Axis, Rows
from anncore.experiment.ranges import read_declared_range, read_table
from anncore.experiment.references import Named


def read_axis(
    section: Section, key: str, component: Registered, registry: Registry, named: Named | None = None
) -> Axis:
    """Read one key of a `[kind.label]` section; named: what the section's references hold, see `read_named`.

    A scalar is an axis of one row, a list a grid, `"a, b" = [[..], [..]]` rows of several keys, a table one
    of `{ log }`, `{ linear }`, `{ range }`, `{ choice }`, `{ uniform }`, and "search" the range that the
    component declares. Raises ExperimentError for an unknown key, a value outside its domain, an empty grid
    and a value listed twice.
    """
    if "," in key:
        return _read_rows(Key(section, key, component, registry, named or {}))
    one = Key(section, key, component, registry, named or {})
    one.owners(key)  # an unknown key is reported before its value
    if isinstance(one.value, dict):
        if one.is_reference and "choice" not in one.value:
            inside = f"{key}.{next(iter(one.value), 'NAME')}"
            raise one.error(f'{inside} must be written in quotes: "{inside}" = ..')
        return read_table(one)
    if one.value == "search" and not one.accepts("search"):
        return read_declared_range(one)
    if isinstance(one.value, list) and _is_grid(one):
        return one.rows(one.value)
    return Rows((key,), ((one.checked(key, one.value),),))


def _is_grid(key: Key) -> bool:
    """Tell whether a list is a grid; for a list-typed hyperparameter only a list of lists is one."""
    if key.declaration is not None and key.declaration.is_list:
        return bool(key.value) and all(isinstance(item, list) for item in key.value)
    return True


def _read_rows(key: Key) -> Rows:
    """Read rows of several keys: `"a, b" = [[..], [..]]`."""
    names = split_key(key.text)
    for name in names:
        key.owners(name)
    if len(set(names)) < len(names):
        raise key.error(f"{key.text!r} names a hyperparameter twice.")
    rows = key.value
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == len(names) for row in rows
    ):
        raise key.error(
            f"{key.text!r} must be a list of rows of {len(names)} values, for example "
            f"[[{', '.join(['..'] * len(names))}]], got {show(rows)}."
        )
    return Rows(tuple(names), key.distinct([_read_row(key, names, row) for row in rows]))


def _read_row(key: Key, names: list[str], row: list[Any]) -> tuple[Any, ...]:
    """Check a row: where it holds a reference, keys inside of it belong to the component that it names."""
    values = dict(zip(names, row, strict=True))
    named = {**key.named, **{name: [texts(value)] for name, value in values.items()}}
    resolved = {name: key.checked(name, values[name], named) for name in sorted(names, key=depth)}
    return tuple(resolved[name] for name in names)


def read_named(data: Mapping[str, Any]) -> dict[str, list[tuple[str, ...]]]:
    """Return the texts, and lists of texts, that each key of a section takes: what references may hold.

    Other values are left out; a mistake among them is reported where their key is read.
    """
    named: dict[str, list[tuple[str, ...]]] = {}
    for text, value in data.items():
        keys = split_key(text)
        if isinstance(value, dict):
            value = value.get("choice")
        rows = value if isinstance(value, list) else [value]
        if len(keys) == 1:
            rows = [[item] for item in rows]
        for row in rows:
            if isinstance(row, list) and len(row) == len(keys):
                for key, item in zip(keys, row, strict=True):
                    if names := texts(item):
                        named.setdefault(key, []).append(names)
    return named


def depth(text: str) -> int:
    """Return how deep a key reaches into components, the least of several keys in one."""
    return min(key.count(".") for key in split_key(text))


def split_key(text: str) -> list[str]:
    """Return the keys of "a, b"; a single key as a list of one."""
    return [key.strip() for key in text.split(",")]
