"""Data set: csv."""

import bz2
import codecs
import csv
import gzip
import hashlib
import io
import itertools
import json
import lzma
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Data, DataError, Dataset, Task, hookimpl, hyper, named_file, nearest

MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>", "N/A", "n/a", "NA")
).union(("NULL", "null", "None", "NaN", "nan", "-NaN", "-nan"))
TRUE, FALSE = frozenset(("True", "TRUE", "true")), frozenset(("False", "FALSE", "false"))
MOST_CLASSES = 20  # up to this number of different whole numbers count as classes
FEWEST_ROWS = 5
MOST_MISTAKES = 20  # that are printed, one line each
LARGEST = 1e301  # beyond it, predictions in the target's own units may overflow
WHOLE_FLOATS = 2.0**53  # from here on float64 has gaps between whole numbers
SEPARATORS = (",", ";", "\t", "|")
PLAIN = re.compile(r"[0-9.eE+-]+(\n[0-9.eE+-]+)*")  # numbers, one on a line, without names such as inf
THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,'\u2019\u00a0\u202f ]\d{3})+([.,]\d+)?")
MARKS = {  # the longer ones first: that of UTF-32 begins with one of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SAMPLE = 20  # lines that are looked at to guess how a file is written

UNPACK: Mapping[bytes, Any] = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ\x00": lzma}
MOST_UNPACKED, HIGHEST_RATIO = 64 * 2**20, 200  # a text shrinks to a tenth; what shrinks more is a trap

SPREADSHEET = "save the sheet as CSV (in Excel: Save As, CSV UTF-8)"
OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive; unpack it and name the file in it",
    b"\xd0\xcf\x11\xe0": f"an Excel workbook, no text; {SPREADSHEET}",
    b"PAR1": "a Parquet file; write it as CSV, with pandas: read_parquet(...).to_csv(..., index=False)",
    b"ARROW1": "an Arrow file; write it as CSV, with pandas: read_feather(...).to_csv(..., index=False)",
    b"\x89HDF": "an HDF5 file; write the table in it as CSV",
    b"SQLite format 3": "an SQLite database; write the table in it as CSV",
    b"\x93NUMPY": "a NumPy array; write it as CSV with a line that names the columns",
    b"%PDF": "a PDF, no table; write the table in it as CSV",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it and name the file in it",
}


Outcome = tuple[Array | None, Task, tuple[str, ...]]
"""Targets, task and the names of the classes."""


class Table(NamedTuple):
    """A file as text: column names, the rows as long as these, and the line on which each row ends."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    odd_lines: list[tuple[int, int]]  # line and number of fields of the rows of another length


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

    `task = "unsupervised"` needs no target: every column but those in `drop` is a feature.

    Two classes make a binary task, more a multiclass one. Classes are numbered in the order of their
    numbers, or in alphabetical order; the last of two is the positive one. 1 and 1.0 are one class, 1 and
    01 are two; whole numbers of any length are told apart. A class is called as the file spells it.

    A file packed by gzip, bzip2 or xz is unpacked, whatever its name. Whatever is wrong with a file is said
    at once, one line per mistake.

    Domain: separator and decimal one character each; encoding a name that Python knows; numbers up to 1e301.
    Shapes: x (rows, features); y (rows,), none for an unsupervised task.

    It reads like pandas.read_csv by default: quotes " are doubled inside a quoted text, blank lines are
    skipped, and the same words mean a missing value. Unlike there, spaces around values do not count, and
    missing values, infinities, repeated or empty column names and rows of another length are errors.
    https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html
    """

    name: ClassVar[str] = "csv"

    path: str = hyper("", "path", help="the file, relative to the experiment file")
    target: str = hyper("", "str", help="the column to predict")
    task: str = hyper("auto", ("auto", "classification", "regression", "unsupervised"))
    drop: tuple[str, ...] = hyper((), "list str", help="columns to leave out")
    separator: str = hyper(",", "str")
    decimal: str = hyper(".", (".", ","))
    encoding: str = hyper("utf-8", "str")

    def validate(self) -> None:
        if len(self.separator) != 1 or self.separator in '"\r\n\0' or self.separator == self.decimal:
            raise ValueError(
                f"separator must be one character other than the quote and the decimal {self.decimal!r}, "
                f"such as ',', ';' or '\\t', got {self.separator!r}"
            )
        try:
            b"a".decode(self.encoding)
        except UnicodeDecodeError:
            pass  # an encoding in which one byte is no character
        except (LookupError, ValueError, OSError):  # OSError: a name too long for a module's file
            raise ValueError(
                f"encoding must be one that Python knows, such as 'utf-8' or 'latin-1', got {self.encoding!r}"
            ) from None

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file's bytes."""
        return hashlib.sha256(named_file("csv", self.path, "data.csv")).hexdigest()

    def make(self, rng: np.random.Generator) -> Data:
        columns = Columns(self, self._table())
        data = columns.data()
        if data is None:
            raise self.error(*columns.mistakes)
        return data

    def error(self, *mistakes: str) -> DataError:
        """Return the error of one line per mistake."""
        shown = [f"csv: {self.path}: {mistake}" for mistake in mistakes[:MOST_MISTAKES]]
        if len(mistakes) > MOST_MISTAKES:
            shown.append(f"csv: {self.path}: and {len(mistakes) - MOST_MISTAKES} more such mistakes")
        return DataError(*shown)

    def _table(self) -> Table:
        content = self._unpacked(named_file("csv", self.path, "data.csv"))
        self._refuse_other_formats(content)
        text = self._text(content)
        table = self._read(text)
        if len(table.header) == 1 or table.odd_lines:
            self._refuse_other_separator(text, table)
        return table

    def _unpacked(self, content: bytes) -> bytes:
        packer = _packer(content)
        if packer is None:
            return content
        most = max(MOST_UNPACKED, HIGHEST_RATIO * len(content))
        try:
            with packer.open(io.BytesIO(content)) as file:
                unpacked = file.read(most + 1)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise self.error(f"is a packed file that is damaged: {error}; fetch or pack it again") from None
        if len(unpacked) > most:
            raise self.error(f"unpacks to more than {most >> 20} MB; unpack it and name what was in it")
        if _packer(unpacked) is not None:
            raise self.error("is packed twice; unpack it once, or pack the CSV itself")
        return unpacked

    def _refuse_other_formats(self, content: bytes) -> None:
        kind = next((OTHER_FORMATS[mark] for mark in OTHER_FORMATS if content.startswith(mark)), None)
        if content.isascii() and b"\0" not in content and not content.startswith(b"%PDF-"):
            kind = None  # a column may be called PAR1
        elif content.startswith(b"PK") and (b"xl/" in content or b"[Content_Types].xml" in content):
            kind = f"an Excel workbook, no text; {SPREADSHEET}"
        elif content.startswith(b"PK") and b"opendocument" in content[:200]:
            kind = f"an OpenDocument sheet, no text; {SPREADSHEET}"
        if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html)", content[:200], re.IGNORECASE):
            kind = "a web page; download the file itself (on GitHub: Raw)"
        elif re.match(rb"\s*[\[{]\s*[\[{\"]", content[:200]):
            kind = "JSON; write it as CSV, with pandas: read_json(...).to_csv(..., index=False)"
        if kind is not None:
            raise self.error(f"is {kind}")

    def _text(self, content: bytes) -> str:
        # Some programs write a mark before UTF-8; it is not part of the first column's name.
        try:
            is_utf8 = codecs.lookup(self.encoding).name == "utf-8"
            text = content.decode("utf-8-sig" if is_utf8 else self.encoding)
        except UnicodeDecodeError as error:
            guess = next((MARKS[mark] for mark in MARKS if content.startswith(mark)), "latin-1")
            line = content.count(b"\n", 0, error.start) + 1
            raise self.error(
                f"line {line} is not {self.encoding}; say how the file is written, "
                f"encoding = {_toml(guess)} perhaps"
            ) from None
        except (ValueError, LookupError, Warning) as error:
            raise self.error(f"is not {self.encoding}: {error}; say how the file is written") from None
        if "\0" in text:
            raise self.error('holds NUL characters, as no text does; encoding = "utf-16" perhaps')
        return text

    def _read(self, text: str) -> Table:
        table = Table([], [], [], [])
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, strict=True)
        try:
            for row in reader:
                fields = [field.strip() for field in row]
                if not any(fields) and len(fields) < 2:
                    continue
                if not table.header:
                    table.header.extend(fields)
                elif len(fields) != len(table.header):
                    table.odd_lines.append((reader.line_num, len(fields)))
                else:
                    table.rows.append(fields)
                    table.lines.append(reader.line_num)
        except csv.Error as error:
            raise self.error(f"line {reader.line_num} cannot be read: {_unread(error)}") from None
        if not table.header:
            raise self.error("is empty; the first line must name the columns")
        return table

    def _refuse_other_separator(self, text: str, table: Table) -> None:
        """Raise DataError where another separator makes a table of the file and this one does not."""
        first = table.header[0]
        written = _written(text, self.separator, self.decimal)
        if written is None and len(table.header) == 1 and self.target not in table.header:
            mark = next((mark for mark in SEPARATORS if mark in first), None)
            written = None if mark is None else f"separator = {_toml(mark)}"
        if written is None:
            return
        if len(table.header) == 1:
            start = f"has no column {self.target!r}, which target names. Its only column is {first!r}"
            raise self.error(f"{start}; set {written}?")
        line, count = table.odd_lines[0]
        raise self.error(
            f"line {line} has {_counted(count, 'field')}, the header {len(table.header)}; set {written}?"
        )


class Columns:
    """The columns of one table, read as a CSV describes them; what is wrong gathers in `mistakes`."""

    def __init__(self, described: CSV, table: Table) -> None:
        self.described, self.table = described, table
        self.decimal = described.decimal
        self.mistakes: list[str] = []

    def data(self) -> Data | None:
        """Return the data, or None where there are mistakes."""
        self._check_lines()
        unsupervised = self.described.task == "unsupervised"
        target, dropped = self._find_target(), self._find_dropped()
        kept = [i for i in range(len(self.table.header)) if i != target and i not in dropped]
        self._check_kept(kept, target, dropped)
        # Without a target, any column of texts may be the one that is meant.
        meant = unsupervised or target is not None
        block = self._block(kept) if meant else None
        if block is None:
            for i in kept:
                self._check_missing(i)
        if target is not None:
            self._check_missing(target)
        features = [self._feature(i) for i in kept] if meant and block is None else []
        enough = len(self.table.rows) >= FEWEST_ROWS
        outcome: Outcome | None = (None, "unsupervised", ()) if unsupervised else None
        if target is not None and enough:
            outcome = self._target(target)
        if self.mistakes or outcome is None:
            return None
        y, task, classes = outcome
        x = np.column_stack([column for column in features if column is not None]) if block is None else block
        return Data(x, y, task, classes=classes, features=tuple(self.table.header[i] for i in kept))

    def _check_kept(self, kept: Sequence[int], target: int | None, dropped: set[int]) -> None:
        """Note where no feature is left, and a target that is dropped."""
        if not kept and self.described.task == "unsupervised":
            self.mistakes.append("no feature column is left")
        elif not kept and target is not None:
            self.mistakes.append(f"no feature column is left beside the target {self.described.target!r}")
        if target in dropped:
            self.mistakes.append(f"the target {self.described.target!r} cannot be in drop")

    def _check_lines(self) -> None:
        """Note what is wrong with the names, with the lengths of rows and with their number."""
        header, rows, odd_lines = self.table.header, self.table.rows, self.table.odd_lines
        repeated = [name for name, count in Counter(header).items() if name and count > 1]
        if repeated and self._numbers_only():
            self.mistakes.append("line 1 holds numbers only; it must name the columns")
            repeated = []
        for i, name in enumerate(header):
            if not name:
                self.mistakes.append(
                    f"column {i + 1} has no name; give it one, or take it out "
                    "(pandas leaves the row numbers out with to_csv(index=False))"
                )
        for name in repeated:
            places = [str(i + 1) for i, other in enumerate(header) if other == name]
            both = "both" if len(places) == 2 else "all"
            more = f" and {len(places) - 4} more" if len(places) > 5 else f" and {places[-1]}"
            first = ", ".join(places[:4] if len(places) > 5 else places[:-1])
            self.mistakes.append(f"columns {first}{more} are {both} called {name!r}; rename one")
        if odd_lines:
            line, count = odd_lines[0]
            more = f" ({len(odd_lines)} lines are not as long as the header)" if len(odd_lines) > 1 else ""
            self.mistakes.append(
                f"line {line} has {_counted(count, 'field')}, the header {len(header)}; "
                f"quote texts that contain the separator{more}"
            )
        below = len(rows) + len(odd_lines)
        if below < FEWEST_ROWS:
            counted = _counted(below, "row")
            self.mistakes.append(f"has {counted} below its header; at least {FEWEST_ROWS} are needed")

    def _numbers_only(self) -> bool:
        return all(_number(name, self.decimal) is not None for name in self.table.header)

    def _find_target(self) -> int | None:
        header, target = self.table.header, self.described.target
        if self.described.task == "unsupervised":
            if target:
                self.mistakes.append(
                    f"an unsupervised task has no target, got {target!r}; leave target out, and the column "
                    f"with drop = [{_toml(target)}]"
                )
            return None
        if target or target in header:
            return self._find(target, "target")
        self.mistakes.append(
            f"target is missing; name the column to predict, one of {_names(header)}, or set task = "
            '"unsupervised" if there is none'
        )
        return None

    def _find_dropped(self) -> set[int]:
        places = (self._find(name, "drop") for name in self.described.drop)
        return {place for place in places if place is not None}

    def _find(self, name: str, key: str) -> int | None:
        """Return the place of a column; where there is none of the name note it, and return the nearest."""
        header = self.table.header
        if name in header:
            return header.index(name)
        guess = nearest(name, header)
        place = next((i for i, other in enumerate(header) if guess.endswith(f" {other!r}?")), None)
        if self._numbers_only():
            guess, place = " Line 1 holds numbers only; it must name the columns.", None
        if "line 1 holds numbers only; it must name the columns" not in self.mistakes:
            hint = guess or f" It has {_names(header)}."
            self.mistakes.append(f"has no column {name!r}, which {key} names.{hint}")
        return place

    def _check_missing(self, i: int) -> None:
        name = self.table.header[i]
        lines = [line for text, line in self._cells(i) if text in MISSING]
        if lines:
            count = f"{len(lines)} values are" if len(lines) > 1 else "a value is"
            drop = "" if name == self.described.target else f", or drop = [{_toml(name)}]"
            self.mistakes.append(
                f"{count} missing in column {name!r}, first on line {lines[0]}; "
                f"fill them or take the rows out{drop}"
            )

    def _cells(self, i: int) -> Iterator[tuple[str, int]]:
        """Yield the text of every row in a column, and its line."""
        return ((row[i], line) for row, line in zip(self.table.rows, self.table.lines, strict=True))

    def _block(self, kept: Sequence[int]) -> Array | None:
        """Return all features at once if every cell is a plain number; None if a column needs a closer look.

        A file of a million columns is read so in seconds, column by column in a minute.
        """
        rows = []
        for row in self.table.rows:
            text = "\n".join([row[i] for i in kept])
            if self.decimal != ".":
                text = "" if "." in text else text.replace(self.decimal, ".")
            if not PLAIN.fullmatch(text):
                return None
            try:
                rows.append(list(map(float, text.split("\n"))))
            except ValueError:
                return None
        block = np.array(rows)
        return block if block.size and np.abs(block).max() < WHOLE_FLOATS else None

    def _feature(self, i: int) -> Array | None:
        texts = [text for text, _ in self._cells(i) if text not in MISSING]
        if texts and all(text in TRUE or text in FALSE for text in texts):
            return np.array([float(text in TRUE) for text in texts])
        drop = f"leave it out with drop = [{_toml(self.table.header[i])}]"
        return self._numbers(i, f"turn it into numbers, or {drop}")

    def _numbers(self, i: int, way_out: str) -> Array | None:
        """Return a column's numbers, or None with a mistake."""
        name = self.table.header[i]
        cells = [(text, line) for text, line in self._cells(i) if text not in MISSING]
        values = [_number(text, self.decimal) for text, _ in cells]
        bad = [k for k, value in enumerate(values) if value is None or math.isinf(value)]
        if bad:
            text, line = cells[bad[0]]
            count = f" ({len(bad)} such values)" if len(bad) > 1 else ""
            hint = self._spelling_hint([cells[k][0] for k in bad]) or way_out
            self.mistakes.append(
                f"column {name!r} must hold finite numbers, got {_short(text)} on line {line}{count}; {hint}"
            )
            return None
        numbers = np.array(values, dtype=float)
        drop = "" if name == self.described.target else f", or leave it out with drop = [{_toml(name)}]"
        largest = np.abs(numbers).max(initial=0.0)
        if largest > LARGEST:
            self.mistakes.append(
                f"column {name!r} holds values up to {largest:g}, too large to compute with; "
                f"divide them{drop}"
            )
            return None
        merged = _merged([text for text, _ in cells]) if largest >= WHOLE_FLOATS else None
        if merged is not None:
            self.mistakes.append(
                f"column {name!r} holds whole numbers beyond 2**53, of which float64 cannot tell {merged[0]} "
                f"and {merged[1]} apart; subtract a constant from all, or leave the column out"
            )
            return None
        return numbers

    def _spelling_hint(self, texts: Sequence[str]) -> str:
        """Return what to do where all these texts are numbers in another spelling, else ""."""
        other = "," if self.decimal == "." else "."
        if all(_number(text, self.decimal) is None and _number(text, other) is not None for text in texts):
            if self.described.separator == other:
                return f"write decimals with {self.decimal!r}"
            return f"set decimal = {_toml(other)}?"
        if all(THOUSANDS.fullmatch(text) for text in texts):
            return "write numbers without separators of thousands"
        return ""

    def _target(self, i: int) -> Outcome | None:
        """Return the targets, the task and the classes' names, or None with a mistake."""
        target, asked = self.table.header[i], self.described.task
        texts = [text for text, _ in self._cells(i) if text not in MISSING]
        labels, numeric = _labels(texts, self.decimal)
        different = len(set(labels))
        if different <= 1:
            if texts:
                self.mistakes.append(
                    f"target {target!r} is {_short(texts[0])} in every row; there is nothing to learn"
                )
            return None
        few = different <= min(MOST_CLASSES, len(texts) / 2) and all(
            label.is_finite() and label == label.to_integral_value()
            for label in labels
            if isinstance(label, Decimal)
        )
        if asked == "regression" or (asked == "auto" and numeric and not few):
            numbers = self._numbers(i, 'a regression needs them; set task = "classification"?')
            return None if numbers is None else (numbers, "regression", ())
        if different > len(texts) / 2:
            self.mistakes.append(
                f"target {target!r} has {different} different values in {len(texts)} rows, too many for "
                'classes; name another target, or set task = "regression" if it holds numbers'
            )
            return None
        order: list[Any] = sorted(set(labels))
        place = {label: k for k, label in enumerate(order)}
        spellings: list[set[str]] = [set() for _ in order]
        for label, text in zip(labels, texts, strict=True):
            spellings[place[label]].add(text)
        names = tuple(min(spelt, key=lambda text: (len(text), text)) for spelt in spellings)
        task: Task = "binary" if different == 2 else "multiclass"
        return np.array([place[label] for label in labels]), task, names


def _unread(error: csv.Error) -> str:
    """Return why a line cannot be read, in words that say what to look for."""
    if "unexpected end" in str(error):
        return f"{error}; a quote that was opened is never closed"
    if "field limit" in str(error):
        return f"{error}; a quote before it may never be closed"
    return str(error)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _packer(content: bytes) -> Any:
    """Return the module that unpacks a content, None for one that is not packed."""
    if content.isascii():  # a column may be called BZh
        return None
    return next((UNPACK[mark] for mark in UNPACK if content.startswith(mark)), None)


def _number(text: str, decimal: str) -> float | None:
    """Return the number in `text`, or None; NaN and Python's 1_000 do not count as numbers."""
    if "_" in text or (decimal != "." and "." in text):
        return None
    try:
        number = float(text.replace(decimal, "."))
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _labels(texts: Sequence[str], decimal: str) -> tuple[list[Decimal] | list[str], bool]:
    """Return what tells classes apart, and whether all of them are numbers.

    Numbers count by their exact value, since float64 would merge whole numbers from 2**53 on; texts as they
    are, and so do numbers with leading zeros, which are codes: 01 is not 1.
    """
    numeric = all(_number(text, decimal) is not None for text in texts)
    if not numeric or any(re.fullmatch(r"[+-]?0\d+", text) for text in texts):
        return list(texts), numeric
    try:
        return [Decimal(text.replace(decimal, ".")) for text in texts], numeric
    except InvalidOperation:  # an exponent of dozens of digits
        return list(texts), numeric


def _merged(texts: Sequence[str]) -> tuple[int, int] | None:
    """Return two different whole numbers that are one in float64, if there are such."""
    whole = sorted({int(text) for text in texts if len(text) < 310 and re.fullmatch(r"[+-]?\d+", text)})
    pairs = itertools.pairwise(whole)
    return next(((low, high) for low, high in pairs if float(low) == float(high)), None)


def _written(text: str, separator: str, decimal: str) -> str | None:
    """Return other settings than these by which the first lines are a table of several columns."""
    lines = [line for line in text[:100_000].splitlines()[: SAMPLE + 1] if line.strip()]
    for mark in SEPARATORS:
        if mark == separator:
            continue
        try:
            header, *rows = csv.reader(lines, delimiter=mark, strict=True)
        except (csv.Error, ValueError):  # ValueError: no line at all
            continue
        if len(header) < 2 or any(len(row) != len(header) for row in rows):
            continue
        fields = [field.strip() for row in rows for field in row]
        commas = mark != "," and any(re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", field) for field in fields)
        points = any(re.fullmatch(r"[+-]?\d*\.\d+([eE][+-]?\d+)?", field) for field in fields)
        better = "," if commas and not points else "." if mark == "," or points else decimal
        settings = f"separator = {_toml(mark)}"
        return settings if better == decimal else f"{settings} and decimal = {_toml(better)}"
    return None


def _short(text: str) -> str:
    """Return the text in quotes, cut where it is long."""
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _toml(text: str) -> str:
    """Return the text as TOML."""
    return json.dumps(text, ensure_ascii=False)


def _names(header: Sequence[str]) -> str:
    shown = ", ".join(map(_short, header[:10]))
    return shown + (f" and {len(header) - 10} more" if len(header) > 10 else "")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [CSV]
