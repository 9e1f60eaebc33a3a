"""Ranges of values: `{ log = [lo, hi], num = n }` and its like, and "search"."""

from __future__ import annotations

import math
from typing import Any

from anncore.contract.errors import nearest
from anncore.contract.hyperparameters import Interval, Search, settable
from anncore.experiment.document import is_number, show
from anncore.experiment.keys import Key
from anncore.experiment.model import Axis, Range
from anncore.experiment.points import Spaced, Steps, Whole

MOST_POINTS = 100_000  # of one range, so that a typing mistake cannot fill the memory
RANGES = ("log", "linear", "range", "choice", "uniform")


def read_table(key: Key) -> Axis:
    """Read the value of a key that is a table: values on a grid, or a range that a search draws from.

    Raises ExperimentError for an unknown table and for bounds or numbers of points that make no sense.
    """
    how = _how(key)
    table = key.value
    if "num" in table and how not in ("log", "linear"):
        raise key.error(f"{key.text}: num goes with log and linear, not with {how}.")
    if how == "choice":
        if not isinstance(table["choice"], list):
            raise key.error(f"{key.text}: choice must be a list of values, got {show(table['choice'])}.")
        return key.rows(table["choice"], " of choices")
    domain = _interval(key, how)
    if how == "range":
        steps = _arange(key, table["range"], domain.integer)
        if len(steps) and (axis := key.spaced(steps)):
            return axis
        return key.rows(steps.values(), " (a range ends before its second number)")
    low, high = _bounds(key, how, table[how])
    if "num" not in table:
        return Range((key.text,), Search("log" if how == "log" else "linear", (low, high)), domain.integer)
    points = Spaced(how, low, high, _number_of_points(key, table["num"]))
    if domain.integer:
        whole = Whole(points) if max(abs(low), abs(high)) < Whole.EXACT else None
        return (whole and key.spaced(whole)) or key.rows(dict.fromkeys(map(round, points.values())))
    return key.spaced(points) or key.rows(points.values())


def read_declared_range(key: Key) -> Axis:
    """Read the value "search": the range that the component itself declares.

    Raises ExperimentError where it declares none, or where several components declare different ones.
    """
    searches = set()
    for owner in key.owners(key.text):
        cls: Any = owner.cls
        search = settable(cls)[key.end].search if key.end in settable(cls) else None
        if search is None:
            offers = ", ".join(
                f"{key.place}{key.dot}{name}" for name, field in settable(cls).items() if field.search
            )
            raise key.error(
                f'{key.text} = "search": {owner.name} declares no range for {key.end} (it declares one for: '
                f"{offers or 'none'}); give {{ log = [lo, hi] }}, {{ uniform = [lo, hi] }} or a list."
            )
        searches.add(search)
    if len(searches) > 1:
        raise key.error(
            f'{key.text} = "search": the components that {key.place} names declare different ranges for '
            f"{key.end}; give {{ log = [lo, hi] }}, {{ uniform = [lo, hi] }} or a list, or an entry to each."
        )
    (search,) = searches
    if search.how == "choice":
        return key.rows([list(value) if isinstance(value, tuple) else value for value in search.values])
    domain = _interval(key, search.how)
    if domain.integer:
        search = Search(search.how, tuple(map(int, search.values)))
    return Range((key.text,), search, domain.integer)


def _how(key: Key) -> str:
    """Return which of RANGES a table is."""
    known = (*RANGES, "num")
    names = [name for name in RANGES if name in key.value]
    unknown = [name for name in key.value if name not in known]
    if unknown or len(names) != 1:
        wrong = f"unknown key {unknown[0]!r} in" if unknown else "must be one of"
        guess = nearest(unknown[0], known) if unknown else ""
        raise key.error(
            f"{key.text} = {show(key.value)}: {wrong} {{ log = [lo, hi], num = n }}, {{ linear = .. }}, "
            f"{{ range = [lo, hi, step] }}, {{ choice = [..] }}, {{ uniform = [lo, hi] }}.{guess}"
        )
    return names[0]


def _interval(key: Key, how: str) -> Interval:
    if key.declaration is None or not isinstance(key.declaration.domain, Interval):
        raise key.error(f"{key.text} is not a number and takes no {how}; write a list or {{ choice }}.")
    return key.declaration.domain


def _bounds(key: Key, how: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2 or not all(map(is_number, value)):
        raise key.error(f"{key.text}: {how} must be two numbers [lo, hi], got {show(value)}.")
    low, high = value
    if not low < high or (how == "log" and low <= 0):
        rule = "0 < lo < hi" if how == "log" else "lo < hi"
        raise key.error(f"{key.text}: {how} must be [lo, hi] with {rule}, got {show(value)}.")
    return key.checked(key.text, low), key.checked(key.text, high)


def _number_of_points(key: Key, num: Any) -> int:
    if not is_number(num) or num != int(num) or not 2 <= num <= MOST_POINTS:
        raise key.error(
            f"{key.text}: num must be a whole number of at least 2 and at most {MOST_POINTS}, "
            f"got {show(num)}."
        )
    return int(num)


def _arange(key: Key, value: Any, integer: bool) -> Steps:
    if not isinstance(value, list) or len(value) not in (2, 3) or not all(map(is_number, value)):
        raise key.error(f"{key.text}: range must be [lo, hi] or [lo, hi, step], got {show(value)}.")
    low, high, step = (*value, 1)[:3]
    if step == 0:
        raise key.error(f"{key.text}: range must have a step other than 0, got {show(value)}.")
    # 0.3 / 0.1 is 2.9999999999999996: what is whole up to rounding is whole.
    count = (high - low) / step
    if not math.isfinite(count) or count > MOST_POINTS:
        raise key.error(f"{key.text}: range may have at most {MOST_POINTS} values, got {show(value)}.")
    whole = round(count)
    number = whole if math.isclose(count, whole, rel_tol=1e-9, abs_tol=1e-9) else math.ceil(count)
    return Steps(low, step, max(number, 0), integer)
