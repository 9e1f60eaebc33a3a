"""Random numbers in lanes: those that dropout and noisy activations draw, from each trial's own streams.

A trial gets the numbers that the engine "blas" gives it, in the same order: every array that a pass draws has
a stream of its own, from which a step takes as many numbers as its batch has examples. The numbers of many
steps are drawn at once and lie one step after the other; a kernel takes those of a step into the lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.trial import Trial
from anncore.engine.noise import Noise

MOST_BYTES = 1 << 24
"""More numbers than this at once would leave the cache long before a kernel reads them."""


class Drawing(NamedTuple):
    """An array of random numbers of a pass.

    name: of its stream. shape: of one trial's array in a pass. asked: what `draw` of an activation is asked
    for. activation: the place of this activation among those of the network, None for numbers from U[0, 1).
    """

    name: str
    shape: tuple[int, ...]
    asked: tuple[int, ...]
    activation: int | None

    @property
    def size(self) -> int:
        """The count of its numbers."""
        return int(np.prod(self.shape, dtype=int))


class Draws:
    """The random numbers of a stack's steps.

    kinds: what each kind of pass draws: whole batches, and those at the end of an epoch.
    """

    def __init__(
        self, trials: Sequence[Trial], noise: Noise, activations: Sequence[Any], kinds: Sequence[Any]
    ) -> None:
        self._noise, self._activations = noise, activations
        self._kinds: list[tuple[Drawing, ...]] = list(kinds)
        owners = [(trial.sweep_seed, trial.seed) for trial in trials]
        self._owners = list(dict.fromkeys(owners))
        places = {owner: at for at, owner in enumerate(self._owners)}
        self.group = np.array([places[owner] for owner in owners], np.intp)
        self._dtype = np.dtype(trials[0].train.dtype)
        self._none = np.empty(1, self._dtype)

    @property
    def most_steps(self) -> int:
        """How many steps to draw for at once; 0 where nothing is drawn."""
        numbers = max(sum(drawing.size for drawing in kind) for kind in self._kinds)
        bytes_ = numbers * len(self._owners) * self._dtype.itemsize
        return max(MOST_BYTES // bytes_, 1) if numbers else 0

    def next(self, kinds: Array) -> tuple[list[Array], Array]:
        """Return the numbers of the next steps, whose passes are of these kinds.

        For each seed all numbers in a row; and where those of each step begin, i64.
        """
        if not any(self._kinds):
            return [self._none] * len(self._owners), np.zeros(len(kinds), np.int64)
        whole = [sum(drawing.size for drawing in kind) for kind in self._kinds]
        starts = np.concatenate([[0], np.cumsum(np.array(whole, np.int64)[kinds])])
        rows = [np.empty(max(int(starts[-1]), 1), self._dtype) for _ in self._owners]
        before = np.zeros(len(whole), np.int64)
        for drawings in zip(*self._kinds, strict=True):  # the same array in each kind of pass
            sizes = np.array([drawing.size for drawing in drawings], np.int64)
            pieces = list(zip((starts[:-1] + before[kinds]).tolist(), sizes[kinds].tolist(), strict=True))
            for owner, row in zip(self._owners, rows, strict=True):
                rng = self._noise.generator(drawings[0].name, *owner)
                if drawings[0].activation is None:
                    self._uniform(rng, row, pieces)
                else:
                    self._drawn(rng, row, pieces, [drawings[kind] for kind in kinds])
            before += sizes
        return rows, starts[:-1].astype(np.int64)

    def _uniform(self, rng: np.random.Generator, row: Array, pieces: Sequence[tuple[int, int]]) -> None:
        """Write numbers from U[0, 1): one call gives those that a call for each step would give."""
        numbers = rng.random(sum(size for _, size in pieces)).astype(self._dtype)
        start = 0
        for place, size in pieces:
            row[place : place + size] = numbers[start : start + size]
            start += size

    def _drawn(
        self,
        rng: np.random.Generator,
        row: Array,
        pieces: Sequence[tuple[int, int]],
        drawings: Sequence[Drawing],
    ) -> None:
        """Write what an activation draws, step by step."""
        for (place, size), drawing in zip(pieces, drawings, strict=True):
            assert drawing.activation is not None
            draw = self._activations[drawing.activation].runs[0].component.draw
            numbers = np.asarray(draw(rng, drawing.asked), self._dtype)
            row[place : place + size] = numbers.reshape(size)
