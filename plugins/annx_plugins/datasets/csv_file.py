"""Data set: csv."""

import codecs
import csv
import hashlib
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Data, DataError, Dataset, Task, hookimpl, hyper, nearest

MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>", "N/A", "n/a", "NA")
).union(("NULL", "null", "None", "NaN", "nan", "-NaN", "-nan"))
TRUE, FALSE = frozenset(("True", "TRUE", "true")), frozenset(("False", "FALSE", "false"))
MOST_CLASSES = 20  # up to this number of different whole numbers count as classes
FEWEST_ROWS = 5


class Table(NamedTuple):
    """A file as text: column names, rows, and the line on which each row ends."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


@dataclass(frozen=True)
class CSV(Dataset):
    """Your own table: a text file with one example per line and the names of the columns in line 1.

    Every column but `target` and those in `drop` is a feature and must hold numbers; true and false
    are 1 and 0. Texts must first be turned into numbers, or dropped. `task = "auto"` looks at the
    target:

        texts, or true and false                              classification
        at most 20 different whole numbers, each
        at least twice on average                             classification
        any other numbers                                     regression

    Two classes make a binary task, more a multiclass one. Classes are numbered in the order of their
    numbers, or in alphabetical order; the last of two is the positive one.

    Domain: separator and decimal one character each; encoding a name that Python knows.
    Shapes: x (rows, features); y (rows,).

    It reads like pandas.read_csv by default: quotes " are doubled inside a quoted text, blank lines are
    skipped, and the same words mean a missing value. Unlike there, spaces around values do not count, and
    missing values, infinities, repeated or empty column names and rows of another length are errors.
    https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html
    """

    name: ClassVar[str] = "csv"

    path: str = hyper("", "path", help="the file, relative to the experiment file")
    target: str = hyper("", "str", help="the column to predict")
    task: str = hyper("auto", ("auto", "classification", "regression"))
    drop: tuple[str, ...] = hyper((), "list str", help="columns to leave out")
    separator: str = hyper(",", "str")
    decimal: str = hyper(".", (".", ","))
    encoding: str = hyper("utf-8", "str")

    def validate(self) -> None:
        if len(self.separator) != 1 or self.separator in '"\r\n' or self.separator == self.decimal:
            raise ValueError(
                f"separator must be one character other than the quote and the decimal {self.decimal!r}, "
                f"such as ',', ';' or '\\t', got {self.separator!r}"
            )
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(
                f"encoding must be one that Python knows, such as 'utf-8' or 'latin-1', got {self.encoding!r}"
            ) from None

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file's bytes."""
        return hashlib.sha256(self._bytes()).hexdigest()

    def make(self, rng: np.random.Generator) -> Data:
        table = self._read()
        target = self._column(table, self.target, "target")
        dropped = {self._column(table, name, "drop") for name in self.drop}
        if target in dropped:
            raise self._error(f"the target {self.target!r} cannot be in drop")
        kept = [i for i in range(len(table.header)) if i != target and i not in dropped]
        if not kept:
            raise self._error(f"no feature column is left beside the target {self.target!r}")
        for i in [*kept, target]:
            self._refuse_missing(table, i)
        x = np.column_stack([self._feature(table, i) for i in kept])
        y, task, classes = self._read_target(table, target)
        features = tuple(table.header[i] for i in kept)
        return Data(x, y, task, classes=classes, features=features)

    def _error(self, message: str) -> DataError:
        return DataError(f"csv: {self.path}: {message}")

    def _bytes(self) -> bytes:
        if not self.path:
            raise DataError('csv: path is missing; name the file: path = "data.csv"')
        path = Path(self.path)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            siblings = [file.name for file in path.parent.glob("*")]
            raise self._error(f"no such file.{nearest(path.name, siblings)}") from None
        except IsADirectoryError:
            raise self._error("is a directory; name a file in it") from None
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror or error}") from None

    def _text(self) -> str:
        content = self._bytes()
        # Some programs write a mark before UTF-8; it is not part of the first column's name.
        is_utf8 = codecs.lookup(self.encoding).name == "utf-8"
        try:
            text = content.decode("utf-8-sig" if is_utf8 else self.encoding)
        except UnicodeDecodeError as error:
            utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            guess = "utf-16" if utf16 else "latin-1"
            line = content.count(b"\n", 0, error.start) + 1
            raise self._error(
                f"line {line} is not {self.encoding}; say how the file is written, "
                f"encoding = {_toml(guess)} perhaps"
            ) from None
        except (UnicodeError, LookupError) as error:
            raise self._error(f"is not {self.encoding}: {error}; say how the file is written") from None
        if "\0" in text:
            raise self._error('holds NUL characters, as no text does; encoding = "utf-16" perhaps')
        return text

    def _read(self) -> Table:
        header: list[str] = []
        rows, lines = [], []
        reader = csv.reader(io.StringIO(self._text(), newline=""), delimiter=self.separator, strict=True)
        try:
            for row in reader:
                fields = [field.strip() for field in row]
                if not any(fields) and len(fields) < 2:
                    continue
                if not header:
                    self._check_header(fields)
                    header = fields
                    continue
                if len(fields) != len(header):
                    raise self._error(
                        f"line {reader.line_num} has {len(fields)} fields, the header {len(header)}; "
                        "quote texts that contain the separator"
                    )
                rows.append(fields)
                lines.append(reader.line_num)
        except csv.Error as error:
            raise self._error(f"line {reader.line_num} cannot be read: {error}") from None
        if not header:
            raise self._error("is empty; the first line must name the columns")
        if len(rows) < FEWEST_ROWS:
            raise self._error(f"has {len(rows)} rows below its header; at least {FEWEST_ROWS} are needed")
        return Table(header, rows, lines)

    def _check_header(self, header: Sequence[str]) -> None:
        for i, name in enumerate(header):
            if not name:
                raise self._error(
                    f"column {i + 1} has no name; give it one, or take it out "
                    "(pandas leaves the row numbers out with to_csv(index=False))"
                )
            if name in header[:i] and self._numbers_only(header):
                raise self._error("line 1 holds numbers only; it must name the columns")
            if name in header[:i]:
                raise self._error(
                    f"columns {header.index(name) + 1} and {i + 1} are both called {name!r}; rename one"
                )

    def _numbers_only(self, header: Sequence[str]) -> bool:
        return all(_number(name, self.decimal) is not None for name in header)

    def _column(self, table: Table, name: str, key: str) -> int:
        if name in table.header:
            return table.header.index(name)
        if key == "target" and not name:
            raise self._error(f"target is missing; name the column to predict, one of {_names(table.header)}")
        if len(table.header) == 1 and (other := _separator(table.header[0])):
            hint = f" Its only column is {table.header[0]!r}; set separator = {_toml(other)}?"
        elif self._numbers_only(table.header):
            hint = " Line 1 holds numbers only; it must name the columns."
        else:
            hint = nearest(name, table.header) or f" It has {_names(table.header)}."
        raise self._error(f"has no column {name!r}, which {key} names.{hint}")

    def _refuse_missing(self, table: Table, i: int) -> None:
        lines = [line for row, line in zip(table.rows, table.lines, strict=True) if row[i] in MISSING]
        if lines:
            count = f"{len(lines)} values are" if len(lines) > 1 else "a value is"
            drop = "" if table.header[i] == self.target else f", or drop = [{_toml(table.header[i])}]"
            raise self._error(
                f"{count} missing in column {table.header[i]!r}, first on line {lines[0]}; "
                f"fill them or take the rows out{drop}"
            )

    def _feature(self, table: Table, i: int) -> Array:
        values = [row[i] for row in table.rows]
        if (flags := _flags(values)) is not None:
            return flags
        return self._numbers(
            table, i, f"turn it into numbers, or leave it out with drop = [{_toml(table.header[i])}]"
        )

    def _numbers(self, table: Table, i: int, way_out: str) -> Array:
        numbers = np.empty(len(table.rows))
        for k, row in enumerate(table.rows):
            number = _number(row[i], self.decimal)
            if number is None or math.isinf(number):
                raise self._error(
                    f"column {table.header[i]!r} must hold finite numbers, got {row[i]!r} on line "
                    f"{table.lines[k]}; {way_out}"
                )
            numbers[k] = number
        return numbers

    def _read_target(self, table: Table, i: int) -> tuple[Array, Task, tuple[str, ...]]:
        """Return the targets, the task and the classes' names."""
        texts = [row[i] for row in table.rows]
        numbers = [number for text in texts if (number := _number(text, self.decimal)) is not None]
        numeric = len(numbers) == len(texts)
        keys: list[float] | list[str] = numbers if numeric else texts
        different = len(set(keys))
        if different == 1:
            raise self._error(
                f"target {self.target!r} is {texts[0]!r} in every row; there is nothing to learn"
            )
        few = different <= min(MOST_CLASSES, len(texts) / 2) and all(number % 1 == 0 for number in numbers)
        if self.task == "regression" or (self.task == "auto" and numeric and not few):
            way_out = 'a regression needs them; set task = "classification"?'
            return self._numbers(table, i, way_out), "regression", ()
        if different > len(texts) / 2:
            raise self._error(
                f"target {self.target!r} has {different} different values in {len(texts)} rows, too many for "
                'classes; name another target, or set task = "regression" if it holds numbers'
            )
        order: list[Any] = sorted(set(keys))
        place = {key: k for k, key in enumerate(order)}
        names = tuple(str(int(key) if numeric and key % 1 == 0 else key) for key in order)
        return np.array([place[key] for key in keys]), "binary" if different == 2 else "multiclass", names


def _number(text: str, decimal: str) -> float | None:
    """Return the number in `text`, or None; NaN and Python's 1_000 do not count as numbers."""
    if "_" in text or (decimal != "." and "." in text):
        return None
    try:
        number = float(text.replace(decimal, "."))
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _flags(values: Sequence[str]) -> Array | None:
    """Return 1 and 0 if all values are true or false, else None."""
    if not all(value in TRUE or value in FALSE for value in values):
        return None
    return np.array([float(value in TRUE) for value in values])


def _separator(text: str) -> str | None:
    """Return the separator that a header read as one column seems to have."""
    return next((mark for mark in (",", ";", "\t", "|") if mark in text), None)


def _toml(text: str) -> str:
    """Return the text as TOML."""
    return json.dumps(text, ensure_ascii=False)


def _names(header: Sequence[str]) -> str:
    shown = ", ".join(map(repr, header[:10]))
    return shown + (f" and {len(header) - 10} more" if len(header) > 10 else "")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [CSV]
