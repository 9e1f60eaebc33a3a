from __future__ import annotations

import numpy as np
import pytest

from anncore import add_outliers, flip_labels


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_labels_flip_at_the_stated_rate(classes: int, share: float) -> None:
    n = 20_000
    y = rng().integers(0, classes, n)
    rate = np.mean(flip_labels(rng(1), y, share, classes) != y)
    assert abs(rate - share) < 5 * np.sqrt(share * (1 - share) / n)  # five binomial standard errors


def test_the_other_classes_are_equally_likely() -> None:
    n = 30_000
    noisy = flip_labels(rng(), np.full(n, 2), 0.5, 4)
    counts = np.bincount(noisy, minlength=4)
    for other in (0, 1, 3):
        assert abs(counts[other] - n / 6) < 5 * np.sqrt(n * 1 / 6 * 5 / 6)


def test_share_zero_changes_nothing_and_leaves_the_stream_where_any_share_does() -> None:
    y, a, b = np.arange(50) % 3, rng(), rng()
    assert np.array_equal(flip_labels(a, y, 0.0, 3), y)
    flip_labels(b, y, 0.9, 3)
    assert a.random() == b.random()


def test_a_larger_share_spoils_the_same_labels_and_more() -> None:
    y = np.arange(1000) % 5
    few, many = flip_labels(rng(), y, 0.1, 5), flip_labels(rng(), y, 0.4, 5)
    spoilt = few != y
    assert np.array_equal(many[spoilt], few[spoilt])
    assert (many != y).sum() > spoilt.sum()


def test_outliers_move_by_five_standard_deviations_either_way() -> None:
    y = np.array([-1.0, 1.0] * 5000)  # standard deviation 1
    moved = add_outliers(rng(), y, 0.2) - y
    assert set(np.round(moved, 12)) == {-5.0, 0.0, 5.0}
    assert abs(np.mean(moved != 0) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / len(y))
    assert abs(np.mean(moved[moved != 0] > 0) - 0.5) < 5 * 0.5 / np.sqrt(2000)


def test_targets_are_left_as_they_were() -> None:
    y = np.arange(10)
    y.flags.writeable = False
    flip_labels(rng(), y, 0.9, 10)
    add_outliers(rng(), y.astype(float), 0.9)
