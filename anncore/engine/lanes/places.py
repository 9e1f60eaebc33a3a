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


def spaced(lengths: Sequence[int], lanes: int) -> Array:
    """Return a lane for each trial of runs of these lengths, one run after the other.

    Whoever has a part of a group reads and writes all of it. So a run begins a new group where it would lie
    in more groups than it must, unless that takes more groups in all.
    """
    left = sum(lengths)
    room = -(-left // lanes) * lanes
    at, places = 0, []
    for length in lengths:
        groups, least = (at + length - 1) // lanes - at // lanes + 1, -(-length // lanes)
        begin = -(-at // lanes) * lanes
        if groups > least and begin + left <= room:
            at = begin
        places.append(np.arange(at, at + length))
        at, left = at + length, left - length
    return np.concatenate(places)


class Lanes:
    """Which trial lies in which lane.

    order: the trials by lane. own: their lanes, ascending; by default all from the first one on. Lanes
    without a trial repeat the one before, or the first one, so that what they compute is nothing unusual.
    """

    def __init__(self, order: Array, dtype: str, own: Array | None = None) -> None:
        self.dtype, self.trials, self.lanes = np.dtype(dtype), len(order), KINDS[dtype].lanes
        self._order, self._own = order, np.arange(len(order)) if own is None else own
        self.groups = int(self._own[-1]) // self.lanes + 1
        before = np.searchsorted(self._own, np.arange(self.groups * self.lanes), side="right") - 1
        self.rows = order[np.maximum(before, 0)]
        # Where trials lie in their own order, and fill all lanes, numbers are copied once and not twice.
        full = len(self.rows) == self.trials
        self._plain = full and bool((self.rows == np.arange(self.trials)).all())

    @cached_property
    def places(self) -> Array:
        """By trial, which lane it has, counted from the first group on."""
        places = np.empty(self.trials, np.intp)
        places[self._order] = self._own
        return places

    def section(self, rows: slice) -> tuple[int, Lanes]:
        """Return the lanes of trials at consecutive rows that lie side by side, and the group they begin in.

        In it trials are numbered from the first of them.
        """
        inside = (self._order >= rows.start) & (self._order < rows.stop)
        own = self._own[inside]
        group = int(own[0]) // self.lanes
        return group, Lanes(self._order[inside] - rows.start, self.dtype.name, own - group * self.lanes)

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
        into[...] = turned.reshape(self.groups * self.lanes, -1)[self.places]

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
