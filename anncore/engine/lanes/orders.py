"""The order in which trials see their training examples, as places in the data.

Drawing it takes a fifth of the steps of the smallest networks. Stacks that are trained one after the other
most often have the same seeds, so a process keeps the first epochs of those that it saw last.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.trial import Trial
from anncore.engine.batches import Batches, distinct
from anncore.engine.datasets import Prepared

MOST_SEEDS = 128
MOST_PLACES = 1 << 16  # of one seed: 64 MB in all, and 2,000 steps with batches of 32
MOST_TOGETHER = 1 << 22  # places of all data sets that are handed out at once, 32 MB
_LOCK = threading.Lock()


class _Epochs:
    """The first epochs of a stream, drawn when they are first asked for."""

    def __init__(self, rng: np.random.Generator, examples: int) -> None:
        self._rng, self._examples = rng, examples
        self._drawn: list[Array] = []
        self.most = MOST_PLACES // examples

    def epoch(self, at: int) -> Array:
        """Return the order of one of the first `most` epochs."""
        with _LOCK:
            while len(self._drawn) <= at:
                self._drawn.append(_permutation(self._rng, self._examples))
            return self._drawn[at]

    def after(self) -> np.random.Generator:
        """Return what draws the epochs after these."""
        if self.most:
            self.epoch(self.most - 1)
        return copy.deepcopy(self._rng)


@lru_cache(MOST_SEEDS)
def _epochs(sweep_seed: int, seed: int, examples: int) -> _Epochs:
    return _Epochs(Batches.stream_of(sweep_seed, seed), examples)


class _Stream:
    """One stack's way through the epochs of a seed, one after the other from the first on."""

    def __init__(self, trial: Trial, examples: int) -> None:
        self.seeds = trial.sweep_seed, trial.seed
        self._shared, self._examples = _epochs(*self.seeds, examples), examples
        self._rng: np.random.Generator | None = None

    def __deepcopy__(self, memo: Any) -> _Stream:
        twin = copy.copy(self)
        twin._rng = copy.deepcopy(self._rng)
        return twin

    def epoch(self, at: int) -> Array:
        """Return the order of the next epoch."""
        if at < self._shared.most:
            return self._shared.epoch(at)
        if self._rng is None:
            self._rng = self._shared.after()
        return _permutation(self._rng, self._examples)


def _permutation(rng: np.random.Generator, examples: int) -> Array:
    return np.asarray(rng.permutation(examples), np.int64)


class Orders:
    """The order in which each trial sees its training examples: that of `Batches`, as places in the data."""

    def __init__(self, trials: Sequence[Trial], prepared: Sequence[Prepared]) -> None:
        data, self.group = distinct(prepared)
        self.x = [np.ascontiguousarray(one.x_train) for one in data]
        self.y = [np.ascontiguousarray(one.y_train) for one in data]
        self.w = [np.asarray(one.w_train, self.x[0].dtype) for one in data if one.w_train is not None]
        self.widths = self.x[0].shape[1], self.y[0].shape[1]
        self._examples = len(self.x[0])
        whole = trials[0].train.batch_size == "full"
        self._size = self._examples if whole else min(int(trials[0].train.batch_size), self._examples)
        rest = self._examples % self._size
        self.sizes = [self._size, *([rest] if rest else [])]
        self._shuffles = trials[0].train.shuffle and self._size < self._examples
        owners = [trials[int(np.argmax(self.group == at))] for at in range(len(data))]
        self._streams = [_Stream(trial, self._examples) for trial in owners]
        self._in_order = np.arange(self._examples, dtype=np.int64)
        self._per = -(-self._examples // self._size)  # batches of an epoch
        self._step = 0
        self._epochs: list[list[Array]] = [[] for _ in data]  # from the epoch of the next step on
        self._first = 0  # the number of the first of these

    @property
    def most_steps(self) -> int:
        """How many batches are best asked for at once: of more the epochs would fill the memory."""
        return max(1, MOST_TOGETHER // (len(self._streams) * self._examples)) * self._per

    def next(self, count: int) -> tuple[list[Array], Array, Array]:
        """Return the next `count` batches: for each data set the order of examples, and for each step where
        its batch begins there, and which of `sizes` it has.
        """
        now = self._step // self._per
        steps = np.arange(self._step, self._step + count)
        within = steps % self._per
        starts, kinds = within * self._size, (within == self._per - 1) & (len(self.sizes) > 1)
        if self._shuffles:
            self._draw(now, (self._step + count - 1) // self._per)
            starts += (steps // self._per - now) * self._examples
            orders = [np.concatenate(epochs) for epochs in self._epochs]
        else:
            orders = [self._in_order] * len(self._streams)
        self._step += count
        return orders, starts.astype(np.int64), kinds.astype(np.int64)

    def _draw(self, now: int, last: int) -> None:
        """Draw the epochs up to the last one that is needed, and forget those before this one."""
        for drawn, epochs in zip(self._streams, self._epochs, strict=True):
            del epochs[: now - self._first]
            epochs += (drawn.epoch(at) for at in range(now + len(epochs), last + 1))
        self._first = now

    def go_on(self, before: Orders) -> None:
        """Continue where the batches of a larger stack are."""
        places = {drawn.seeds: at for at, drawn in enumerate(before._streams)}
        mine = [places[drawn.seeds] for drawn in self._streams]  # of several data sets one stream may do
        self._streams = [copy.deepcopy(before._streams[at]) for at in mine]
        self._epochs = [list(before._epochs[at]) for at in mine]
        self._step, self._first = before._step, before._first
