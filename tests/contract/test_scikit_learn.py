"""scikit-learn's data sets without its import: the same numbers, to the last bit."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import sklearn.datasets
from sklearn.datasets import _samples_generator as theirs

from anncore import load_registry
from anncore.contract import scikit_learn
from anncore.contract.scikit_learn import clusters_on_corners, draws_known

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")
DRAWN: list[tuple[str, dict[str, Any]]] = [
    ("friedman", {"problem": 1}),
    ("friedman", {"problem": 1, "n": 77, "features": 5}),
    ("friedman", {"problem": 2}),
    ("friedman", {"problem": 3}),
    ("linear_regression", {}),
    ("linear_regression", {"n": 33, "features": 12, "informative": 3}),
    ("linear_regression", {"features": 1, "informative": 1}),
    ("classification", {}),
    ("classification", {"n": 601, "classes": 4, "clusters": 3, "informative": 8, "redundant": 0}),
    ("classification", {"n": 50, "features": 30, "informative": 30, "redundant": 0}),
    ("classification", {"features": 2, "informative": 2, "redundant": 0, "separation": 0.7}),
    ("imbalanced", {}),
    ("imbalanced", {"n": 333, "ratio": 7.0, "classes": 5, "features": 9}),
]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_data_set_is_what_scikit_learn_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls, loaded = load_registry().get("dataset", name).cls, getattr(sklearn.datasets, f"load_{name}")()
    ours = cls().make(np.random.default_rng(0))
    assert ours.x.tobytes() == loaded.data.tobytes()
    assert ours.x.strides == loaded.data.strides
    assert ours.y.tobytes() == loaded.target.tobytes()
    assert list(ours.features) == list(map(str, loaded.feature_names))
    assert list(ours.classes) == list(map(str, loaded.get("target_names", ())))
    # Another file than the known one is left to scikit-learn.
    monkeypatch.setattr(hashlib, "sha256", hashlib.sha512)
    theirs = cls().make(np.random.default_rng(0))
    assert (theirs.x.tobytes(), theirs.y.tobytes()) == (ours.x.tobytes(), ours.y.tobytes())
    assert (theirs.features, theirs.classes) == (ours.features, ours.classes)


@pytest.mark.parametrize(("name", "hypers"), DRAWN, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_what_is_drawn_is_what_scikit_learn_draws(name: str, hypers: dict[str, Any], seed: int) -> None:
    assert draws_known(), "compare the draws with the installed version, and add it to COMPARED"
    made = load_registry().get("dataset", name).cls(**hypers)
    sizes = [made._sizes()] if name == "imbalanced" else []
    ours, drawn = made._drawn(seed), made._by_scikit_learn(seed, *sizes)
    for mine, its in zip(ours, drawn, strict=True):
        assert (mine.shape, mine.dtype) == (its.shape, its.dtype)
        assert mine.tobytes() == its.tobytes()


@pytest.mark.parametrize(
    ("count", "bits"), [(1, 1), (2, 1), (4, 2), (7, 3), (2, 10), (5, 30), (31, 5), (4, 8), (127, 7), (128, 7)]
)
def test_corners_are_those_of_scikit_learn(count: int, bits: int) -> None:
    for seed in range(20):
        ours, its = np.random.RandomState(seed), np.random.RandomState(seed)
        mine = scikit_learn._corners(count, bits, ours)
        np.testing.assert_array_equal(mine, theirs._generate_hypercube(count, bits, its))
        assert ours.randint(2**31) == its.randint(2**31)  # and both have drawn equally much


def test_an_unknown_version_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scikit_learn, "COMPARED", ())
    draws_known.cache_clear()
    try:
        assert not draws_known()
        assert clusters_on_corners(0, [5, 5], classes=2, features=2, informative=2) is None
        for name in ("friedman", "linear_regression", "classification", "imbalanced"):
            cls = load_registry().get("dataset", name).cls
            by_itself = cls().make(np.random.default_rng(0)).x
            monkeypatch.setattr(scikit_learn, "COMPARED", (".".join(sklearn.__version__.split(".")[:2]),))
            draws_known.cache_clear()
            assert cls().make(np.random.default_rng(0)).x.tobytes() == by_itself.tobytes()
            monkeypatch.setattr(scikit_learn, "COMPARED", ())
            draws_known.cache_clear()
    finally:
        draws_known.cache_clear()


def test_the_data_of_the_core_suite_are_made_without_scikit_learn() -> None:
    code = (
        "import sys, numpy as np\n"
        "from anncore import load_registry\n"
        "registry = load_registry()\n"
        "sections = registry.get('suite', 'core').cls().sections()['dataset']\n"
        "for label, keys in sections.items():\n"
        "    hypers = dict(keys)\n"
        "    registry.get('dataset', hypers.pop('use', label)).cls(**hypers).make(np.random.default_rng(0))\n"
        "assert len(sections) > 20\n"
        "print(sorted({'sklearn', 'pandas', 'scipy.stats'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
