"""The checks of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from anncore.contract.counts import agreeing, counted
from anncore.contract.errors import DataError
from anncore.contract.kinds import REAL_TASKS, TASKS, Array, Data
from anncore.contract.trial import Split
from anncore.engine.datasets import check_data
from anncore.engine.split import split_rows
from anncore.testing.kit import Kit, Named, Subject, must


class DatasetKit(Kit):
    """Shapes, classes, finiteness, splits."""

    def exercise(self, subject: Subject, component: Any) -> Iterable[Array]:
        """Make the data from a fixed stream."""
        data = component.make(np.random.default_rng(0))
        for array in (data.x, data.y, data.clean_y, data.test_index):
            if array is not None:
                yield np.asarray(array)

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("data", sound), ("rows_unshared", unshared), ("splits", splits)]


def sound(subject: Subject) -> int:
    """x (N, D) and y fit together, are finite and of the stated task; every class has examples.

    An unsupervised task has no y.
    """
    count = 0
    for variant in subject.variants():
        data: Data = subject.build(variant).make(np.random.default_rng(1))
        where = variant.label
        x = np.asarray(data.x)
        must(data.task in TASKS, f"{where}: task must be one of {', '.join(TASKS)}, got {data.task!r}")
        must(x.ndim == 2 and x.size, f"{where}: x must be (N, D), got {x.shape}")
        must(bool(subject.cls.encodes) or not data.columns, f"{where}: columns need encodes = True")
        there = ~np.isnan(x) if data.columns and x.dtype.kind == "f" else np.ones(x.shape, bool)
        must(x.dtype.kind in "fiu" and np.isfinite(x[there]).all(), f"{where}: x must be finite numbers")
        if data.features:
            must(
                len(data.features) == x.shape[1],
                f"{where}: {len(data.features)} names of {x.shape[1]} features",
            )
        _must_fit_task(data, where)
        count += 1
    return count


def _must_fit_task(data: Data, where: str) -> None:
    if data.task == "unsupervised":
        given = data.y is not None or data.clean_y is not None or data.classes
        must(not given, f"{where}: an unsupervised task has no targets: no y, clean_y or classes")
        return
    must(data.y is not None, f"{where}: a {data.task} task needs targets, but y is None")
    y = np.asarray(data.y)
    must(len(data.x) == len(y), f"{where}: {len(data.x)} examples but {len(y)} targets")
    must(np.isfinite(y).all(), f"{where}: y must be finite")
    if data.clean_y is not None:
        must(np.shape(data.clean_y) == y.shape, f"{where}: clean_y must have y's shape")
    if data.task in REAL_TASKS:
        must(y.ndim in (1, 2), f"{where}: y must be (N,) or (N, K), got {y.shape}")
    else:
        _must_be_classes(data, y, where)


def _must_be_classes(data: Data, y: Array, where: str) -> None:
    must(y.ndim == 1, f"{where}: class numbers must be (N,), got {y.shape}")
    numbers = np.unique(y)
    must(
        (numbers == np.arange(len(numbers))).all(), f"{where}: class numbers must be 0 ... C-1, got {numbers}"
    )
    must(len(numbers) >= 2, f"{where}: a single class")
    must(
        (len(numbers) == 2) == (data.task == "binary"),
        f"{where}: {len(numbers)} classes in a {data.task} task",
    )
    if data.classes:
        must(
            len(data.classes) == len(numbers), f"{where}: {len(data.classes)} names of {len(numbers)} classes"
        )


def unshared(subject: Subject) -> int:
    """Two calls share no memory, so that writing to one trial's data does not change another's."""
    count = 0
    for variant in subject.variants():
        component = subject.build(variant)
        one, two = (component.make(np.random.default_rng(2)) for _ in range(2))
        must(not np.shares_memory(one.x, two.x), f"{variant.label}: two calls share x")
        if one.y is not None and two.y is not None:
            must(not np.shares_memory(one.y, two.y), f"{variant.label}: two calls share y")
        count += 1
    return count


def splits(subject: Subject) -> int:
    """Training, validation and test share no row, omit none, and training has every class."""
    count = 0
    for variant in subject.variants():
        data: Data = subject.build(variant).make(np.random.default_rng(3))
        labels = None if data.task in REAL_TASKS else np.asarray(data.y).astype(int)
        try:
            check_data(data)
            rows = split_rows(
                np.random.default_rng(4),
                len(data.x),
                Split(),
                labels=labels,
                test_index=data.test_index,
                valid_index=data.valid_index,
                groups=data.groups,
            )
        except DataError as error:
            raise AssertionError(f"{variant.label}: {error}") from None
        every = np.concatenate([rows.train, rows.valid, rows.test])
        must(len(np.unique(every)) == len(every), f"{variant.label}: a row is in two splits")
        lost = len(data.x) - len(every)
        must(not lost, f"{variant.label}: {counted(lost, 'rows')} {agreeing(lost, 'are')} in no split")
        if labels is not None:
            unseen = sorted(set(labels.tolist()) - set(labels[rows.train].tolist()))
            must(not unseen, f"{variant.label}: training has no example of class {unseen[:1]}")
        count += len(every)
    return count
