"""From what a key's value says to an axis: one value, a grid, zipped rows, or a range to search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError, ExperimentError, nearest
from anncore.contract.hyperparameters import (
    Declared,
    Interval,
    OneOf,
    Plain,
    Search,
    declared,
    references,
    resolve,
)
from anncore.contract.registry import Component, Registry
from anncore.experiment.document import Section, is_number, show
from anncore.experiment.model import Axis, Range, Rows
from anncore.experiment.references import Named, keys, owners, reachable

MOST_POINTS = 100_000  # of one range, so that a slip of the keyboard cannot fill the memory
RANGES = ("log", "linear", "range", "choice", "uniform")


def read_axis(
    section: Section, key: str, component: Component, registry: Registry, named: Named | None = None
) -> Axis:
    """Read one key of a `[kind.label]` section; named: what the section's references hold, see `read_named`.

    A scalar is an axis of one row, a list a grid, `"a, b" = [[..], [..]]` rows of several keys, and a
    table one of `{ log }`, `{ linear }`, `{ range }`, `{ choice }`, `{ uniform }`. Raises ExperimentError
    for an unknown key, a value outside its domain, an empty grid and a value listed twice.
    """
    return _Reader(section, key, component, registry, named or {}).read()


def read_named(data: Mapping[str, Any]) -> dict[str, list[tuple[str, ...]]]:
    """Return the texts, and lists of texts, that each key of a section takes: what references may hold.

    What is no such thing is left out; it is complained about where its key is read.
    """
    found: dict[str, list[tuple[str, ...]]] = {}
    for written, value in data.items():
        parts = _parts(written)
        if isinstance(value, dict):
            value = value.get("choice")
        rows = value if isinstance(value, list) else [value]
        if len(parts) == 1:
            rows = [[item] for item in rows]
        for row in rows:
            if isinstance(row, list) and len(row) == len(parts):
                for part, item in zip(parts, row, strict=True):
                    if names := _texts(item):
                        found.setdefault(part, []).append(names)
    return found


def depth(written: str) -> int:
    """Return how deep a key reaches into components, the shallowest of several that walk together."""
    return min(part.count(".") for part in _parts(written))


def _parts(written: str) -> list[str]:
    return [part.strip() for part in written.split(",")]


def _texts(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    return tuple(names) if all(isinstance(name, str) for name in names) else ()


class _Reader:
    def __init__(
        self, section: Section, key: str, component: Component, registry: Registry, named: Named
    ) -> None:
        self.section, self.key, self.component, self.registry = section, key, component, registry
        self.named = named

    def read(self) -> Axis:
        value = self.section.data[self.key]
        if "," in self.key:
            return self._zipped(_parts(self.key), value)
        owner = self._owners(self.key)[0]
        cls: Any = owner.cls
        end = self.key.rpartition(".")[2]
        self.declaration: Declared | None = declared(cls).get(end)
        if isinstance(value, dict):
            if end in references(cls) and "choice" not in value:
                inside = f"{self.key}.{next(iter(value), 'NAME')}"
                raise self._fail(f'{inside} must be written in quotes: "{inside}" = ..')
            return self._table(value)
        if value == "search" and not self._admits("search"):
            return self._declared_range()
        if isinstance(value, list) and self._is_grid(value):
            return self._rows(value)
        return Rows((self.key,), ((self._check(self.key, value),),))

    def _fail(self, message: str) -> ExperimentError:
        return self.section.error(self.key, message)

    def _owners(self, key: str, named: Named | None = None) -> list[Component]:
        """Return the components that a key is one of, whatever the references on its way hold."""
        try:
            found = owners(self.component, key, self.named if named is None else named, self.registry)
        except ComponentError as error:
            raise self._fail(str(error)) from None
        place, _, end = key.rpartition(".")
        for owner in found:
            known = keys(owner)
            if end not in known:
                if place:
                    spelt = [f"{place}.{each}" for each in known]
                    own = "preset"
                else:
                    spelt, own = [*known, "use", *self._inside(end)], "use, preset"
                raise self._fail(
                    f"unknown key {key!r}; {owner.name} has {', '.join(known[:-1]) or 'none'} "
                    f"(and {own}).{nearest(key, spelt) or self._way_in(end)}"
                )
        return found

    def _inside(self, end: str) -> list[str]:
        """Return the paths that end so in components that the references hold."""
        try:
            found = reachable(self.component, self.named, self.registry)
            return [f"{place}{end}" for place, inner in found if place and end in keys(inner)]
        except ComponentError:  # said where the reference is read
            return []

    def _way_in(self, end: str) -> str:
        inside = self._inside(end)
        return f" Did you mean {inside[0]!r}?" if inside else ""

    def _is_grid(self, value: list[Any]) -> bool:
        if self.declaration is not None and self.declaration.is_list:
            return bool(value) and all(isinstance(item, list) for item in value)
        return True

    def _admits(self, word: str) -> bool:
        domain = self.declaration.domain if self.declaration is not None else None
        return (isinstance(domain, OneOf) and word in domain.values) or (
            isinstance(domain, Plain) and domain.type != "bool"
        )

    def _check(self, key: str, value: Any, named: Named | None = None) -> Any:
        """Return one value of one key, checked against its domain; a reference as full names."""
        found = value
        for owner in self._owners(key, named):
            try:
                found = checked(owner, key.rpartition(".")[2], value, self.registry)
            except ComponentError as error:
                where = f"{key}: " if "." in key else ""
                raise self._fail(f"{where}{error}{self._no_label(owner, key, value)}") from None
        return found

    def _no_label(self, owner: Component, key: str, value: Any) -> str:
        """Say that a reference takes no label, where one was written."""
        cls: Any = owner.cls
        reference = references(cls).get(key.rpartition(".")[2])
        labels = self.section.document.data.get(reference.kind, {}) if reference is not None else {}
        for name in _texts(value):
            if name in labels:
                return f" {name!r} is a label of this file; a reference names a component."
        return ""

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
            self._owners(key)
        if len(set(keys)) < len(keys):
            raise self._fail(f"{self.key!r} names a hyperparameter twice.")
        if not isinstance(value, list) or not all(
            isinstance(row, list) and len(row) == len(keys) for row in value
        ):
            raise self._fail(
                f"{self.key!r} must be a list of rows of {len(keys)} values, for example "
                f"[[{', '.join(['..'] * len(keys))}]], got {show(value)}."
            )
        rows = [self._row(keys, row) for row in value]
        return Rows(tuple(keys), self._distinct(rows))

    def _row(self, keys: list[str], row: list[Any]) -> tuple[Any, ...]:
        """Check a row: a key inside of a reference that walks along is one of what that row names."""
        named = {**self.named, **{key: [_texts(item)] for key, item in zip(keys, row, strict=True)}}
        values = dict(zip(keys, row, strict=True))
        found = {key: self._check(key, values[key], named) for key in sorted(keys, key=depth)}
        return tuple(found[key] for key in keys)

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
        if self.declaration is None or not isinstance(self.declaration.domain, Interval):
            raise self._fail(f"{self.key} is not a number and takes no {kind}; write a list or {{ choice }}.")
        return self.declaration.domain

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
        place, dot, end = self.key.rpartition(".")
        found = set()
        for owner in self._owners(self.key):
            cls: Any = owner.cls
            search = declared(cls)[end].search if end in declared(cls) else None
            if search is None:
                offers = ", ".join(f"{place}{dot}{k}" for k, each in declared(cls).items() if each.search)
                raise self._fail(
                    f'{self.key} = "search": {owner.name} declares no range for {end} (it declares '
                    f"one for: {offers or 'none'}); give {{ log = [lo, hi] }}, {{ uniform = [lo, hi] }} or a "
                    "list."
                )
            found.add(search)
        if len(found) > 1:
            raise self._fail(
                f'{self.key} = "search": the components that {place} names declare different ranges for '
                f"{end}; give {{ log = [lo, hi] }}, {{ uniform = [lo, hi] }} or a list, or an entry to each."
            )
        (search,) = found
        if search.how == "choice":
            return self._rows([list(v) if isinstance(v, tuple) else v for v in search.values])
        domain = self._interval(search.how)
        if domain.integer:
            search = Search(search.how, tuple(map(int, search.values)))
        return Range((self.key,), search, domain.integer)


def checked(component: Component, key: str, value: Any, registry: Registry) -> Any:
    """Return a value as a configuration holds it: in its domain, a reference as a tuple of full names.

    Raises ComponentError with rule and value.
    """
    cls: Any = component.cls
    reference = references(cls).get(key)
    if reference is None:
        if key == "preset" and not isinstance(value, str):
            raise ComponentError(f"preset must be a text, got {show(value)}.")
        resolved = resolve(cls, {key: value})
        return value if key == "preset" else resolved[key]
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) for name in names):
        raise ComponentError(f"{key} must be a name or a list of names, got {show(value)}.")
    if names == ["auto"] and reference.default == "auto":
        return ("auto",)
    return tuple(registry.get(reference.kind, name).full_name for name in names)


def tidy(value: float, digits: int = 12) -> float:
    """Round to significant digits, so that 10 ** -3 on a grid and 0.001 in a list are one number."""
    return value if isinstance(value, int) else float(f"{value:.{digits}g}")


def spaced(how: str, low: float, high: float, num: int) -> list[float]:
    """Return `num` numbers from low to high, both included, evenly spaced (log: their logarithms)."""
    points = (np.geomspace if how == "log" else np.linspace)(low, high, num)
    inner = [tidy(float(point)) for point in points[1:-1]]
    return [low, *inner, high]
