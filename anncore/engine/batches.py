"""The data of a stack, and the order in which its trials see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.streams import stream
from anncore.contract.trial import Train, Trial
from anncore.engine.datasets import Prepared, prepare

# Up to this size an epoch of all trials is copied at once, and its batches are views. A larger copy would
# push everything else out of the second-level cache (512 KiB to 2 MiB), so each batch is copied by itself.
SPREAD_BYTES = 1 << 19


class Batches:
    """The order in which each trial sees its training examples; trials of one seed share it.

    The order of each epoch is drawn from the seed's stream. The examples are copied in that order once per
    epoch, so a batch is a slice. The last batch of an epoch may be smaller, as in PyTorch and Keras.
    """

    def __init__(self, trials: Sequence[Trial], prepared: Sequence[Prepared]) -> None:
        train = trials[0].train
        data, self._group = distinct(prepared)
        owners = [trials[int(np.argmax(self._group == g))] for g in range(len(data))]
        self._x = np.stack([prepared.x_train for prepared in data])
        self._y = np.stack([prepared.y_train for prepared in data])
        n = self._x.shape[1]
        self._size = n if train.batch_size == "full" else min(int(train.batch_size), n)
        self._shuffle = train.shuffle and self._size < n
        self._rngs = [self.stream_of(trial.sweep_seed, trial.seed) for trial in owners]
        self._at = n  # the next epoch begins at the first call
        self._epochs = 0
        self._epoch_x = np.empty_like(self._x) if self._shuffle else self._x
        self._epoch_y = np.empty_like(self._y) if self._shuffle else self._y
        self._whole: tuple[Array, Array] | None = None
        weights = [mine.w_train for mine in data if mine.w_train is not None]
        self._w = np.stack(weights).astype(train.dtype) if weights else None
        self._epoch_w = self._w
        self.weights: Array | None = None  # of the last batch, (T, B, 1); None where all examples count alike
        trial_bytes = self._x[0].nbytes + self._y[0].nbytes
        self._spread = len(trials) * trial_bytes <= SPREAD_BYTES

    @staticmethod
    def stream_of(sweep_seed: int, seed: int) -> np.random.Generator:
        """Return the stream that the order of a trial with these seeds is drawn from."""
        return stream(sweep_seed, seed, "batches")

    def take(self) -> tuple[Array, Array]:
        """Return the next batch, x (T, B, D) and y (T, B, K); `weights` are then its own."""
        batch = self._take()
        if self._epoch_w is not None:
            here = slice(None) if self._size == self._x.shape[1] else slice(self._at - self._size, self._at)
            self.weights = self._epoch_w[:, here].take(self._group, axis=0)[:, :, None]
        return batch

    def _take(self) -> tuple[Array, Array]:
        if self._size == self._x.shape[1]:
            if self._whole is None:
                self._whole = self._x.take(self._group, axis=0), self._y.take(self._group, axis=0)
            return self._whole
        if self._at >= self._x.shape[1]:
            self._begin_epoch()
            self._whole = None
        start, end = self._at, self._at + self._size
        self._at = end
        if not self._spread:
            x = self._epoch_x[:, start:end].take(self._group, axis=0)
            return x, self._epoch_y[:, start:end].take(self._group, axis=0)
        if self._whole is None:
            self._whole = self._epoch_x.take(self._group, axis=0), self._epoch_y.take(self._group, axis=0)
        x, y = self._whole
        return x[:, start:end], y[:, start:end]

    def go_on(self, before: Batches) -> None:
        """Continue where the batches of a larger stack are."""
        for _ in range(before._epochs):
            self._begin_epoch()
        self._at = before._at

    def _begin_epoch(self) -> None:
        self._epochs += 1
        self._at = 0
        if self._shuffle:
            if self._w is not None:
                self._epoch_w = np.empty_like(self._w)
            for g, rng in enumerate(self._rngs):
                order = rng.permutation(self._x.shape[1])
                # mode="clip" lets NumPy write straight into `out`; an order is never out of range.
                np.take(self._x[g], order, axis=0, out=self._epoch_x[g], mode="clip")
                np.take(self._y[g], order, axis=0, out=self._epoch_y[g], mode="clip")
                if self._w is not None and self._epoch_w is not None:
                    self._epoch_w[g] = self._w[g][order]


def total_steps(train: Train, n_train: int) -> int:
    """Return the number of updates: `steps`, or `epochs` times the batches of an epoch."""
    if train.steps is not None:
        return train.steps
    batch = n_train if train.batch_size == "full" else min(int(train.batch_size), n_train)
    return int(train.epochs or 0) * -(-n_train // batch)


def distinct(data: Sequence[Prepared]) -> tuple[list[Prepared], Array]:
    """Return the distinct data sets of the trials, and for each trial the index of its own."""
    index: dict[int, int] = {}
    distinct: list[Prepared] = []
    group = np.empty(len(data), np.intp)
    for row, prepared in enumerate(data):
        if id(prepared) not in index:
            index[id(prepared)] = len(distinct)
            distinct.append(prepared)
        group[row] = index[id(prepared)]
    return distinct, group


def load(trials: Sequence[Trial], registry: Registry) -> list[Prepared]:
    """Return each trial's data; trials of one data set and seed share the arrays."""
    made: dict[tuple[Any, ...], Prepared] = {}
    result = []
    for trial in trials:
        part, split, dtype = trial.parts["dataset"], trial.split, trial.train.dtype
        same = (id(part), id(split), trial.sweep_seed, trial.seed)  # the same objects for most trials
        if same not in made:
            key = (part.text, *sorted(part.paths.items()), split.text, trial.sweep_seed, trial.seed)
            if key not in made:
                made[key] = prepare(part, split, trial.sweep_seed, trial.seed, registry, dtype)
            made[same] = made[key]
        result.append(made[same])
    return result
