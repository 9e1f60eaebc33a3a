"""Memory between the loops of a kernel."""

from __future__ import annotations

from typing import NamedTuple

from anncore.engine.lanes.code import Index


class Place(NamedTuple):
    """Where an array of vectors begins: a pointer, and vectors beyond it."""

    pointer: str
    offset: Index = 0


class Workspace:
    """Memory for what loops leave for others; what nobody reads any more is used again."""

    def __init__(self, pointer: str, start: int = 0) -> None:
        self.pointer, self.vectors = pointer, start
        self._free: list[tuple[int, int]] = []  # offset, size

    def take(self, vectors: int) -> Place:
        """Return a free place for so many vectors."""
        fitting = [hole for hole in self._free if hole[1] >= vectors]
        if fitting:
            hole = min(fitting, key=lambda hole: hole[1])
            self._free.remove(hole)
            if hole[1] > vectors:
                self._free.append((hole[0] + vectors, hole[1] - vectors))
            return Place(self.pointer, hole[0])
        place = Place(self.pointer, self.vectors)
        self.vectors += vectors
        return place

    def give_back(self, place: Place, vectors: int) -> None:
        """Let a place be used again."""
        assert isinstance(place.offset, int)
        holes = sorted([*self._free, (place.offset, vectors)])
        merged = [holes[0]]
        for start, length in holes[1:]:
            before, own = merged[-1]
            if before + own == start:
                merged[-1] = before, own + length
            else:
                merged.append((start, length))
        self._free = merged
