"""Arrays in lanes: where they begin, and which trial has which lane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.lanes.code import ALIGN, KINDS


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an empty array that begins where a vector may be loaded."""
    count = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.zeros(count + ALIGN, np.uint8)
    start = -raw.ctypes.data % ALIGN
    array: Array = raw[start : start + count].view(dtype).reshape(shape)
    return array


class Lanes:
    """Which trial lies in which lane.

    order: the trials from the first lane on. first: lanes before it, which are another section's. Lanes
    without a trial repeat the nearest one, so that what they compute is nothing unusual.
    """

    def __init__(self, order: Array, dtype: str, first: int = 0) -> None:
        self.dtype, self.trials, self.lanes = np.dtype(dtype), len(order), KINDS[dtype].lanes
        self.groups = -(-(first + self.trials) // self.lanes)
        self._order, self._own = order, slice(first, first + self.trials)
        self.rows = order[np.clip(np.arange(self.groups * self.lanes) - first, 0, self.trials - 1)]
        # Where trials lie in their own order, and fill all lanes, numbers are copied once and not twice.
        full = len(self.rows) == self.trials
        self._plain = full and bool((self.rows == np.arange(self.trials)).all())

    @cached_property
    def places(self) -> Array:
        """By trial, which lane it has, counted from the first group on."""
        places = np.empty(self.trials, np.intp)
        places[self._order] = np.arange(self._own.start, self._own.stop)
        return places

    def section(self, rows: slice) -> tuple[int, Lanes]:
        """Return the lanes of trials at consecutive rows that lie side by side, and the group they begin in.

        In it trials are numbered from the first of them.
        """
        places = np.flatnonzero((self._order >= rows.start) & (self._order < rows.stop))
        group, first = divmod(int(places[0]), self.lanes)
        return group, Lanes(self._order[places] - rows.start, self.dtype.name, first)

    @property
    def owned(self) -> Array:
        """1 for each lane that has a trial of its own, 0 for others, (G, 1, L)."""
        owned = self.empty(1)
        owned.reshape(-1)[self._own] = 1
        return owned

    def empty(self, numbers: int) -> Array:
        """Return room for so many numbers of each trial, (G, n, L)."""
        return aligned((self.groups, max(numbers, 1), self.lanes), self.dtype)

    def put(self, values: Array, into: Array | None = None) -> Array:
        """Return numbers of trials, (T, n), in lanes, (G, n, L)."""
        target = self.empty(values.shape[1]) if into is None else into
        if values.shape[1]:
            ordered = values if self._plain else values[self.rows]
            target[...] = ordered.reshape(self.groups, self.lanes, -1).transpose(0, 2, 1)
        return target

    def take(self, lanes: Array, into: Array) -> None:
        """Write numbers that lie in lanes, (G, n, L), for the trials, (T, n)."""
        turned = lanes.transpose(0, 2, 1)
        if self._plain and into.flags.c_contiguous:
            into.reshape(turned.shape)[...] = turned
            return
        into[self._order] = turned.reshape(self.groups * self.lanes, -1)[self._own]

    def addresses(self, arrays: Sequence[Array], group: Array) -> Array:
        """Return for each lane the address of its trial's own array; group: by trial, which one it is."""
        starts = np.array([array.ctypes.data for array in arrays], np.int64)
        return starts[group[self.rows]]

    def shared(self, group: Array) -> Array:
        """Return for each group of lanes whether all its trials have the same array."""
        own = group[self.rows].reshape(self.groups, self.lanes)
        return np.asarray((own == own[:, :1]).all(axis=1), np.int64)

    def firsts(self, group: Array) -> Array:
        """Return for each group of lanes how many arrays its trials have, and the first lane of each."""
        own = group[self.rows].reshape(self.groups, self.lanes)
        begins = np.ones(own.shape, bool)
        begins[:, 1:] = own[:, 1:] != own[:, :-1]
        table = np.zeros((self.groups, self.lanes + 1), np.int64)
        table[:, 0] = begins.sum(axis=1)
        for row, begin in zip(table, begins, strict=True):
            row[1 : 1 + row[0]] = np.flatnonzero(begin)
        return table
