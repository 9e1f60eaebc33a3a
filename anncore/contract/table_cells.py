"""The cells of a table as texts: what is a number, a date, a truth value, a class, or no value at all."""

from __future__ import annotations

import datetime
import itertools
import json
import math
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array

NO_VALUE = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>", "N/A", "n/a", "NA")
).union(("NULL", "null", "None", "NaN", "nan", "-NaN", "-nan"))
NO_TEXT = NO_VALUE - {"NA", "N/A", "n/a", "None", "#NA"}  # NA is a country, None may be an answer
TRUE, FALSE = frozenset(("True", "TRUE", "true")), frozenset(("False", "FALSE", "false"))
LARGEST = 1e301  # beyond it, predictions in the target's own units may overflow
WHOLE_FLOATS = 2.0**53  # from here on float64 has gaps between whole numbers
THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,'\u2019\u00a0\u202f ]\d{3})+([.,]\d+)?")
AFFIXED = re.compile(r"[+-]?[$€£¥]\s?[+-]?\d[\d.,]*|[+-]?\d[\d.,]*\s?[%$€£¥]")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
ISO_DATE = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s?(Z|UTC|[+-]\d{2}:?\d{2})?"
)
OTHER_DATE = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4})")
DATES_AS_DAYS = "days since 1970-01-01"
MOST_SHOWN = 3  # cells of a mistake that are shown


class Classes(NamedTuple):
    """Texts as classes: each row's place in `names`, and whether all are numbers."""

    places: Array
    names: tuple[str, ...]
    numeric: bool


def number(text: str, decimal: str) -> float | None:
    """Return the number in `text`, or None; NaN and Python's 1_000 do not count as numbers."""
    if "_" in text or (decimal != "." and "." in text):
        return None
    try:
        value = float(text.replace(decimal, "."))
    except ValueError:
        return None
    return None if math.isnan(value) else value


def days(text: str, form: str) -> float | None:
    """Return the days from 1970-01-01 to a date, with its time of day as a fraction, or None for no date.

    form: as `datetime.strptime` reads it; "" for ISO 8601, 2024-03-31 or 2024-03-31T12:30:00+01:00. A time
    without a zone counts as UTC.
    """
    try:
        moment = datetime.datetime.strptime(text, form) if form else _iso(text)
    except (ValueError, OverflowError):
        return None
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (moment - EPOCH) / datetime.timedelta(days=1)


def _iso(text: str) -> datetime.datetime | None:
    match = ISO_DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    micro = int((match[7] or "").ljust(6, "0")[:6])
    zone: datetime.tzinfo = datetime.UTC
    if match[8] and match[8][0] in "+-":
        hours, minutes = int(match[8][1:3]), int(match[8][-2:])
        sign = -1 if match[8][0] == "-" else 1
        zone = datetime.timezone(sign * datetime.timedelta(hours=hours, minutes=minutes))
    return datetime.datetime(year, month, day, hour, minute, second, micro, zone)


def looks_numeric(text: str, decimal: str) -> bool:
    """Tell whether a text is a number, in this spelling or in one that may be meant."""
    other = "," if decimal == "." else "."
    return (
        number(text, decimal) is not None
        or number(text, other) is not None
        or THOUSANDS.fullmatch(text) is not None
        or AFFIXED.fullmatch(text) is not None
    )


def classes_of(texts: Sequence[str], decimal: str) -> Classes:
    """Return texts as classes, in the order of their numbers, or in alphabetical order.

    Numbers count by their exact value, since float64 would merge whole numbers from 2**53 on; texts as they
    are, and so do numbers with leading zeros, which are codes: 01 is not 1. A class is called by the shortest
    of its spellings.
    """
    labels, numeric = _labels(texts, decimal)
    order: list[Any] = sorted(set(labels))
    place = {label: k for k, label in enumerate(order)}
    spellings: list[set[str]] = [set() for _ in order]
    for label, text in zip(labels, texts, strict=True):
        spellings[place[label]].add(text)
    names = tuple(min(spelt, key=lambda text: (len(text), text)) for spelt in spellings)
    return Classes(np.array([place[label] for label in labels], dtype=np.intp), names, numeric)


def whole_numbers(names: Sequence[str], decimal: str) -> bool:
    """Tell whether the names of classes are whole numbers, but for codes with leading zeros."""
    labels, _ = _labels(names, decimal)
    return all(
        label.is_finite() and label == label.to_integral_value()
        for label in labels
        if isinstance(label, Decimal)
    )


def _labels(texts: Sequence[str], decimal: str) -> tuple[list[Decimal] | list[str], bool]:
    numeric = all(number(text, decimal) is not None for text in texts)
    if not numeric or any(re.fullmatch(r"[+-]?0\d+", text) for text in texts):
        return list(texts), numeric
    try:
        return [Decimal(text.replace(decimal, ".")) for text in texts], numeric
    except InvalidOperation:  # an exponent of dozens of digits
        return list(texts), numeric


def merged(texts: Sequence[str]) -> tuple[int, int] | None:
    """Return two different whole numbers that are one in float64, if there are such."""
    whole = sorted({int(text) for text in texts if len(text) < 310 and re.fullmatch(r"[+-]?\d+", text)})
    pairs = itertools.pairwise(whole)
    return next(((low, high) for low, high in pairs if float(low) == float(high)), None)


def short(text: str) -> str:
    """Return the text in quotes, cut where it is long."""
    return repr(text if len(text) <= 60 else text[:59] + "…")


def in_toml(text: str) -> str:
    """Return the text as TOML."""
    return json.dumps(text, ensure_ascii=False)


def names_shown(header: Sequence[str]) -> str:
    """Return the names of columns, the first ten of many."""
    shown = ", ".join(map(short, header[:10]))
    return shown + (f" and {len(header) - 10} more" if len(header) > 10 else "")


def cells_shown(cells: Sequence[tuple[str, int]], unit: str) -> str:
    """Return texts with their lines, the first few of many: "'x' on line 5, 'y' on line 7 and 3 more"."""
    shown = [f"{short(text)} on {unit} {line}" for text, line in cells[:MOST_SHOWN]]
    return ", ".join(shown) + (f" and {len(cells) - MOST_SHOWN} more" if len(cells) > MOST_SHOWN else "")
