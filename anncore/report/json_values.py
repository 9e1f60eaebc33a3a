"""Values as JSON holds them: what is no number, or infinite, is null."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

_AS_IT_IS = frozenset({str, int, bool, type(None)})
_LEAVES = _AS_IT_IS | {float}


def jsonable(value: Any) -> Any:
    """Turn what TOML or NumPy may hold into what JSON may: dates and unknown things become text."""
    kind = type(value)  # a report has a million values, nearly all of exactly these types
    if kind in _LEAVES:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return [jsonable(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def plain(value: Any) -> Any:
    """Return JSON's idea of a value: NaN and infinities become null, tuples lists."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return [plain(item) for item in value]
    number = value if kind is float else jsonable(value)
    return None if isinstance(number, float) and not math.isfinite(number) else number


def json_text(value: Any) -> str:
    """Return `plain` values as JSON text, a line for each: what json.dumps(value, indent=1) writes.

    Python's own encoder of indented text is not the compiled one. Here that one writes whatever holds no
    further list or table, with the line breaks and blanks of its place as separators.
    """
    return "".join(_written(value, 0))


def _written(value: Any, depth: int) -> Iterator[str]:
    kind = type(value)
    if (kind is not dict and kind is not list) or not value:
        yield _encoder(depth).encode(value)
        return
    items = value.values() if kind is dict else value
    if not {dict, list}.isdisjoint(map(type, items)):
        yield from _nested(value, depth)
        return
    flat = _encoder(depth).encode(value)
    yield f"{flat[0]}\n{' ' * (depth + 1)}{flat[1:-1]}\n{' ' * depth}{flat[-1]}"


def _nested(value: Any, depth: int) -> Iterator[str]:
    """Write a list or a table that holds others."""
    break_, between = f"\n{' ' * (depth + 1)}", ""
    encode = _encoder(depth).encode
    if type(value) is dict:
        yield "{"
        for key, item in value.items():
            yield f"{between}{break_}{encode(key)}: "
            yield from _written(item, depth + 1)
            between = ","
        yield f"\n{' ' * depth}}}"
        return
    yield "["
    for item in value:
        yield f"{between}{break_}"
        yield from _written(item, depth + 1)
        between = ","
    yield f"\n{' ' * depth}]"


@cache
def _encoder(depth: int) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(f",\n{' ' * (depth + 1)}", ": "))
