"""Experiments that come from Python in place of a file: a dict, or the text of a file.

A dict has the tables of an experiment file. It is written as TOML, so that the run folder keeps the same
record as of a file, and read back from there: what a dict means is what its text means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from anncore.contract.errors import ExperimentError
from anncore.contract.shown import shortened
from anncore.experiment.document import Source, parsed, read_document, show

UNNAMED = "experiment"  # also the default run folder's name
LONGEST = 48
DEEPEST = 50  # levels of a dict; a file has five


def read_source(given: str | Path | Mapping[str, Any]) -> Source:
    """Return the document of a path, of TOML text (which has a line break), or of a dict.

    What is typed has no file: its relative paths start from the working directory, and its name is its title
    in snake_case, or "experiment". Raises ExperimentError for anything else, and for a value that no file
    could hold.
    """
    if isinstance(given, Mapping):
        return _typed(to_toml(given))
    if isinstance(given, str) and "\n" in given:
        return _typed(given)
    if isinstance(given, (str, PurePath)) and str(given).strip():
        return _filed(given)
    raise ExperimentError(
        f"an experiment is the path of a TOML file, TOML text, a dict or an Experiment, "
        f"got {shortened(repr(given), 60)}."
    )


def _filed(path: str | PurePath) -> Source:
    try:
        return read_document(Path(path))
    except ExperimentError as error:
        looks_like_toml = isinstance(path, str) and re.match(r"\s*(\[|[\w.\"'-]+\s*=|#)", path)
        if looks_like_toml and not Path(path).exists():
            raise ExperimentError(f"{error} TOML text must have a line break to be read as text.") from None
        raise


def _typed(text: str) -> Source:
    data = parsed(UNNAMED, text)
    title = data.get("title")
    name = re.sub(r"\W+", "_", title.lower()).strip("_")[:LONGEST] if isinstance(title, str) else ""
    return Source(Path(f"{name.strip('_') or UNNAMED}.toml"), text, data, typed=True)


def to_toml(data: Mapping[str, Any]) -> str:
    """Return the text of an experiment file with these tables; arrays and tuples become lists.

    Raises ExperimentError, naming the key, for what TOML cannot hold.
    """
    plain = _plain(data, ())
    lines = [_line(key, value) for key, value in plain.items() if not _tables(value)]
    for key, value in plain.items():
        if isinstance(value, dict):
            lines += _table((key,), value)
        elif _tables(value):
            for item in value:
                lines += ["", f"[[{_key(key)}]]", *(_line(*pair) for pair in item.items())]
    return "\n".join([*lines, ""]).lstrip("\n")


def _tables(value: Any) -> bool:
    """Tell whether a value of the document is a table, or a list of tables."""
    several = isinstance(value, list) and value != [] and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict) or several


def _table(path: tuple[str, ...], table: dict[str, Any]) -> list[str]:
    """Write a table; those inside it get a heading of their own, and what is deeper stands in one line."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict) and len(path) == 1}
    own = [_line(key, value) for key, value in table.items() if key not in inner]
    lines = ["", f"[{'.'.join(map(_key, path))}]", *own] if own or not inner else []
    for key, value in inner.items():
        lines += _table((*path, key), value)
    return lines


def _line(key: str, value: Any) -> str:
    return f"{_key(key)} = {_value(value)}"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(_line(*pair) for pair in value.items()) + " }" if value else "{}"
    return repr(value)


def _plain(value: Any, path: tuple[str, ...]) -> Any:
    """Return a value as TOML knows it: numbers of NumPy as Python's, arrays, tuples and ranges as lists."""
    where = f"{'.'.join(path)}: " if path else ""
    if len(path) > DEEPEST:
        raise ExperimentError(f"experiment: {'.'.join(path[:3])} is nested more than {DEEPEST} levels deep.")
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, PurePath):
        value = str(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ExperimentError(f"experiment: {where}{value!r} is no valid Unicode.") from None
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ExperimentError(f"experiment: {where}keys must be texts, got {show(key)}.")
        return {str(key): _plain(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item, (*path, str(place))) for place, item in enumerate(value)]
    if value is None:
        raise ExperimentError(f"experiment: {where}None has no meaning in an experiment; leave the key out.")
    if isinstance(value, type) and hasattr(value, "name"):
        raise ExperimentError(
            f"experiment: {where}write the component's name, {value.name!r}, and hand the class over by "
            f"components=[{value.__name__}]."
        )
    if isinstance(value, type):
        raise ExperimentError(
            f"experiment: {where}a component is named by its text, got the class {value.__name__}."
        )
    raise ExperimentError(
        f"experiment: {where}a value is a text, a number, true or false, a list or a dict, "
        f"got {_kind(value)}."
    )


def _kind(value: Any) -> str:
    word = type(value).__name__
    return f"{'an' if word[0] in 'aeiouAEIOU' else 'a'} {word}"
