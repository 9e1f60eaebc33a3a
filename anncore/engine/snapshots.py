"""Snapshots: what a trained network shows of itself, kept for figures.

A network that has a method `snapshot` gives arrays by name: prototypes, recalled patterns, generated samples.
Report trials that end well keep them, together with the test examples that the method got. A snapshot changes
no number of the trial.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.shown import Shown, listed
from anncore.engine.datasets import Prepared

EXAMPLES, NUMBERS = 256, 4096  # at most so many examples, and so many numbers of their inputs


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot(Shown):
    """Arrays that one trained network gave, and the test examples that it got for them.

    arrays: by name, without the trials' axis. x: (M, D), y: (M, K), as the network sees them: standardised,
    unless the experiment says otherwise. features: the names of the inputs. All arrays are float32.
    """

    MOST: ClassVar[int] = 65_536
    """The number of numbers that a network may give; a trial whose network gives more has no snapshot."""

    arrays: Mapping[str, Array]
    x: Array
    y: Array
    features: tuple[str, ...]
    x_scale: Array
    x_shift: Array

    def _facts(self) -> dict[str, object]:
        shapes = (f"{name} {array.shape}" for name, array in self.arrays.items())
        return {"arrays": listed(shapes), "features": listed(self.features), "examples": len(self.x)}

    def in_units(self, values: Array) -> Array:
        """Return inputs (..., D) in the data's own units."""
        return np.asarray(values, np.float64) * self.x_scale + self.x_shift


def most_examples(inputs: int) -> int:
    """Return how many examples of so many inputs a network may get for its snapshot."""
    return min(EXAMPLES, max(1, NUMBERS // inputs))


def taken(arrays: Mapping[str, Array], x: Array, y: Array, data: Prepared) -> bytes:
    """Return the snapshot of one trial as a compact blob; empty without arrays, or with too large ones."""
    if not arrays or sum(np.size(array) for array in arrays.values()) > Snapshot.MOST:
        return b""
    every = {**{f"_{name}": array for name, array in arrays.items()}, "x": x, "y": y}
    shapes = {name: np.shape(array) for name, array in every.items()}
    scaling = [data.x_scale.tolist(), data.x_shift.tolist()]
    head = json.dumps([shapes, data.features, *scaling], separators=(",", ":"))
    body = (np.asarray(array, "<f4").tobytes() for array in every.values())
    return zlib.compress(head.encode() + b"\0" + b"".join(body))


def read(blob: bytes) -> Snapshot:
    """Return the snapshot that `taken` wrote; raises ValueError for another blob."""
    try:
        head, _, body = zlib.decompress(blob).partition(b"\0")
    except zlib.error as error:
        raise ValueError(str(error)) from None
    shapes, features, scale, shift = json.loads(head)
    arrays = dict(_arrays(shapes, body))
    x, y = arrays.pop("x"), arrays.pop("y")
    named = {name[1:]: array for name, array in arrays.items()}
    return Snapshot(named, x, y, tuple(features), np.array(scale), np.array(shift))


def _arrays(shapes: Mapping[str, list[int]], body: bytes) -> Iterator[tuple[str, Array]]:
    start = 0
    for name, shape in shapes.items():
        size = math.prod(shape)
        yield name, np.frombuffer(body, "<f4", size, 4 * start).reshape(shape)
        start += size
