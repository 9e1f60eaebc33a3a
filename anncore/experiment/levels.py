"""Hyperparameters varied as factors: `vary = ["activation", "network.hidden"]`.

Each value of such a hyperparameter makes arms of its own. So an entry is taken apart into one for each value,
which shares its label; what a trial computes does not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from anncore.contract.errors import nearest
from anncore.contract.kind_names import PROBLEMS, SECTIONS
from anncore.experiment.model import Entry, Range, Rows

if TYPE_CHECKING:
    from anncore.experiment.document import Section


def varied_keys(vary: Sequence[str], kind: str) -> tuple[str, ...]:
    """Return the hyperparameters of a kind that make arms of their own, in their order in `vary`."""
    return tuple(key for name in vary for owner, dot, key in [name.partition(".")] if dot and owner == kind)


def in_order(vary: Sequence[str]) -> tuple[str, ...]:
    """Return what is varied in the order in which arms' names hold it: by kind, a kind before its keys."""
    return tuple(
        name
        for kind in SECTIONS
        for name in (kind, *(f"{kind}.{key}" for key in varied_keys(vary, kind)))
        if name in vary
    )


def check_varied(section: Section, name: str, entries: Mapping[str, Sequence[Entry]]) -> None:
    """Refuse a hyperparameter in `vary` that does not take several values in every section of its kind."""
    kind, _, key = name.partition(".")
    known = [other for other in SECTIONS if other not in PROBLEMS]
    if kind in PROBLEMS:
        raise section.error(
            "vary",
            f"vary cannot name {name!r}: arms are compared on it; several values of it in "
            f"[{kind}.NAME] make variants.",
        )
    if kind not in known:
        raise section.error(
            "vary",
            f"vary must name kinds of {', '.join(known)}, or a hyperparameter of one such as "
            f"'network.hidden', got {name!r}.{nearest(kind, known)}",
        )
    if kind not in section.document.data:
        raise section.error("vary", f"vary names {name!r}, but there is no [{kind}.NAME] section.")
    own = entries[kind]
    if len(own) < len(section.document.data[kind]):
        return  # a section that could not be read, which is said already
    for entry in own:
        axis = next((axis for axis in entry.axes if key in axis.keys), None)
        if axis is None:
            given = [f"{kind}.{other}" for other in entry.given]
            raise section.error(
                "vary",
                f"vary names {name!r}, but [{kind}.{entry.label}] does not set {key}; give it a list of "
                f"values there.{nearest(name, given)}",
            )
        if isinstance(axis, Range):
            raise section.error(
                "vary",
                f"vary names {name!r}, which [{kind}.{entry.label}] draws from a range; give a list of "
                "values, or a range with num.",
            )
    if len({repr(value) for entry in own for value in _values(entry, key)}) < 2:
        raise section.error("vary", f"vary names {name!r}, which has a single value; give a list of values.")


def _values(entry: Entry, key: str) -> list[Any]:
    """Return the values that a key takes, each once, in their order."""
    axis = next(axis for axis in entry.axes if key in axis.keys)
    rows = () if isinstance(axis, Range) else axis.rows
    place = axis.keys.index(key)
    return list({repr(row[place]): row[place] for row in rows}.values())


def taken_apart(entry: Entry, keys: Sequence[str]) -> list[Entry]:
    """Return an entry for each combination of values that some of its keys take together."""
    if not keys:
        return [entry]
    parts: list[list[Rows]] = []
    for axis in entry.axes:
        places = [axis.keys.index(key) for key in keys if key in axis.keys]
        if isinstance(axis, Range) or not places:
            continue
        groups: dict[str, list[tuple[Any, ...]]] = {}
        for row in axis.rows:
            groups.setdefault(repr([row[place] for place in places]), []).append(row)
        parts.append([Rows(axis.keys, tuple(rows)) for rows in groups.values()])
    apart = []
    for chosen in product(*parts):
        own = {axis.keys: axis for axis in chosen}
        axes = tuple(own.get(axis.keys, axis) for axis in entry.axes)
        apart.append(replace(entry, axes=axes, levels=tuple(keys)))
    return apart


def level_values(entry: Entry) -> dict[str, Any]:
    """Return the value of each hyperparameter that makes the entry's arms its own."""
    return {key: _values(entry, key)[0] for key in entry.levels}
