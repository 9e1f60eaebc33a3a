"""The split of a data set into training, validation and test.

The sizes depend only on the number of examples and, per class, on the sizes of the classes. So two seeds of
one data set give arrays of the same shape, and their trials can share a stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from anncore.contract.errors import DataError
from anncore.contract.kinds import Array
from anncore.contract.trial import Split


def spread_over(n: int, most: int) -> Array:
    """Return at most `most` of n rows in ascending order: the middles of equally long intervals.

    The first rows of a training split are not a random sample: in a stratified split they may hold a long run
    of one class.
    """
    count = min(n, most)
    return (2 * np.arange(count) + 1) * n // (2 * count)


class Indices(NamedTuple):
    """Row numbers of the three splits: disjoint, and together all rows."""

    train: Array
    valid: Array
    test: Array


def apportion(total: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Return whole shares of `total` in proportion to `weights`, none above its cap.

    Largest remainder (Hamilton's method) in whole numbers, so the result does not depend on the rounding of
    floats; of equal remainders the first wins. What a cap cuts off goes to the others, largest remainder
    first. Needs total <= sum(caps).
    """
    everything = sum(weights)
    shares = [min(total * weight // everything, cap) for weight, cap in zip(weights, caps, strict=True)]
    order = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % everything))
    while sum(shares) < total:
        for i in order:
            if sum(shares) < total and shares[i] < caps[i]:
                shares[i] += 1
    return shares


def split_rows(
    rng: np.random.Generator,
    n: int,
    split: Split,
    *,
    labels: Array | None = None,
    test_index: Array | None = None,
) -> Indices:
    """Divide n rows at random into training, validation and test.

    Validation gets round(valid · n) rows and test round(test · n), training the rest. With `labels`
    (class numbers, (n,)) each class is divided in these proportions, to within one row in training
    and test, and keeps at least one row in training. `test_index` fixes the test split instead.
    Raises DataError where a split would be empty, or training smaller than the number of classes.
    """
    order = rng.permutation(n)
    n_valid, n_test = round(split.valid * n), round(split.test * n)
    if test_index is not None:
        n_test = len(test_index)
        order = order[~np.isin(order, test_index)]
    _refuse_empty(n, n_valid, n_test, split)

    drawn = 0 if test_index is not None else n_test  # test rows still to be drawn
    if labels is None:
        place = np.repeat([2, 1, 0], [drawn, n_valid, len(order) - drawn - n_valid])
    else:
        place = _stratified(labels[order], n_valid, drawn)
    train, valid, test = (order[place == which] for which in range(3))
    return Indices(train, valid, test if test_index is None else np.asarray(test_index))


def _stratified(labels: Array, n_valid: int, n_test: int) -> Array:
    """Return 0, 1 or 2 (training, validation, test) for rows in random order with these labels."""
    counts = np.bincount(labels).tolist()
    n, present = len(labels), sum(count > 0 for count in counts)
    if n - n_valid - n_test < present:
        raise DataError(
            f"{n - n_valid - n_test} training examples cannot hold {present} classes; "
            "use more examples, or lower [split] valid and test"
        )
    # The held-out rows are divided first; otherwise both splits could round against the same class.
    held = apportion(n_valid + n_test, counts, [max(count - 1, 0) for count in counts])
    tests = apportion(n_test, counts, held)
    place = np.zeros(n, dtype=np.intp)
    for label, (out, last) in enumerate(zip(held, tests, strict=True)):
        rows = np.flatnonzero(labels == label)
        place[rows[:out]] = 1
        place[rows[:last]] = 2
    return place


def _refuse_empty(n: int, n_valid: int, n_test: int, split: Split) -> None:
    sizes = {"training": n - n_valid - n_test, "validation": n_valid, "test": n_test}
    for name, size in sizes.items():
        if size < 1:
            raise DataError(
                f"the {name} split of {n} examples would be empty with valid = {split.valid:g} and "
                f"test = {split.test:g}; use more examples or other shares in [split]"
            )
