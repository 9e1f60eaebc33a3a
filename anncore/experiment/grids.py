"""From what a key's value says to an axis: one value, a grid, zipped rows, or a range to search."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from anncore.errors import ComponentError, ExperimentError, nearest
from anncore.experiment.document import Section, is_number, show
from anncore.experiment.model import Axis, Range, Rows
from anncore.params import Declared, Interval, OneOf, Plain, Search, declared, references, resolve
from anncore.registry import Component, Registry

MOST_POINTS = 100_000  # of one range, so that a slip of the keyboard cannot fill the memory
RANGES = ("log", "linear", "range", "choice", "uniform")


def read_axis(section: Section, key: str, component: Component, registry: Registry) -> Axis:
    """Read one key of a `[kind.label]` section.

    A scalar is an axis of one row, a list a grid, `"a, b" = [[..], [..]]` rows of several keys, and a
    table one of `{ log }`, `{ linear }`, `{ range }`, `{ choice }`, `{ uniform }`. Raises ExperimentError
    for an unknown key, a value outside its domain, an empty grid and a value listed twice.
    """
    return _Reader(section, key, component, registry).read()


class _Reader:
    def __init__(self, section: Section, key: str, component: Component, registry: Registry) -> None:
        self.section, self.key, self.component, self.registry = section, key, component, registry
        cls: Any = component.cls
        self.cls, self.params, self.refs = cls, declared(cls), references(cls)

    def read(self) -> Axis:
        value = self.section.data[self.key]
        if "," in self.key:
            return self._zipped([part.strip() for part in self.key.split(",")], value)
        self._known(self.key)
        if isinstance(value, dict):
            return self._table(value)
        if value == "search" and not self._admits("search"):
            return self._declared_range()
        if isinstance(value, list) and self._is_grid(value):
            return self._rows(value)
        return Rows((self.key,), ((self._check(self.key, value),),))

    def _fail(self, message: str) -> ExperimentError:
        return self.section.error(self.key, message)

    def _known(self, key: str) -> None:
        known = [*self.params, *self.refs, "preset"]
        if key not in known:
            raise self._fail(
                f"unknown key {key!r}; {self.component.name} has {', '.join(known[:-1]) or 'none'} "
                f"(and use, preset).{nearest(key, [*known, 'use'])}"
            )

    def _is_grid(self, value: list[Any]) -> bool:
        if self.key in self.params and self.params[self.key].is_list:
            return bool(value) and all(isinstance(item, list) for item in value)
        return True

    def _admits(self, word: str) -> bool:
        domain = self.params[self.key].domain if self.key in self.params else None
        return (isinstance(domain, OneOf) and word in domain.values) or (
            isinstance(domain, Plain) and domain.type != "bool"
        )

    def _check(self, key: str, value: Any) -> Any:
        """Return one value of one key, checked against its domain; a reference as full names."""
        try:
            if key in self.refs:
                return self._names(key, value)
            if key == "preset" and not isinstance(value, str):
                raise self._fail(f"preset must be a text, got {show(value)}.")
            return (
                value
                if key == "preset" and resolve(self.cls, {key: value})
                else (resolve(self.cls, {key: value})[key])
            )
        except ComponentError as error:
            raise self._fail(str(error)) from None

    def _names(self, key: str, value: Any) -> tuple[str, ...]:
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) for name in names):
            raise self._fail(f"{key} must be a name or a list of names, got {show(value)}.")
        reference = self.refs[key]
        if names == ["auto"] and reference.default == "auto":
            return ("auto",)
        return tuple(self.registry.get(reference.kind, name).full_name for name in names)

    def _rows(self, values: Iterable[Any], what: str = "") -> Rows:
        rows = [(self._check(self.key, value),) for value in values]
        return Rows((self.key,), self._distinct(rows, what))

    def _distinct(self, rows: list[tuple[Any, ...]], what: str = "") -> tuple[tuple[Any, ...], ...]:
        if not rows:
            raise self._fail(f"{self.key} is an empty grid{what}; give at least one value.")
        seen: set[str] = set()
        for row in rows:
            if repr(row) in seen:
                raise self._fail(f"{self.key} lists {show(row[0] if len(row) == 1 else row)} twice.")
            seen.add(repr(row))
        return tuple(rows)

    def _zipped(self, keys: list[str], value: Any) -> Rows:
        for key in keys:
            self._known(key)
        if len(set(keys)) < len(keys):
            raise self._fail(f"{self.key!r} names a hyperparameter twice.")
        if not isinstance(value, list) or not all(
            isinstance(row, list) and len(row) == len(keys) for row in value
        ):
            raise self._fail(
                f"{self.key!r} must be a list of rows of {len(keys)} values, for example "
                f"[[{', '.join(['..'] * len(keys))}]], got {show(value)}."
            )
        rows = [tuple(self._check(key, item) for key, item in zip(keys, row, strict=True)) for row in value]
        return Rows(tuple(keys), self._distinct(rows))

    def _table(self, table: dict[str, Any]) -> Axis:
        kinds = [name for name in RANGES if name in table]
        unknown = [name for name in table if name not in (*RANGES, "num")]
        if unknown or len(kinds) != 1:
            wrong = f"unknown key {unknown[0]!r} in" if unknown else "must be one of"
            near = nearest(unknown[0], (*RANGES, "num")) if unknown else ""
            raise self._fail(
                f"{self.key} = {show(table)}: {wrong} {{ log = [lo, hi], num = n }}, {{ linear = .. }}, "
                f"{{ range = [lo, hi, step] }}, {{ choice = [..] }}, {{ uniform = [lo, hi] }}.{near}"
            )
        (kind,) = kinds
        if kind == "choice":
            self._no_num(table, kind)
            if not isinstance(table["choice"], list):
                raise self._fail(f"{self.key}: choice must be a list of values, got {show(table['choice'])}.")
            return self._rows(table["choice"], " of choices")
        domain = self._interval(kind)
        if kind == "range":
            self._no_num(table, kind)
            return self._rows(self._arange(table["range"]), " (a range ends before its second number)")
        low, high = self._bounds(kind, table[kind])
        if "num" not in table:
            how = "log" if kind == "log" else "linear"
            return Range((self.key,), Search(how, (low, high)), domain.integer)
        if kind == "uniform":
            self._no_num(table, kind)
        num = table["num"]
        if not is_number(num) or num != int(num) or not 2 <= num <= MOST_POINTS:
            raise self._fail(
                f"{self.key}: num must be a whole number of at least 2 and at most {MOST_POINTS}, "
                f"got {show(num)}."
            )
        points = spaced(kind, low, high, int(num))
        if domain.integer:
            points = list(dict.fromkeys(round(point) for point in points))
        return self._rows(points)

    def _no_num(self, table: dict[str, Any], kind: str) -> None:
        if "num" in table:
            raise self._fail(f"{self.key}: num goes with log and linear, not with {kind}.")

    def _interval(self, kind: str) -> Interval:
        declaration: Declared | None = self.params.get(self.key)
        if declaration is None or not isinstance(declaration.domain, Interval):
            raise self._fail(f"{self.key} is not a number and takes no {kind}; write a list or {{ choice }}.")
        return declaration.domain

    def _bounds(self, kind: str, value: Any) -> tuple[float, float]:
        if not isinstance(value, list) or len(value) != 2 or not all(map(is_number, value)):
            raise self._fail(f"{self.key}: {kind} must be two numbers [lo, hi], got {show(value)}.")
        low, high = value
        if not low < high or (kind == "log" and low <= 0):
            rule = "0 < lo < hi" if kind == "log" else "lo < hi"
            raise self._fail(f"{self.key}: {kind} must be [lo, hi] with {rule}, got {show(value)}.")
        return self._check(self.key, low), self._check(self.key, high)

    def _arange(self, value: Any) -> list[float]:
        if not isinstance(value, list) or len(value) not in (2, 3) or not all(map(is_number, value)):
            raise self._fail(f"{self.key}: range must be [lo, hi] or [lo, hi, step], got {show(value)}.")
        low, high, step = (*value, 1)[:3]
        if step == 0:
            raise self._fail(f"{self.key}: range must have a step other than 0, got {show(value)}.")
        # 0.3 / 0.1 is 2.9999999999999996: what is whole up to rounding is whole.
        count = (high - low) / step
        if not math.isfinite(count) or count > MOST_POINTS:
            raise self._fail(f"{self.key}: range may have at most {MOST_POINTS} values, got {show(value)}.")
        whole = round(count)
        number = whole if math.isclose(count, whole, rel_tol=1e-9, abs_tol=1e-9) else math.ceil(count)
        return [tidy(low + i * step) for i in range(max(number, 0))]

    def _declared_range(self) -> Axis:
        search = self.params[self.key].search if self.key in self.params else None
        if search is None:
            offers = ", ".join(key for key, each in self.params.items() if each.search) or "none"
            raise self._fail(
                f'{self.key} = "search": {self.component.name} declares no range for {self.key} (it declares '
                f"one for: {offers}); give {{ log = [lo, hi] }}, {{ uniform = [lo, hi] }} or a list."
            )
        if search.how == "choice":
            return self._rows([list(v) if isinstance(v, tuple) else v for v in search.values])
        domain = self._interval(search.how)
        if domain.integer:
            search = Search(search.how, tuple(map(int, search.values)))
        return Range((self.key,), search, domain.integer)


def tidy(value: float, digits: int = 12) -> float:
    """Round to significant digits, so that 10 ** -3 on a grid and 0.001 in a list are one number."""
    return value if isinstance(value, int) else float(f"{value:.{digits}g}")


def spaced(how: str, low: float, high: float, num: int) -> list[float]:
    """Return `num` numbers from low to high, both included, evenly spaced (log: their logarithms)."""
    points = (np.geomspace if how == "log" else np.linspace)(low, high, num)
    inner = [tidy(float(point)) for point in points[1:-1]]
    return [low, *inner, high]
