"""Values as JSON holds them: what is no number, or infinite, is null."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

_AS_IT_IS = frozenset({str, int, bool, type(None)})


def jsonable(value: Any) -> Any:
    """Turn what TOML or NumPy may hold into what JSON may: dates and unknown things become text."""
    return _turned(value, float)


def plain(value: Any) -> Any:
    """Return JSON's idea of a value: `jsonable`, but NaN and infinities become null."""
    return _turned(value, _finite)


def _turned(value: Any, number: Callable[[float], Any]) -> Any:
    kind = type(value)  # a report has a million values, nearly all of exactly these types
    if kind in _AS_IT_IS:
        return value
    if kind is float:
        return number(value)
    if kind is dict or isinstance(value, Mapping):
        return {str(key): _turned(item, number) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return [_turned(item, number) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, (bool, int, str)) else str(value)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


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
