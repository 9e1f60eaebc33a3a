"""A sheet of answers: a CSV file with the columns name and value, empty to fill in, or filled in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from anncore.contract.errors import DataError
from anncore.engine.explaining.sheet import Sheet

HEADER = ("name", "value")
MOST_BYTES = 2_000_000
ALIASES = {"J": "loss", "L": "loss", "δ": "delta", "∂": "d"}


class Answer(NamedTuple):
    """One answer: its name as written, its number (None for an empty or unreadable one), and its last digit.

    unit: what one more in the last digit that is written adds; 0.05 in 0.55 is right within half of 0.01.
    """

    row: int
    name: str
    text: str
    value: float | None
    unit: float


def template(sheet: Sheet) -> str:
    """Return the empty sheet: every number that is computed, in the order of the step."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(
        (line.name, "")
        for stage in sheet.stages
        if stage.name != "given"
        for block in stage.blocks
        for line in block.lines
    )
    return out.getvalue()


def read_answers(path: Path) -> list[Answer]:
    """Read a filled sheet, separated by commas, semicolons or tabs.

    Names with a comma need no quotes: what is in brackets belongs together. Raises DataError, in one line,
    for a file that is no such sheet, and for a name that stands there twice with different numbers.
    """
    text = _text(path)
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path.name}: is empty; the first line is name,value.")
    mark = next((mark for mark in ";\t" if mark in lines[0]), ",")
    header = [cell.strip().strip('"').casefold() for cell in lines[0].split(mark)]
    if tuple(header[:2]) != HEADER:
        raise DataError(
            f"{path.name}: the first line must be name,value, got {lines[0][:60]!r}; --answers-template FILE "
            "writes an empty sheet."
        )
    try:
        answers = list(_answers(text, mark))
    except csv.Error as error:
        raise DataError(f"{path.name}: is no CSV: {error}.") from None
    by_name: dict[str, Answer] = {}
    for answer in answers:
        name = plain(answer.name)
        before = by_name.get(name)
        if before is None or not before.text:
            by_name[name] = answer
        elif answer.text not in ("", before.text) and (answer.value is None or answer.value != before.value):
            raise DataError(
                f"{path.name}, line {answer.row}: {answer.name} stands there twice, with {before.text!r} and "
                f"{answer.text!r}; keep one."
            )
    return list(by_name.values())


def _text(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read: {error.strerror}.") from None
    if len(raw) > MOST_BYTES:
        raise DataError(f"{path.name}: has more than {MOST_BYTES // 1_000_000} MB; no sheet is so long.")
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path.name}: not UTF-8; save it as CSV with UTF-8.") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\Asep=.\n", "\n", text)  # a line for spreadsheets


def _answers(text: str, mark: str) -> Iterator[Answer]:
    reader = csv.reader(io.StringIO(text), delimiter=mark, strict=True)
    filled = (cells for cells in reader if any(cell.strip() for cell in cells))
    next(filled)  # the header
    for cells in filled:
        name, rest = _name(cells, mark)
        written = rest[0].strip() if rest else ""
        value, unit = number(written, comma=mark != ",")
        yield Answer(reader.line_num, name, written, value, unit)


def _name(cells: Sequence[str], mark: str) -> tuple[str, Sequence[str]]:
    """Return a name whose brackets are closed, and the cells after it."""
    name, rest = cells[0], list(cells[1:])
    while rest and name.count("[") + name.count("(") > name.count("]") + name.count(")"):
        name = f"{name}{mark}{rest.pop(0)}"
    return name.strip(), rest


def number(text: str, *, comma: bool) -> tuple[float | None, float]:
    """Return a number and the unit of its last digit; None for what is none. comma: 0,5 is a half."""
    written = text.strip().replace("−", "-").replace("–", "-").replace(" ", "")
    if comma:
        written = written.replace(",", ".")
    fraction = re.fullmatch(r"(-?\d+)/(\d+)", written)
    try:
        value = Decimal(fraction[1]) / Decimal(fraction[2]) if fraction else Decimal(written)
    except ArithmeticError:  # no number, a division by 0, or out of the range of Decimal
        return None, 0.0
    exponent = value.as_tuple().exponent
    if not value.is_finite() or not isinstance(exponent, int) or not -400 < value.adjusted() < 300:
        return None, 0.0
    return float(value), 0.0 if fraction else 10.0**exponent


def plain(name: str) -> str:
    """Return a name without spaces, in the letters of a sheet: δ1[1] as delta1[1]."""
    name = re.sub(r"\s", "", name)
    name = ALIASES.get(name, name).replace("’", "'").replace(";", ",")
    for sign in "δ∂":
        name = name.replace(sign, ALIASES[sign])
    return name
