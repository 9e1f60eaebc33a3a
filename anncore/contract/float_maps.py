"""Named floats that are kept as their bytes: a hundred thousand results are sent, stored and read so.

A dict of tuples of floats takes ten times the memory and as many times as long, for numbers of which most are
never looked at one by one.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any, TypeVar

import numpy as np

from anncore.contract.arrays import Array

Value = TypeVar("Value")
BYTES = 8  # of a float


class FloatMap(Mapping[str, Value]):
    """A mapping from names to floats, or to series of them, in their order; it never changes.

    names: of the rows. length: the numbers of a row. raw: all numbers, row by row, each as eight bytes, the
    lowest first.
    """

    __slots__ = ("length", "names", "raw")

    def __init__(self, names: tuple[str, ...], length: int, raw: bytes) -> None:
        if len(raw) != BYTES * len(names) * length:
            raise ValueError(f"{len(raw)} bytes for {len(names)} rows of {length} numbers")
        self.names, self.length, self.raw = names, length, raw

    def _value(self, row: list[float]) -> Any:
        raise NotImplementedError

    @property
    def array(self) -> Array:
        """All numbers, (names, length), to be read only."""
        return np.frombuffer(self.raw, "<f8").reshape(len(self.names), self.length)

    def dict(self) -> dict[str, Value]:
        """Return the same as a dict."""
        return {name: self._value(row) for name, row in zip(self.names, self.array.tolist(), strict=True)}

    def __getitem__(self, name: str) -> Value:
        if name not in self.names:
            raise KeyError(name)
        value: Value = self._value(self.array[self.names.index(name)].tolist())
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return dict.fromkeys(self.names).keys()

    def values(self) -> ValuesView[Value]:
        """Return the values, all made at once."""
        return self.dict().values()

    def items(self) -> ItemsView[str, Value]:
        """Return names and values, all made at once."""
        return self.dict().items()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FloatMap):
            same = self.names == other.names and self.length == other.length and self.raw == other.raw
            return same or self.dict() == other.dict()
        return self.dict() == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.names, self.length, self.raw)

    def __repr__(self) -> str:
        return repr(self.dict())


class Numbers(FloatMap[float]):
    """A float by name."""

    __slots__ = ()

    def _value(self, row: list[float]) -> float:
        return row[0]


class Series(FloatMap[tuple[float, ...]]):
    """A series of floats by name, all of one length."""

    __slots__ = ()

    def _value(self, row: list[float]) -> tuple[float, ...]:
        return tuple(row)


def numbers_of(names: tuple[str, ...], table: Array) -> list[Numbers]:
    """Return the rows of a table (R, names)."""
    rows = np.ascontiguousarray(table, "<f8")
    return [Numbers(names, 1, row.tobytes()) for row in rows]


def series_of(names: tuple[str, ...], table: Array) -> list[Series]:
    """Return the rows of a table (R, names, length)."""
    rows = np.ascontiguousarray(table, "<f8")
    return [Series(names, table.shape[2], row.tobytes()) for row in rows]


def numbers_in(given: Mapping[str, float]) -> Numbers:
    """Return floats by name as `Numbers`; these themselves where they are."""
    if isinstance(given, Numbers):
        return given
    names = tuple(given)
    return Numbers(names, 1, np.array([given[name] for name in names], "<f8").tobytes())


def series_in(given: Mapping[str, Sequence[float]]) -> Series:
    """Return series by name, all of one length, as `Series`; these themselves where they are."""
    if isinstance(given, Series):
        return given
    names = tuple(given)
    length = len(given[names[0]]) if names else 0
    rows = np.array([given[name] for name in names], "<f8").reshape(len(names), length)
    return Series(names, length, rows.tobytes())
