"""The numbers of a grid as a rule instead of a list: how many there are is known before one is computed."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, overload

import numpy as np

from anncore.contract.kinds import Array

APART = 1e-10
"""Least distance of two neighbours, as a part of the largest number; `tidy` moves a number by 5e-13 of it."""

SMALL = 1e-290  # below, floats lie too far from each other


class Points(Sequence[tuple[Any, ...]], ABC):
    """The rows of a grid of one hyperparameter, evenly spaced, each of one number.

    integer: whether they are whole numbers; apart: whether they certainly ascend, or descend, without equals;
    ends: the first and the last number.
    """

    integer: bool
    apart: bool
    ends: tuple[Any, Any]

    @abstractmethod
    def values(self) -> Iterator[Any]:
        """Yield the numbers, in order, as the experiment file means them."""

    @abstractmethod
    def value(self, i: int) -> Any:
        """Return the i-th number as a configuration holds it: a float, or an int where all are whole."""

    @overload
    def __getitem__(self, i: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, i: slice) -> tuple[tuple[Any, ...], ...]: ...
    def __getitem__(self, i: int | slice) -> Any:
        if isinstance(i, slice):
            return tuple(self[j] for j in range(*i.indices(len(self))))
        return (self.value(range(len(self))[i]),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def runs(self, numbers: Iterable[float]) -> Iterator[tuple[int, int]]:
        """Yield start and stop of the runs whose numbers compare alike with each of some numbers.

        From one end to the other, a comparison changes its answer at most twice: where the numbers begin to
        be the same as the other, and where they end to be. Bisection finds both.
        """
        cuts = {0, len(self)}
        for number in numbers:
            cuts.add(self._first_other(partial(_reaches, number)))
            cuts.add(self._first_other(partial(_exceeds, number)))
        yield from pairwise(sorted(cuts))

    def _first_other(self, test: Callable[[Any], bool]) -> int:
        """Return the first place at which a test answers otherwise than at the first number."""
        answer, low, high = test(self.value(0)), 0, len(self)
        while high - low > 1:
            middle = (low + high) // 2
            if test(self.value(middle)) == answer:
                low = middle
            else:
                high = middle
        return high


class Spaced(Points):
    """`num` real numbers from low to high, both included; how: "linear", or "log" for even logarithms."""

    integer = False

    def __init__(self, how: str, low: float, high: float, num: int) -> None:
        self.how, self.num, self.ends = how, num, (low, high)

    def __len__(self) -> int:
        return self.num

    @cached_property
    def points(self) -> Array:
        """The numbers with all their digits."""
        return (np.geomspace if self.how == "log" else np.linspace)(*self.ends, self.num)

    def value(self, i: int) -> float:
        """Return the i-th number; between the ends in 12 digits."""
        if i in (0, self.num - 1):
            return self.ends[0 if i == 0 else 1]
        return tidy(float(self.points[i]))

    def values(self) -> Iterator[float]:
        """Yield the numbers, in order."""
        return map(self.value, range(self.num))

    @property
    def apart(self) -> bool:  # type: ignore[override]
        """Whether the numbers certainly ascend."""
        low, high = self.ends
        if self.how == "log":
            return low > SMALL and (math.log(high) - math.log(low)) / (self.num - 1) > APART
        return _apart((high - low) / (self.num - 1), self.ends)


class Whole(Points):
    """Evenly spaced numbers rounded to whole ones, each of these once; all below EXACT."""

    integer = True
    apart = True
    EXACT = 1e8  # up to here, `tidy` moves a number by less than NEAR
    NEAR = 1e-3

    def __init__(self, spaced: Spaced) -> None:
        points = spaced.points
        whole = np.rint(points)
        # Near a half, the 12 digits of a number decide where it is rounded to.
        halves = np.flatnonzero(np.abs(points - np.floor(points) - 0.5) < self.NEAR)
        whole[halves] = [round(spaced.value(i)) for i in halves.tolist()]
        self._whole = whole[np.append(True, np.diff(whole) > 0)].astype(np.int64)

    def __len__(self) -> int:
        return len(self._whole)

    def value(self, i: int) -> int:
        """Return the i-th number."""
        return int(self._whole[i])

    def values(self) -> Iterator[int]:
        """Yield the numbers, in order."""
        return iter(self._whole.tolist())

    @property
    def ends(self) -> tuple[int, int]:  # type: ignore[override]
        """The first and the last number."""
        return self.value(0), self.value(-1)


class Steps(Points):
    """low, low + step, ...: so many numbers; all whole where the domain is one of whole numbers."""

    def __init__(self, low: float, step: float, number: int, integer: bool) -> None:
        self.low, self.step, self.number = low, step, number
        # A step of 10.0 makes floats, which are whole only as far as rounding leaves them so.
        self.integer = integer and isinstance(low, int) and isinstance(step, int)

    def __len__(self) -> int:
        return self.number

    def _written(self, i: int) -> float:
        return tidy(self.low + i * self.step)

    def value(self, i: int) -> float:
        """Return the i-th number in 12 digits, a whole one exactly."""
        return self._written(i) if self.integer else float(self._written(i))

    def values(self) -> Iterator[float]:
        """Yield the numbers, in order."""
        return map(self._written, range(self.number))

    @property
    def ends(self) -> tuple[float, float]:  # type: ignore[override]
        """The first and the last number."""
        return self._written(0), self._written(self.number - 1)

    @property
    def apart(self) -> bool:  # type: ignore[override]
        """Whether the numbers certainly ascend, or descend."""
        return self.integer or _apart(abs(self.step), self.ends)


def _apart(step: float, ends: tuple[float, float]) -> bool:
    return math.isfinite(step) and step > max(SMALL, APART * max(map(abs, ends)))


def _reaches(number: float, value: float) -> bool:
    return value >= number or nearly(value, number)


def _exceeds(number: float, value: float) -> bool:
    return value > number and not nearly(value, number)


def nearly(value: float, other: float) -> bool:
    """Tell whether two numbers are the same up to rounding."""
    return math.isclose(value, other, rel_tol=1e-9, abs_tol=0.0)


def tidy(value: float, digits: int = 12) -> float:
    """Round to significant digits, so that 10 ** -3 on a grid and 0.001 in a list are one number."""
    return value if isinstance(value, int) else float(f"{value:.{digits}g}")
