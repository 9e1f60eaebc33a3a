"""Where trials lie in lanes, and how numbers get there and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.lanes.code import ALIGN, KINDS


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an empty array that begins where a vector may be loaded."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(count + ALIGN, np.uint8)
    start = -raw.ctypes.data % ALIGN
    array: Array = raw[start : start + count].view(dtype).reshape(shape)
    return array


class Lanes:
    """Which trial lies in which lane: those with the same data side by side; the last lanes repeat a trial.

    group: by trial, which data set is its own.
    """

    def __init__(self, group: Array, dtype: str) -> None:
        self.dtype, self.trials, self.lanes = np.dtype(dtype), len(group), KINDS[dtype].lanes
        self.groups = -(-self.trials // self.lanes)
        self._order = np.argsort(group, kind="stable")
        self.rows = self._order[np.minimum(np.arange(self.groups * self.lanes), self.trials - 1)]
        # Where trials lie in their own order, and fill all lanes, numbers are copied once and not twice.
        self._plain = bool((self.rows == np.arange(len(self.rows))).all()) and len(self.rows) == self.trials

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
        into[self._order] = turned.reshape(self.groups * self.lanes, -1)[: self.trials]

    def addresses(self, arrays: Sequence[Array], group: Array) -> Array:
        """Return for each lane the address of its trial's own array; group: by trial, which one it is."""
        starts = np.array([array.ctypes.data for array in arrays], np.int64)
        return starts[group[self.rows]]

    def shared(self, group: Array) -> Array:
        """Return for each group of lanes whether all its trials have the same array."""
        own = group[self.rows].reshape(self.groups, self.lanes)
        return np.asarray((own == own[:, :1]).all(axis=1), np.int64)
