"""The TOML document: read once, and every error about it in one line."""

from __future__ import annotations

import math
import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.errors import MOST_LINES, ExperimentError, closest, nearest
from anncore.experiment.mistakes import Mistakes

Path_ = tuple[str | int, ...]
LARGEST = 2**63 - 1  # TOML's own bound for whole numbers
LONGEST_SHOWN = 80  # characters of a value in a message
MOST_SHOWN = 40  # items of a list or table that are looked at to show it
DEEPEST_TABLE = 16  # tables and lists inside each other; no key of an experiment needs more than six
MOST_DOTS = 100  # parts of one key, beyond which it is not parsed
DEEP_KEY = re.compile(rf"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){{{MOST_DOTS}}}""")
TOO_DEEP = (
    f"more than {DEEPEST_TABLE} tables or lists are nested in each other; no key of an experiment needs that."
)
MOST_BYTES = 2_000_000  # of an experiment file; a long one that is written by hand has thousands


def show(value: Any) -> str:
    """Return a value as the file would write it, cut to a readable length."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, Mapping):
        items = [f"{shortened(key)} = {show(item)}" for key, item in islice(value.items(), MOST_SHOWN)]
        text = "{ " + ", ".join(items) + " }"
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(map(show, value[:MOST_SHOWN])) + "]"
    elif isinstance(value, str):
        text = repr(value[: 2 * LONGEST_SHOWN])
    elif isinstance(value, int) and value.bit_length() > 4 * LONGEST_SHOWN:
        text = "a number of thousands of digits"  # Python refuses to write it
    else:
        text = repr(value)
    return shortened(text)


def shortened(text: str) -> str:
    """Return a text as it is, or its beginning where it is too long for a message."""
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 4].rstrip() + " ..."


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number that a float can hold; true and false are none."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, float) and math.isfinite(value)


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

    Raises ExperimentError where the file is missing, a directory, unreadable, too long, not UTF-8 or not TOML
    (file, line, column and reason in one line), and for tables that lie too deep in each other.
    """
    file = Path(path)
    raw = _bytes(file)
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
    _refuse_deep_keys(name, text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExperimentError(_place(name, text, str(error))) from None
    except RecursionError:
        raise ExperimentError(f"{name}: brackets nested too deeply.") from None
    except ValueError:  # of Python's own limit for digits; it names a function that no file can call
        raise ExperimentError(f"{name}: a number of thousands of digits does not fit into 64 bits.") from None
    refuse_deep(name, data)
    return data


def _bytes(file: Path) -> bytes:
    """Return the bytes of an experiment file; raises ExperimentError where it cannot be one."""
    name = repr(str(file))
    try:
        with file.open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except IsADirectoryError:
        raise ExperimentError(f"{name} is a directory; give an experiment file.") from None
    except FileNotFoundError:
        raise ExperimentError(f"Experiment file {name} does not exist.{_other_files(file)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ExperimentError(f"Experiment file {name} cannot be read: {reason}.") from None
    if len(raw) > MOST_BYTES:
        raise ExperimentError(
            f"{name} has more than {MOST_BYTES // 1_000_000} MB and is no experiment file; data belong "
            "into a CSV file that a [dataset.NAME] section names."
        )
    return raw


def _other_files(file: Path) -> str:
    """Say which experiment file may be meant by one that does not exist."""
    folders = [file.parent, file.parent / "experiments"]
    try:
        near = [path for folder in folders for path in sorted(folder.glob("*.toml")) if _may_be_meant(path)]
    except (OSError, ValueError):
        return ""
    by_stem = {path.stem: str(path.relative_to(file.parent)) for path in reversed(near)}
    if guess := closest(file.stem, by_stem):
        return f" Did you mean {show(by_stem[guess])}?"
    if file.suffix.casefold() != ".toml":  # it may be no path at all
        return ""
    here = [path.name for path in near if path.parent == file.parent]
    listed = ", ".join(map(shortened, here[:5])) + (", .." if len(here) > 5 else "")
    return f" The folder has {listed}." if here else " The folder has no experiment file."


def _may_be_meant(path: Path) -> bool:
    """Tell whether a TOML file may be an experiment, by its name alone."""
    return path.name != "pyproject.toml" and not path.name.startswith(".")


def _refuse_deep_keys(name: str, text: str) -> None:
    """Refuse keys of very many parts unparsed: parsing takes time with the square of their number."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MOST_DOTS and DEEP_KEY.search(line):
            raise ExperimentError(f"{name}, line {number}: {TOO_DEEP}")


def refuse_deep(name: str, value: Any) -> None:
    """Refuse tables and lists that are nested deeper than any experiment needs; `name` says whose."""
    level = [value]
    for _ in range(DEEPEST_TABLE):
        level = [
            item
            for outer in level
            if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return
    raise ExperimentError(f"{name}: {TOO_DEEP}")


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


@dataclass(frozen=True)
class Document:
    """The merged document: the file's tables with the overrides put in, and what is wrong in them so far."""

    name: str
    data: dict[str, Any]
    overridden: Mapping[Path_, str] = field(default_factory=dict)  # where one set a value, and its text
    mistakes: Mistakes = field(default_factory=Mistakes)

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
        for path, reason in _unusable(self.data, ()):
            self.mistakes.note(self.error(path, reason))
            if len(self.mistakes.errors) > MOST_LINES:
                break
        self.mistakes.raise_all()


def _unusable(value: Any, path: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield what no experiment can use, with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield path, f"the key {show(key)}{_where(path)} must be a text."
            elif "\0" in key:
                yield path, f"a key{_where(path)} contains the character NUL."
            else:
                yield from _unusable(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _unusable(item, (*path, i))
    elif isinstance(value, int) and not -LARGEST - 1 <= value <= LARGEST:
        yield path, f"the number{_where(path)} does not fit into 64 bits."
    elif isinstance(value, str):
        if "\0" in value:
            yield path, f"the text{_where(path)} contains the character NUL."
    elif isinstance(value, (date, time)):
        yield path, f"{value}{_where(path)} is a date or time; write a text."
    elif not isinstance(value, (int, float)):
        yield (
            path,
            f"{show(value)}{_where(path)} is a {type(value).__name__}, which no experiment file can hold.",
        )


def _where(path: Path_) -> str:
    if len(path) < 2:
        return f" in {shortened(str(path[0]))}" if path else ""
    return f" in {title(path[:-1])} {shortened(str(path[-1]))}"


def title(path: Path_) -> str:
    """Return a table's name as the file writes it."""
    if len(path) > 1 and isinstance(path[1], int):
        return f"[[{path[0]}]] number {path[1] + 1}"
    return "[" + ".".join(shortened(str(step)) for step in path) + "]"


class Section:
    """One table, read key by key; what is not understood is an error."""

    def __init__(self, document: Document, path: Path_, data: Mapping[str, Any]) -> None:
        self.document, self.path, self.data = document, path, data

    @property
    def title(self) -> str:
        """The table's name as the file writes it."""
        return title(self.path) if self.path else "the experiment"

    def error(self, key: str | None, message: str) -> ExperimentError:
        """Return an error that names file and table."""
        path = self.path if key is None else (*self.path, key)
        where = f"{self.title} " if self.path else ""
        return self.document.error(path, f"{where}{message}")

    def wrong(self, key: str, rule: str) -> ExperimentError:
        """Return an error that names key, rule and value."""
        return self.error(key, f"{key} must be {rule}, got {show(self.data[key])}.")

    def note_wrong(self, key: str, rule: str) -> None:
        """Note that a value is not what the rule says."""
        self.document.mistakes.note(self.wrong(key, rule))

    def allow(self, known: Collection[str]) -> None:
        """Note each key that is not known, with the nearest spelling."""
        for key in self.data:
            if key not in known:
                error = self.document.error(
                    (*self.path, key),
                    f"unknown key {show(key)} in {self.title}; known keys are {', '.join(known)}."
                    + nearest(key, known),
                )
                self.document.mistakes.note(error, value=False)

    def whole(self, key: str, default: Any, low: int, high: int = LARGEST) -> Any:
        """Return a whole number between two bounds; 1e3 counts as one. A wrong one is noted."""
        if key not in self.data:
            return default
        value = self.data[key]
        if is_number(value) and value == int(value) and low <= int(value) <= high:
            return int(value)
        upper = "" if high == LARGEST else f" and at most {high}"
        self.note_wrong(key, f"a whole number of at least {low}{upper}")
        return default

    def number(
        self, key: str, default: Any, low: float, high: float = math.inf, *, open: bool = False
    ) -> Any:
        """Return a number between two bounds; with `open` the bounds themselves are refused, and noted."""
        if key not in self.data:
            return default
        value = self.data[key]
        if is_number(value) and (low < value < high if open else low <= value <= high):
            return float(value)
        if low == -math.inf:
            self.note_wrong(key, "a number")
            return default
        upper = "" if high == math.inf else f" and {'below' if open else 'at most'} {high:g}"
        self.note_wrong(key, f"a number {'above' if open else 'of at least'} {low:g}{upper}")
        return default

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false; anything else is noted."""
        value = self.data.get(key, default)
        if isinstance(value, bool):
            return value
        self.note_wrong(key, "true or false")
        return default

    def text(self, key: str, default: Any) -> Any:
        """Return a text; anything else is noted."""
        if isinstance(self.data.get(key, ""), str):
            return self.data.get(key, default)
        self.note_wrong(key, "a text")
        return default

    def one_of(self, key: str, default: Any, known: Collection[str]) -> Any:
        """Return one of a few words; anything else is noted."""
        value = self.data.get(key, default)
        if key not in self.data or (isinstance(value, str) and value in known):
            return value
        near = nearest(value, known) if isinstance(value, str) else ""
        rule = f"{key} must be one of {', '.join(map(repr, known))}, got {show(value)}.{near}"
        self.document.mistakes.note(self.error(key, rule))
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; anything else is noted."""
        value = self.data.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.note_wrong(key, "a list of texts")
        return ()
