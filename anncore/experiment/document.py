"""The TOML document: read once, and every error about it in one line."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.errors import ExperimentError, nearest

Path_ = tuple[str | int, ...]
LARGEST = 2**63 - 1  # TOML's own bound for whole numbers


def show(value: Any) -> str:
    """Return a value as the file would write it, cut to a readable length."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, Mapping):
        text = "{ " + ", ".join(f"{key} = {show(item)}" for key, item in value.items()) + " }"
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(map(show, value)) + "]"
    else:
        text = repr(value)
    return text if len(text) <= 80 else text[:76] + " ..."


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class Source(NamedTuple):
    """An experiment file as it was read; `typed` where there is none, and `path` only lends it a name."""

    path: Path
    text: str
    data: dict[str, Any]
    typed: bool = False

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.path.stem if self.typed else self.path.name


def read_document(path: str | Path) -> Source:
    """Read a TOML file.

    Raises ExperimentError where the file is missing, a directory, unreadable, not UTF-8 or not TOML
    (file, line, column and reason in one line).
    """
    file = Path(path)
    try:
        raw = file.read_bytes()
    except IsADirectoryError:
        raise ExperimentError(f"{str(path)!r} is a directory; give an experiment file.") from None
    except FileNotFoundError:
        near = nearest(file.name, (neighbour.name for neighbour in _neighbours(file)))
        raise ExperimentError(f"Experiment file {str(path)!r} does not exist.{near}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ExperimentError(f"Experiment file {str(path)!r} cannot be read: {reason}.") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ExperimentError(
            f"{file.name}, line {line}: not UTF-8 (byte 0x{raw[error.start]:02x}); save the file as UTF-8."
        ) from None
    text = text.replace("\r\n", "\n")
    data = parsed(file.name, text)
    return Source(file, text, data)


def parsed(name: str, text: str) -> dict[str, Any]:
    """Return the tables of TOML text; raises ExperimentError with file, line, column and reason."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExperimentError(_place(name, text, str(error))) from None
    except (RecursionError, ValueError) as error:
        reason = "brackets nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ExperimentError(f"{name}: {reason}.") from None


def _neighbours(file: Path) -> list[Path]:
    try:
        return sorted(file.parent.glob("*.toml"))
    except OSError:
        return []


def _place(name: str, text: str, message: str) -> str:
    """Turn tomllib's "Reason (at line 3, column 5)" into "file, line 3, column 5: reason"."""
    parts = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if parts is None:
        return f"{name}: {message}"
    reason, line, column = parts.groups()
    if line is None:
        lines = text.rstrip("\n").split("\n")
        line, column = str(len(lines)), str(len(lines[-1]) + 1)
    return f"{name}, line {line}, column {column}: {reason[0].lower()}{reason[1:]}."


def first_comment(text: str) -> str:
    """Return the first comment of a file: its first run of comment lines, up to an empty one, as one line."""
    lines: list[str] = []
    for line in text.splitlines():
        words = line.strip().lstrip("#").strip()
        if line.strip().startswith("#") and words:
            lines.append(words)
        elif lines or (line.strip() and not line.strip().startswith("#")):
            break
    return " ".join(lines)


class Document(NamedTuple):
    """The merged document: the file's tables with the overrides put in."""

    name: str
    data: dict[str, Any]
    overridden: Mapping[Path_, str] = {}  # where an override set a value, and its text

    def error(self, path: Path_, message: str) -> ExperimentError:
        """Return an error about the value at `path`, in one line; it names the override that set it."""
        message = " ".join(message.split())  # keys and texts may hold line breaks
        for place, text in self.overridden.items():
            if path[: len(place)] == place:
                return ExperimentError(f"{self.name} with {show(text)}: {message}")
        return ExperimentError(f"{self.name}: {message}")

    def section(self, *path: str | int) -> Section:
        """Return the table at `path`, an empty one where the file has none."""
        value: Any = self.data
        for step, after in zip(path, (*path, "")[1:], strict=True):
            value = value.get(step, {}) if isinstance(step, str) else value[step]
            if not isinstance(value, list if isinstance(after, int) else dict):
                raise self.error(path, f"{title(path)} must be a table, got {show(value)}.")
        return Section(self, path, value)

    def check(self) -> None:
        """Refuse what TOML allows but no experiment can use: dates, huge numbers, the character NUL."""
        _check(self, self.data, ())


def _check(document: Document, value: Any, path: Path_) -> None:
    where = f" in {title(path[:-1])} {path[-1]}" if len(path) > 1 else f" in {path[-1]}" if path else ""
    if isinstance(value, dict):
        for key, item in value.items():
            if "\0" in key:
                raise document.error(path, f"a key{where} contains the character NUL.")
            _check(document, item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check(document, item, (*path, i))
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise document.error(path, f"the number{where} does not fit into 64 bits.")
    elif isinstance(value, str) and "\0" in value:
        raise document.error(path, f"the text{where} contains the character NUL.")
    elif not isinstance(value, (str, int, float, bool)):
        raise document.error(path, f"{value}{where} is a date or time; write a text.")


def title(path: Path_) -> str:
    """Return a table's name as the file writes it."""
    if path and path[0] in ("exclude", "include") and len(path) > 1:
        return f"[[{path[0]}]] number {int(path[1]) + 1}"
    return "[" + ".".join(map(str, path)) + "]"


class Section:
    """One table, read key by key; what is not understood is an error."""

    def __init__(self, document: Document, path: Path_, data: Mapping[str, Any]) -> None:
        self.document, self.path, self.data = document, path, data

    @property
    def title(self) -> str:
        """The table's name as the file writes it."""
        return title(self.path) if self.path else "the file"

    def error(self, key: str | None, message: str) -> ExperimentError:
        """Return an error that names file and table."""
        path = self.path if key is None else (*self.path, key)
        where = f"{self.title} " if self.path else ""
        return self.document.error(path, f"{where}{message}")

    def wrong(self, key: str, rule: str) -> ExperimentError:
        """Return an error that names key, rule and value."""
        return self.error(key, f"{key} must be {rule}, got {show(self.data[key])}.")

    def allow(self, known: Collection[str]) -> None:
        """Refuse keys that are not known, with the nearest spelling."""
        for key in self.data:
            if key not in known:
                raise self.document.error(
                    (*self.path, key),
                    f"unknown key {key!r} in {self.title}; known keys are {', '.join(known)}."
                    + nearest(key, known),
                )

    def whole(self, key: str, default: Any, low: int, high: int = LARGEST) -> Any:
        """Return a whole number between two bounds; 1e3 counts as one."""
        if key not in self.data:
            return default
        value = self.data[key]
        if not is_number(value) or value != int(value) or not low <= value <= high:
            upper = "" if high == LARGEST else f" and at most {high}"
            raise self.wrong(key, f"a whole number of at least {low}{upper}")
        return int(value)

    def number(
        self, key: str, default: Any, low: float, high: float = math.inf, *, open: bool = False
    ) -> Any:
        """Return a number between two bounds; with `open` the bounds themselves are refused."""
        if key not in self.data:
            return default
        value = self.data[key]
        if not is_number(value) or not (low < value < high if open else low <= value <= high):
            upper = "" if high == math.inf else f" and {'below' if open else 'at most'} {high:g}"
            raise self.wrong(key, f"a number {'above' if open else 'of at least'} {low:g}{upper}")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        if not isinstance(self.data.get(key, default), bool):
            raise self.wrong(key, "true or false")
        return bool(self.data.get(key, default))

    def text(self, key: str, default: Any) -> Any:
        """Return a text."""
        if not isinstance(self.data.get(key, ""), str):
            raise self.wrong(key, "a text")
        return self.data.get(key, default)

    def one_of(self, key: str, default: Any, known: Collection[str]) -> Any:
        """Return one of a few words."""
        value = self.data.get(key, default)
        if key in self.data and (not isinstance(value, str) or value not in known):
            near = nearest(value, known) if isinstance(value, str) else ""
            raise self.error(
                key, f"{key} must be one of {', '.join(map(repr, known))}, got {show(value)}.{near}"
            )
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of texts")
        return tuple(value)
