"""KEY=VALUE on the command line: a value put into the document before it is checked."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.contract.errors import ExperimentError
from anncore.contract.kind_names import SECTIONS
from anncore.experiment.document import DEEPEST_TABLE, TOO_DEEP, Document, Path_, refuse_deep, show
from anncore.experiment.ranges import RANGES


def apply_overrides(name: str, data: Mapping[str, Any], overrides: Sequence[str]) -> Document:
    """Return the document with every override put in; of two for one key the last counts.

    KEY is a dotted path as TOML writes it (quotes where a part contains a dot or a comma), VALUE a TOML
    value; a bare word is a text. Below a component's reference the rest is one key, as in the file, so
    optimizer.clipped.inner.lr needs no quotes. Missing tables are made; whether the key is known is
    checked with the rest of the document. Raises ExperimentError for a text that is not KEY=VALUE.
    """
    refuse_deep(name, data)
    merged = copy.deepcopy(dict(data))
    overridden: dict[Path_, str] = {}
    for text in overrides:
        path, value = parse_override(text)
        if len(path) > DEEPEST_TABLE:
            raise ExperimentError(f"override {show(text)}: {TOO_DEEP}")
        refuse_deep(f"override {show(text)}", value)
        table = merged
        if _inside(merged, path):
            path = (*path[:2], ".".join(path[2:]))
        for i, step in enumerate(path[:-1]):
            table = table.setdefault(step, {})
            if not isinstance(table, dict):
                where = " ".join(".".join(path[: i + 1]).split())
                raise ExperimentError(
                    f"override {show(text)}: {where} is {show(table)} in {name}, not a table."
                )
        table[path[-1]] = value
        overridden[path] = text
    return Document(name, merged, overridden)


def _inside(data: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Tell whether a path leads into what a component refers to, and not into a table such as { log }."""
    if len(path) < 4 or path[0] not in SECTIONS or path[3] in (*RANGES, "num"):
        return False
    table: Any = data
    for step in path[:3]:
        table = table.get(step) if isinstance(table, dict) else None
    return not isinstance(table, dict)


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Split KEY=VALUE into the path and the value."""
    key, equals, written = text.partition("=")
    if key.count('"') % 2 or key.count("'") % 2:  # the = was inside a quoted part
        raise ExperimentError(f"override {show(text)}: the quotes in its key do not match.")
    if not equals or not key.strip():
        raise ExperimentError(f"override {show(text)} must be KEY=VALUE, for example train.steps=1000.")
    if not written.strip():
        raise ExperimentError(f"override {show(text)} has no value; KEY='' sets an empty text.")
    return _path(text, key.strip()), _value(text, written.strip())


def _path(text: str, key: str) -> tuple[str, ...]:
    try:
        nested = tomllib.loads(f"{key} = 0") if "\n" not in key else {}
    except (ValueError, RecursionError):
        nested = {}
    path: list[str] = []
    node: Any = nested
    while isinstance(node, dict) and len(node) == 1:
        ((step, node),) = node.items()
        path.append(step)
    if not path or isinstance(node, dict):
        raise ExperimentError(
            f"override {show(text)}: {show(key)} is not a dotted key; write for example "
            "optimizer.adam.lr=0.01."
        )
    return tuple(path)


def _value(text: str, written: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {written}")
    except (ValueError, RecursionError):
        if written[0] in "[{\"'":
            raise ExperimentError(f"override {show(text)}: {show(written)} is not a TOML value.") from None
        return written
    return parsed["value"] if set(parsed) == {"value"} else written
