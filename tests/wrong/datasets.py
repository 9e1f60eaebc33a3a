"""Data sets that are wrong on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from anncore import Data
from wrong.base import wrong

SHARED = np.random.default_rng(0).standard_normal((20, 2))


def shared(self: Any, rng: Any) -> Data:
    return Data(SHARED, np.arange(20) % 2, "binary")


def with_holes(self: Any, rng: Any) -> Data:
    return Data(np.full((20, 2), np.nan), np.arange(20) % 2, "binary")


def tested_twice(self: Any, rng: Any) -> Data:
    return Data(SHARED + 0, np.arange(20) % 2, "binary", test_index=np.array([1, 2, 2]))


def tested_beyond(self: Any, rng: Any) -> Data:
    return Data(SHARED + 0, np.arange(20) % 2, "binary", test_index=np.array([1, 20]))


def never_seen(self: Any, rng: Any) -> Data:
    return Data(SHARED + 0, np.arange(20) // 18, "binary", test_index=np.array([18, 19]))


def with_targets_all_the_same(self: Any, rng: Any) -> Data:
    return Data(SHARED + 0, np.arange(20.0), "unsupervised")


def without_targets(self: Any, rng: Any) -> Data:
    return Data(SHARED + 0, None, "regression")


DATASETS = [
    wrong("dataset", "data", "has no targets: no y", make=with_targets_all_the_same),
    wrong("dataset", "data", "a regression task needs targets, but y is None", make=without_targets),
    wrong("dataset", "data", "x must be finite", make=with_holes),
    wrong("dataset", "rows_unshared", "two calls share x", make=shared),
    wrong("dataset", "splits", "test_index must hold different row numbers", make=tested_twice),
    wrong("dataset", "splits", "test_index must lie in 0 ... 19", make=tested_beyond),
    wrong("dataset", "splits", "training has no example of class [1]", make=never_seen),
]
