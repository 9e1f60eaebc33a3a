"""Decision maps: the predictions of a network on a lattice over the plane of two features, a byte each.

A lattice has SIDE x SIDE cells of equal size, with a prediction for the middle of each. It is in the units of
the data and spans the range of the examples of seed 0. So it is the same for all trials of a data set, and
their maps can be averaged cell by cell.

Report trials that end well have a map, if the data have two features and at most MOST_CLASSES classes. A map
changes no number of the trial.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from anncore.contract.errors import RAISED_BY_PLUGINS
from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.shown import Shown, listed
from anncore.contract.trial import Trial
from anncore.engine.datasets import Prepared, Shapes, prepare
from anncore.engine.split import spread_over

SIDE = 48
MOST_CLASSES = 8
EXAMPLES = 64  # that a map carries along
REFERENCE = 0  # the seed whose examples span the lattice
FULL, PLACES = 255, 65535  # what 1 becomes as a probability, and as a place along a side


@dataclass(frozen=True, eq=False, repr=False)
class DecisionMap(Shown):
    """A trained classifier's predictions on the lattice, and some of the examples it was trained on.

    low, high: the lattice's corners in the data's units. levels: (K, SIDE, SIDE) bytes,
    the probability of each class times 255, for two classes of the second one alone (K = 1); rows along the
    second feature, from low to high, columns along the first. The class that a cell is put into is kept
    exactly. examples: (M, 2) in the data's units, those that lie on the lattice; labels: their classes, (M,).
    """

    features: tuple[str, str]
    classes: tuple[str, ...]
    low: tuple[float, float]
    high: tuple[float, float]
    levels: Array
    examples: Array
    labels: Array

    def _facts(self) -> dict[str, object]:
        return {
            "classes": listed(self.classes),
            "features": listed(self.features),
            "cells": f"{SIDE} x {SIDE}",
        }

    @property
    def probabilities(self) -> Array:
        """The probability of every class, (classes, SIDE, SIDE)."""
        shares = self.levels / FULL
        return np.concatenate([1 - shares, shares]) if len(self.classes) == 2 else shares

    @property
    def predicted(self) -> Array:
        """The number of the class that each cell is put into, (SIDE, SIDE): of two the second above 1/2, of
        more the likeliest, the first of equals.
        """
        if len(self.classes) == 2:
            return (2 * self.levels[0].astype(int) > FULL).astype(int)
        return self.levels.argmax(axis=0)


def mappable(data: Prepared) -> bool:
    """Tell whether the data have two features and classes, but not too many."""
    return data.inputs == 2 and 0 < len(data.classes) <= MOST_CLASSES


def has_maps(shapes: Shapes) -> bool:
    """Tell the same of data of which only the shapes are known."""
    classes = {"binary": 2, "multiclass": shapes.outputs}.get(shapes.task, 0)
    return shapes.inputs == 2 and 0 < classes <= MOST_CLASSES


def corners(trial: Trial, registry: Registry) -> tuple[Array, Array] | None:
    """Return the corners of the lattice of a trial's data set, each (2,), from its description alone.

    None if the examples of the reference seed cannot be made: a trial must not fail for a picture.
    """
    try:
        data = prepare(
            trial.parts["dataset"], trial.split, trial.sweep_seed, REFERENCE, registry, trial.train.dtype
        )
    except RAISED_BY_PLUGINS:
        return None
    if data.inputs != 2:
        return None
    x = np.concatenate([data.x_train, data.x_valid, data.x_test]).astype(np.float64)
    low, high = (end * data.x_scale + data.x_shift for end in (x.min(axis=0), x.max(axis=0)))
    width = np.where(high > low, high - low, 1.0)  # a constant feature gets an interval around it
    middle = (low + high) / 2
    return middle - width / 2, middle + width / 2


def lattice(low: Array, high: Array) -> Array:
    """Return the middles of all cells, (SIDE², 2), row by row from the lower left one."""
    steps = (np.arange(SIDE) + 0.5) / SIDE
    first, second = (low[axis] + steps * (high[axis] - low[axis]) for axis in (0, 1))
    return np.column_stack([np.tile(first, SIDE), np.repeat(second, SIDE)])


def quantized(probabilities: Array) -> Array | None:
    """Return predictions (N, K) as bytes (K, N) that fall into the same classes; None for one not finite."""
    if not np.isfinite(probabilities).all():
        return None
    values = np.clip(probabilities.T.astype(np.float64), 0, 1)
    # Rounds to the nearest, and 1/2 down, because 1/2 is not yet the second class.
    levels = np.ceil(FULL * values - 0.5).astype(np.uint8)
    if len(levels) > 1:
        winners = probabilities.argmax(axis=1)
        cells = np.arange(len(winners))
        best = levels[winners, cells] = np.maximum(levels[winners, cells], 1)
        before = np.arange(len(levels))[:, None] < winners
        levels[before & (levels == best)] -= (
            1  # equal only by rounding; otherwise the first of them would win
        )
    return levels


def packed(data: Prepared, low: Array, high: Array, probabilities: Array) -> bytes:
    """Return the map of one trial as a compact blob, empty where a prediction is not finite.

    A compressed .npz of the same arrays was measured in its place, on 200 maps: 2,115 bytes, 0.54 ms to
    write and 0.66 ms to read; here 1,371 bytes, 0.14 ms and 0.06 ms.
    """
    levels = quantized(probabilities)
    if levels is None:
        return b""
    rows = spread_over(len(data.x_train), EXAMPLES)
    x = data.x_train[rows].astype(np.float64) * data.x_scale + data.x_shift
    y = data.y_train[rows]
    labels = (y[:, 0] > 0.5) if y.shape[1] == 1 else y.argmax(axis=1)
    places = (x - low) / (high - low)
    inside = ((places >= 0) & (places <= 1)).all(axis=1)
    head = json.dumps(
        [data.features, data.classes, low.tolist(), high.tolist(), SIDE, int(inside.sum())],
        separators=(",", ":"),
    )
    body = (
        levels.tobytes(),
        np.rint(PLACES * places[inside]).astype("<u2").tobytes(),
        labels[inside].astype(np.uint8).tobytes(),
    )
    return zlib.compress(head.encode() + b"\0" + b"".join(body))


class PackedMaps(Mapping[str, DecisionMap]):
    """Maps by key, each unpacked when it is asked for: of a hundred thousand a figure draws some.

    change: what is done with a map then.
    """

    def __init__(
        self, blobs: Mapping[str, bytes], change: Callable[[DecisionMap], DecisionMap] | None = None
    ) -> None:
        self._blobs, self._change = blobs, change

    def __getitem__(self, key: str) -> DecisionMap:
        learned = unpacked(self._blobs[key])
        return learned if self._change is None else self._change(learned)

    def __iter__(self) -> Iterator[str]:
        return iter(self._blobs)

    def __len__(self) -> int:
        return len(self._blobs)

    def __contains__(self, key: object) -> bool:
        return key in self._blobs

    def changed(self, change: Callable[[DecisionMap], DecisionMap]) -> PackedMaps:
        """Return these maps with something else done to each."""
        return PackedMaps(self._blobs, change)

    def digest(self) -> str:
        """Return a digest of all that the maps hold."""
        whole = hashlib.sha256()
        for key, blob in self._blobs.items():
            whole.update(f"{key} {len(blob)} ".encode() + blob)
        return whole.hexdigest()


def intact(blob: bytes) -> bytes:
    """Return a blob that `packed` wrote; raises ValueError for a damaged one."""
    _bytes_of(blob)
    return blob


def _bytes_of(blob: bytes) -> bytes:
    try:
        return zlib.decompress(blob)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def unpacked(blob: bytes) -> DecisionMap:
    """Return the map that `packed` wrote; raises ValueError for another blob."""
    head, _, body = _bytes_of(blob).partition(b"\0")
    features, classes, low, high, side, count = json.loads(head)
    outputs = 1 if len(classes) == 2 else len(classes)
    at, end = outputs * side * side, outputs * side * side + 4 * count
    places = np.frombuffer(body[at:end], "<u2").reshape(count, 2) / PLACES
    examples = np.array(low) + places * (np.array(high) - np.array(low))
    examples.flags.writeable = False
    return DecisionMap(
        features=tuple(features),
        classes=tuple(classes),
        low=tuple(low),
        high=tuple(high),
        levels=np.frombuffer(body[:at], np.uint8).reshape(outputs, side, side),
        examples=examples,
        labels=np.frombuffer(body[end:], np.uint8),
    )
