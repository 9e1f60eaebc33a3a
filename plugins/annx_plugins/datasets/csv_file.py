"""Data set: csv."""

import bz2
import codecs
import csv
import gzip
import hashlib
import io
import json
import lzma
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Data, Dataset, Table, TableDataset, hookimpl, hyper, named_file

SEPARATORS = (",", ";", "\t", "|")
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
    b"PAR1": 'a Parquet file; set use = "parquet"',
    b"ARROW1": "an Arrow file; write it as CSV, with pandas: read_feather(...).to_csv(..., index=False)",
    b"\x89HDF": "an HDF5 file; write the table in it as CSV",
    b"SQLite format 3": "an SQLite database; write the table in it as CSV",
    b"\x93NUMPY": "a NumPy array; write it as CSV with a line that names the columns",
    b"%PDF": "a PDF, no table; write the table in it as CSV",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it and name the file in it",
}


@dataclass(frozen=True)
class CSV(TableDataset):
    """Your own table: a text file with one example per line and the names of the columns in line 1.

    Every column is a feature but for `target`, those in `drop`, and those that `id`, `group`, `weight` and
    `split_column` name. What a feature holds is seen from its cells:

        numbers                         as they are
        true and false                  1 and 0
        dates, as 2024-03-31 12:30      days since 1970-01-01, with the time of day as a fraction; a time
                                        without a zone counts as UTC; `date_format` says how others are
                                        written, "%d.%m.%Y" for 31.03.2024
        other texts                     categories: one input for each, 1 for the one at hand
        most cells of one of the first three, and others among them: an error that names these

    `categories` and `dates` name columns that are not what they look like: codes of numbers, for instance.
    Missing values are filled with the median or the most frequent category, and an input more says where one
    was missing. Medians, categories and scales come from the training split alone: see `anncore.Column`. A
    column of more than `most_categories` texts is an error, and so are missing values in the target.

    Nothing, and the words that pandas.read_csv knows (NA, NaN, null, ...), mean a missing value; in a column
    of texts only nothing, #N/A, <NA>, NaN and NULL do, so that NA can be a country and None an answer. Where
    `missing` is given, its texts and nothing do, in all columns.

    `task = "auto"` looks at the target:

        texts, or true and false                              classification
        at most 20 different whole numbers, each
        at least twice on average                             classification
        any other numbers                                     regression

    `task = "unsupervised"` needs no target. Two classes make a binary task, more a multiclass one. Classes
    are numbered in the order of their numbers, or in alphabetical order; the last of two is the positive one.
    1 and 1.0 are one class, 1 and 01 are two; whole numbers of any length are told apart. A class is called
    as the file spells it.

    Rows with equal values of `group` stay in one split. `weight` holds how much each row counts, in training
    and in scores: 2 is as if the row were there twice. `split_column` holds train, valid or test for each
    row; without valid, [split] valid is drawn from the rows of training.

    A file packed by gzip, bzip2 or xz is unpacked, whatever its name. Whatever is wrong with a file is said
    at once, one line per mistake.

    Domain: separator and decimal one character each; encoding a name that Python knows; numbers up to 1e301.
    Shapes: x (rows, features); y (rows,), none for an unsupervised task.

    It reads as pandas.read_csv does: quotes " are doubled inside a quoted text, blank lines are skipped.
    Unlike there, spaces around values do not count, and infinities, repeated or empty column names and rows
    of another length are errors. https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html
    """

    name: ClassVar[str] = "csv"

    path: str = hyper("", "path", help="the file, relative to the experiment file")
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
        return self.data_of(self._table())

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
        table = Table([], [], [])
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


def _toml(text: str) -> str:
    """Return the text as TOML."""
    return json.dumps(text, ensure_ascii=False)


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


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [CSV]
