"""Frames as CSV, with every digit, and CSV compressed."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CSV_ROWS = 50_000  # written at a time
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula's beginning


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return a frame as CSV, with every digit; texts that a spreadsheet would run get an apostrophe."""
    return b"".join(csv_chunks(frame))


def csv_chunks(frame: pd.DataFrame) -> Iterator[bytes]:
    """Yield what `to_csv` returns piece by piece, so that a long frame's text need not be held whole."""
    columns = [_cells(frame.iloc[:, place]) for place in range(frame.shape[1])]
    head = ",".join(map(_quoted, frame.columns)) + "\n"
    marks = [*([","] * (len(columns) - 1)), "\n"][: len(columns)]  # after each cell of a row
    for start in range(0, max(len(frame), 1), CSV_ROWS):
        cells = [column(slice(start, start + CSV_ROWS)) for column in columns]
        number = len(cells[0]) if cells else 0
        # Cells and marks in one list: a text of each row would be made only to be joined again.
        pieces = [""] * (2 * len(columns) * number)
        for place, (mine, mark) in enumerate(zip(cells, marks, strict=True)):
            pieces[2 * place :: 2 * len(columns)] = mine
            pieces[2 * place + 1 :: 2 * len(columns)] = [mark] * number
        yield "".join([head if start == 0 else "", *pieces]).encode()


def _cells(column: Any) -> Callable[[slice], list[str]]:
    """Return what gives the cells of some rows of a column, as pandas' `to_csv` writes them."""
    import pandas as pd

    if column.dtype == np.float64:
        numbers = column.to_numpy()
        return lambda rows: _spelled(np.ascontiguousarray(numbers[rows]).view(np.int64), _float_cells)
    if column.dtype in (np.int64, np.bool_):
        plain = column.to_numpy()
        return lambda rows: _spelled(plain[rows], lambda values: list(map(str, values.tolist())))
    if column.dtype.kind in "fmM":  # short floats and dates, whose cells need no quotes
        texts = column.to_csv(index=False, header=False, lineterminator="\n").replace('""', "").split("\n")
        return lambda rows: texts[:-1][rows]
    # Before pandas 3 texts are objects, as columns of several types are, of which 1, 1.0 and True are equal.
    texts_only = pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty")
    if column.dtype != pd.Series([""]).dtype or not texts_only:
        return lambda rows: [
            "" if gap else _quoted(_escaped(value))
            for value, gap in zip(column.iloc[rows].to_numpy(object), column.iloc[rows].isna(), strict=True)
        ]
    known: dict[Any, str] = {}  # texts repeat: thousands of rows, and a few values

    def cells(rows: slice) -> list[str]:
        piece = column.iloc[rows]
        values = piece.to_numpy(object)
        if piece.isna().any():
            values = np.where(piece.isna(), None, values)
        if len(known) > CSV_ROWS:
            known.clear()
        for text in set(values) - known.keys():
            known[text] = _text_cell(text)
        return [known[text] for text in values]

    return cells


def _float_cells(bits: Any) -> list[str]:
    return ["" if x != x else repr(x) for x in bits.view(np.float64).tolist()]


def _spelled(values: Any, spell: Callable[[Any], list[str]]) -> list[str]:
    """Return the cells of values; those that occur often, as steps and shares do, are spelled once."""
    different, places = np.unique(values, return_inverse=True)
    if 4 * len(different) > 3 * len(values):
        return spell(values)
    cells: list[str] = np.array([*spell(different), ""], object)[places].tolist()
    return cells


def _text_cell(text: str | None) -> str:
    if text is None:
        return ""
    if text.isalnum():  # as keys are: there is nothing to quote or to escape
        return text
    cell = _quoted(_escaped(text))
    return text if text == cell else cell  # the very same object takes no further memory


def _quoted(value: Any) -> str:
    """Return a cell as the csv module writes it beside others, in quotes where it needs them."""
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow((value, 0))
    return row.getvalue()[: -len(",0\n")]


def _escaped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    safe = f"'{value}" if value.startswith(FORMULA) else value
    # The csv module leaves a lone carriage return unquoted, which readers take for the end of the row.
    return safe.replace("\r\n", "\n").replace("\r", "\n")


def to_gzip(chunks: Iterable[bytes]) -> bytes:
    """Compress, without a date, so that equal data give equal bytes."""
    return b"".join(gzip_chunks(chunks))


def gzip_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what `to_gzip` returns piece by piece."""
    packer = zlib.compressobj(2, wbits=31)  # a gzip header; level 6 takes three times as long for 11 % less
    yield from map(packer.compress, chunks)
    yield packer.flush()
