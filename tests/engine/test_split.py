from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from anncore.contract.errors import DataError
from anncore.contract.trial import Split
from anncore.engine.split import apportion, split_rows, spread_over


def rng(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def labels(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def test_apportion_by_largest_remainder() -> None:
    # Quotas 7.43, 3.78 and 13.79: whole parts 7, 3, 13; the two seats left go to .79 and .78.
    assert apportion(25, [5713, 2907, 10600], [25] * 3) == [7, 4, 14]


def test_apportion_gives_equal_remainders_to_the_first() -> None:
    assert apportion(1, [5, 5], [5, 5]) == [1, 0]


def test_apportion_hands_on_what_a_cap_cuts_off() -> None:
    assert apportion(6, [8, 1, 1], [3, 2, 2]) == [3, 2, 1]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any), st.floats(0, 1), st.data())
def test_apportion_is_exact_and_within_caps(weights: list[int], part: float, data: st.DataObject) -> None:
    caps = [data.draw(st.integers(0, 60)) for _ in weights]
    total = int(part * sum(caps))
    shares = apportion(total, weights, caps)
    assert sum(shares) == total
    assert all(0 <= share <= cap for share, cap in zip(shares, caps, strict=True))


splits = st.tuples(st.floats(0.05, 0.45), st.floats(0.05, 0.45))


@given(st.integers(25, 200), splits, st.integers(0, 2**32))
def test_splits_are_disjoint_cover_all_rows_and_have_exact_sizes(
    n: int, shares: tuple[float, float], seed: int
) -> None:
    rows = split_rows(rng(seed), n, Split(*shares))
    assert sorted(np.concatenate(rows)) == list(range(n))
    assert (len(rows.valid), len(rows.test)) == (round(shares[0] * n), round(shares[1] * n))


@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), splits, st.integers(0, 2**32))
def test_stratified_splits_keep_totals_and_shares(
    counts: list[int], shares: tuple[float, float], seed: int
) -> None:
    n, y = sum(counts), rng(seed).permutation(labels(*counts))
    n_valid, n_test = round(shares[0] * n), round(shares[1] * n)
    if min(n_valid, n_test) < 1 or n - n_valid - n_test < len(counts):
        with pytest.raises(DataError):
            split_rows(rng(seed), n, Split(*shares), labels=y)
        return
    indices = split_rows(rng(seed), n, Split(*shares), labels=y)
    assert sorted(np.concatenate(indices)) == list(range(n))
    assert (len(indices.valid), len(indices.test)) == (n_valid, n_test)
    trained = np.bincount(y[indices.train], minlength=len(counts))
    assert trained.min() >= 1
    if min(counts) >= 20:  # no class so small that the row it keeps in training upsets the shares
        for rows, size in ((indices.train, n - n_valid - n_test), (indices.test, n_test)):
            ideal = size * np.array(counts) / n
            assert np.abs(np.bincount(y[rows], minlength=len(counts)) - ideal).max() < 1 + 1e-9


def test_stratified_by_hand() -> None:
    # 60 and 40 rows, a tenth and a fifth held out: 6 and 4, 12 and 8.
    y = labels(60, 40)
    rows = split_rows(rng(), 100, Split(0.1, 0.2), labels=y)
    assert np.bincount(y[rows.valid]).tolist() == [6, 4]
    assert np.bincount(y[rows.test]).tolist() == [12, 8]


def test_validation_and_test_do_not_both_round_against_one_class() -> None:
    y = labels(5, 5)
    rows = split_rows(rng(), 10, Split(0.1, 0.1), labels=y)
    assert np.bincount(y[rows.train]).tolist() == [4, 4]


def test_a_class_of_one_goes_to_training() -> None:
    y = labels(50, 1)
    for seed in range(20):
        assert 50 in split_rows(rng(seed), 51, Split(), labels=y).train


@given(st.integers(1, 300), st.integers(1, 300))
def test_rows_are_spread_evenly(n: int, most: int) -> None:
    rows = spread_over(n, most).tolist()
    assert len(rows) == min(n, most)
    assert abs(rows[0] - (n - 1 - rows[-1])) <= 1
    gaps = {after - before for before, after in pairwise(rows)}
    assert not gaps or (min(gaps) >= 1 and max(gaps) - min(gaps) <= 1)


def test_spread_rows_see_the_classes_of_a_stratified_split_that_its_first_rows_do_not() -> None:
    labels = np.repeat([0, 1], [380, 20])
    split = Split(valid=0.25, test=0.25, stratify=True)
    seen = {"first": 0.0, "spread": 0.0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        train = split_rows(rng, len(labels), split, labels=labels).train
        seen["first"] += labels[train[:20]].mean() / 200
        seen["spread"] += labels[train[spread_over(len(train), 20)]].mean() / 200
    # 10 of 200 training rows are of the rare class: 5 %. A mean of 200 samples of 20 errs by 0.35 %.
    assert abs(seen["spread"] - 0.05) < 0.0105
    assert abs(seen["first"] - 0.05) > 0.0105


def test_rows_come_in_random_order_within_a_split() -> None:
    train = split_rows(rng(), 100, Split(), labels=labels(50, 50)).train
    assert not np.array_equal(train, np.sort(train))


def test_two_seeds_differ_and_one_repeats() -> None:
    a, b, c = (split_rows(rng(seed), 100, Split()).train for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("stratified", [False, True])
def test_a_given_test_split_is_kept(stratified: bool) -> None:
    fixed, y = np.array([9, 3, 4]), labels(10, 10)
    rows = split_rows(rng(), 20, Split(0.2, 0.5), labels=y if stratified else None, test_index=fixed)
    assert rows.test.tolist() == [9, 3, 4]
    assert (len(rows.valid), len(rows.train)) == (4, 13)
    assert sorted(np.concatenate(rows)) == list(range(20))


@pytest.mark.parametrize(
    ("shares", "which"),
    [((0.04, 0.2), "validation"), ((0.2, 0.01), "test"), ((0.5, 0.5), "training"), ((0.9, 0.9), "training")],
)
def test_an_empty_split_is_refused(shares: tuple[float, float], which: str) -> None:
    with pytest.raises(DataError, match=f"the {which} split of 10 examples would be empty"):
        split_rows(rng(), 10, Split(*shares))


@pytest.mark.parametrize(("shares", "sizes"), [((0.0, 0.2), (8, 0, 2)), ((0.2, 0.0), (8, 2, 0))])
@pytest.mark.parametrize("stratified", [False, True])
def test_a_share_of_zero_leaves_a_split_out(
    shares: tuple[float, float], sizes: tuple[int, ...], stratified: bool
) -> None:
    rows = split_rows(rng(), 10, Split(*shares), labels=labels(5, 5) if stratified else None)
    assert tuple(map(len, rows)) == sizes


def test_given_splits_are_kept() -> None:
    rows = split_rows(rng(), 10, Split(), test_index=np.array([1, 2]), valid_index=np.array([3]))
    assert (rows.test.tolist(), rows.valid.tolist()) == ([1, 2], [3])
    assert sorted(rows.train) == [0, 4, 5, 6, 7, 8, 9]
    drawn = split_rows(rng(), 10, Split(0.3), test_index=np.array([1, 2]))
    assert (len(drawn.valid), len(drawn.train)) == (3, 5)
    none = split_rows(rng(), 10, Split(), test_index=np.array([1]), valid_index=np.array([], int))
    assert tuple(map(len, none)) == (9, 0, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=3, max_size=30), st.integers(0, 5))
def test_no_group_is_divided_and_no_split_is_empty(sizes: list[int], seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    n = len(groups)
    if round(0.2 * n) < 1:
        return
    rows = split_rows(rng(seed), n, Split(), groups=groups)
    owners = [set(groups[part].tolist()) for part in rows]
    assert sum(map(len, owners)) == len(set().union(*owners))
    assert all(map(len, rows))
    assert sorted(np.concatenate(rows)) == list(range(n))
    # No split is further above its share than the largest group is.
    for part, share in zip(rows, (n - 2 * round(0.2 * n), round(0.2 * n), round(0.2 * n)), strict=True):
        assert len(part) <= share + max(sizes)


def test_groups_of_one_row_give_the_sizes_of_rows() -> None:
    rows = split_rows(rng(), 50, Split(), groups=np.arange(50))
    assert tuple(map(len, rows)) == (30, 10, 10)


def test_groups_leave_each_class_in_training_where_some_order_does() -> None:
    groups, y = np.repeat(np.arange(20), 3), np.zeros(60, int)
    y[:6] = 1  # two of twenty groups
    assert all(
        (y[split_rows(rng(seed), 60, Split(), labels=y, groups=groups).train] == 1).any()
        for seed in range(30)
    )


def test_groups_that_cannot_be_split_are_refused() -> None:
    with pytest.raises(
        DataError, match="2 groups cannot fill 3 splits; use more groups, or leave a split out"
    ):
        split_rows(rng(), 10, Split(), groups=np.repeat([0, 1], 5))
    assert tuple(map(len, split_rows(rng(), 10, Split(0.0, 0.5), groups=np.repeat([0, 1], 5)))) == (5, 0, 5)
    with pytest.raises(
        DataError, match=r"the fixed test split has some rows of a group and not the others \(row 1 "
    ):
        split_rows(rng(), 10, Split(), groups=np.repeat([0, 1], 5), test_index=np.array([0, 1]))


def test_fewer_training_rows_than_classes_are_refused() -> None:
    with pytest.raises(DataError, match="2 training examples cannot hold 4 classes"):
        split_rows(rng(), 8, Split(0.4, 0.4), labels=labels(2, 2, 2, 2))
