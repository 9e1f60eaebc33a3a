"""The split of a data set into training, validation and test.

The sizes depend only on the number of examples and, per class, on the sizes of the classes. So two seeds of
one data set give arrays of the same shape, and their trials can share a stack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from anncore.contract.counts import counted
from anncore.contract.errors import DataError
from anncore.contract.kinds import Array
from anncore.contract.trial import Split

DRAWS = 100  # orders of groups that are tried for one which leaves each class an example in training


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
    valid_index: Array | None = None,
    groups: Array | None = None,
) -> Indices:
    """Divide n rows at random into training, validation and test.

    Validation gets round(valid · n) rows and test round(test · n), training the rest; a share of 0 leaves a
    split out. With `labels` (class numbers, (n,)) and `stratify` each class is divided in these proportions,
    to within one row in training and test, and keeps at least one row in training. `test_index` and
    `valid_index` fix these splits instead. With `groups`, (n,) whole numbers, all rows of a group go into one
    split: the sizes are then met as nearly as groups allow, and of `labels` only one example of each class in
    training is assured. Raises DataError where a split would be empty, training smaller than the number of
    classes, or a group divided by the fixed splits.
    """
    order = rng.permutation(n)
    fixed = {"test": test_index, "validation": valid_index}
    if groups is not None:
        _refuse_divided(groups, n, fixed)
    for index in fixed.values():
        if index is not None:
            order = order[~np.isin(order, index)]
    n_valid = round(split.valid * n) if valid_index is None else len(valid_index)
    n_test = round(split.test * n) if test_index is None else len(test_index)
    _refuse_empty(n, n_valid, n_test, split, fixed)

    drawn_valid = n_valid if valid_index is None else 0  # rows still to be drawn
    drawn_test = n_test if test_index is None else 0
    if groups is not None:
        place = _grouped(
            rng, groups[order], drawn_valid, drawn_test, None if labels is None else labels[order]
        )
    elif labels is None or not split.stratify:
        place = np.repeat([2, 1, 0], [drawn_test, drawn_valid, len(order) - drawn_test - drawn_valid])
    else:
        place = _stratified(labels[order], drawn_valid, drawn_test)
    train, valid, test = (order[place == which] for which in range(3))
    return Indices(
        train,
        valid if valid_index is None else np.asarray(valid_index, dtype=np.intp),
        test if test_index is None else np.asarray(test_index),
    )


def _refuse_divided(groups: Array, n: int, fixed: Mapping[str, Array | None]) -> None:
    """Refuse fixed splits that divide a group."""
    for name, index in fixed.items():
        if index is None or not len(index):
            continue
        inside = np.isin(np.arange(n), index)
        both = np.intersect1d(groups[inside], groups[~inside])
        if len(both):
            row = int(np.flatnonzero(inside & (groups == both[0]))[0])
            raise DataError(
                f"the fixed {name} split has some rows of a group and not the others (row {row + 1} is one "
                "of them); put all rows of a group into one split"
            )


def _grouped(
    rng: np.random.Generator, groups: Array, n_valid: int, n_test: int, labels: Array | None
) -> Array:
    """Return 0, 1 or 2 (training, validation, test) for rows of these groups.

    Groups come in random order, and each goes where the most rows are still missing. Of `DRAWS` orders the
    first that leaves an example of each class for training is taken.
    """
    names, owner, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    room = np.array([len(groups) - n_valid - n_test, n_valid, n_test])
    wanted = int((room > 0).sum())
    if len(names) < wanted:
        raise DataError(
            f"{counted(len(names), 'groups')} cannot fill {wanted} splits; use more groups, or leave a "
            "split out with [split] valid = 0 or test = 0"
        )
    place = np.zeros(len(groups), np.intp)
    for _ in range(DRAWS):
        place = _placed(rng.permutation(len(names)), sizes, room)[owner]
        if labels is None or len(np.unique(labels[place == 0])) == len(np.unique(labels)):
            break
    return place


def _placed(order: Array, sizes: Array, room: Array) -> Array:
    """Return the split of each group, by its number; none that has room stays without a group."""
    room, place = room.copy(), np.empty(len(order), np.intp)
    empty = {int(which) for which in np.flatnonzero(room > 0)}
    for done, group in enumerate(order):
        among = sorted(empty) if len(order) - done <= len(empty) else range(3)
        which = max(among, key=lambda which: room[which])
        place[group] = which
        room[which] -= sizes[group]
        empty.discard(which)
    return place


def _stratified(labels: Array, n_valid: int, n_test: int) -> Array:
    """Return 0, 1 or 2 (training, validation, test) for rows in random order with these labels."""
    counts = np.bincount(labels).tolist()
    n, present = len(labels), sum(count > 0 for count in counts)
    if n - n_valid - n_test < present:
        raise DataError(
            f"{counted(n - n_valid - n_test, 'training examples')} cannot hold {present} classes; "
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


def _refuse_empty(n: int, n_valid: int, n_test: int, split: Split, fixed: Mapping[str, Array | None]) -> None:
    sizes = {"training": n - n_valid - n_test, "validation": n_valid, "test": n_test}
    left_out = {"validation": split.valid == 0, "test": split.test == 0}
    for name, size in sizes.items():
        if fixed.get(name) is not None or left_out.get(name):
            continue  # as it was asked for
        if size < 1:
            raise DataError(
                f"the {name} split of {counted(n, 'examples')} would be empty with valid = {split.valid:g} "
                f"and test = {split.test:g}; use more examples or other shares in [split]"
            )
