from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from shipped import REGISTRY

from anncore import build
from anncore.testing import Check, parametrize_with_checks


@parametrize_with_checks(REGISTRY.of_kind("metric"))
def test_conformance(check: Check) -> None:
    check()


def score(name: str, output: Any, target: Any) -> np.ndarray:
    return REGISTRY.get("metric", name).cls().score(np.asarray(output, float), np.asarray(target, float))


def one(name: str, output: Any, target: Any) -> float:
    return float(
        score(name, [np.reshape(output, (len(output), -1))], [np.reshape(target, (len(target), -1))])[0]
    )


def calibration_error(y: np.ndarray, p: np.ndarray) -> float:
    """Sum |right - confidence| bin by bin, as its definition has it."""
    confidence = np.maximum(p, 1 - p) if p.ndim == 1 else p.max(axis=1)
    right = (p > 0.5) == y if p.ndim == 1 else p.argmax(axis=1) == y
    gaps = right - confidence
    edges = [b / 15 for b in range(16)]
    bins = [(confidence > low) & (confidence <= high) for low, high in pairwise(edges)]
    return sum(abs(gaps[inside].sum()) for inside in bins) / len(y)


BINARY = {
    "accuracy": lambda y, p: sk.accuracy_score(y, p > 0.5),
    "zero_one_error": lambda y, p: sk.zero_one_loss(y, p > 0.5),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p > 0.5),
    "f1": lambda y, p: sk.f1_score(y, p > 0.5, zero_division=0),
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "mcc": lambda y, p: sk.matthews_corrcoef(y, p > 0.5),
    "cohen_kappa": lambda y, p: sk.cohen_kappa_score(y, p > 0.5),
    "precision": lambda y, p: sk.precision_score(y, p > 0.5, zero_division=0),
    "recall": lambda y, p: sk.recall_score(y, p > 0.5, zero_division=0),
    "expected_calibration_error": calibration_error,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
}
MULTICLASS = {
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(axis=1)),
    "zero_one_error": lambda y, p: sk.zero_one_loss(y, p.argmax(axis=1)),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(axis=1)),
    "f1": lambda y, p: sk.f1_score(y, p.argmax(axis=1), average="macro", zero_division=0),
    "roc_auc": lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr"),
    "average_precision": sk.average_precision_score,
    "mcc": lambda y, p: sk.matthews_corrcoef(y, p.argmax(axis=1)),
    "cohen_kappa": lambda y, p: sk.cohen_kappa_score(y, p.argmax(axis=1)),
    "precision": lambda y, p: sk.precision_score(y, p.argmax(axis=1), average="macro", zero_division=0),
    "recall": lambda y, p: sk.recall_score(y, p.argmax(axis=1), average="macro", zero_division=0),
    # Of equal scores scikit-learn takes the last class first, and we the first one.
    "top_k": lambda y, p: sk.top_k_accuracy_score(y, p - 1e-9 * np.arange(4), k=2),
    "expected_calibration_error": calibration_error,
    "log_loss": sk.log_loss,
    "brier": lambda y, p: sk.brier_score_loss(y, p),
}
UNSUPERVISED = {
    "reconstruction_error": lambda y, p: sk.root_mean_squared_error(y, p, multioutput="uniform_average"),
    "quantization_error": lambda y, p: np.linalg.norm(y - p, axis=1).mean(),
    "r2": sk.r2_score,
    "explained_variance": sk.explained_variance_score,
}
REGRESSION = {
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
    "mape": sk.mean_absolute_percentage_error,
    "explained_variance": sk.explained_variance_score,
    "pinball": sk.mean_pinball_loss,
}


def test_every_metric_is_compared() -> None:
    for task, compared in (
        ("binary", BINARY),
        ("multiclass", MULTICLASS),
        ("regression", REGRESSION),
        ("unsupervised", UNSUPERVISED),
    ):
        own = [component for component in REGISTRY.metrics(task) if component.dist == "annx"]
        scoring = [c.name for c in own if not (c.cls.watches or c.cls.from_network)]
        assert sorted(compared) == sorted(scoring)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("digits", [1, 8])  # with ties, without
def test_binary_against_scikit_learn(name: str, digits: int) -> None:
    rng = np.random.default_rng(0)
    p, y = rng.random((5, 40)).round(digits), rng.integers(2, size=(5, 40))
    expected = [BINARY[name](y[i], p[i]) for i in range(5)]
    np.testing.assert_allclose(score(name, p[..., None], y[..., None]), expected, rtol=1e-12)


@pytest.mark.parametrize("name", MULTICLASS)
def test_multiclass_against_scikit_learn(name: str) -> None:
    rng = np.random.default_rng(1)
    p, y = rng.integers(1, 6, size=(5, 40, 4)).astype(float), rng.integers(4, size=(5, 40))
    p /= p.sum(axis=-1, keepdims=True)
    expected = [MULTICLASS[name](y[i], p[i]) for i in range(5)]
    np.testing.assert_allclose(score(name, p, np.eye(4)[y]), expected, rtol=1e-12)


@pytest.mark.parametrize("name", UNSUPERVISED)
def test_reconstruction_against_scikit_learn_and_numpy(name: str) -> None:
    rng = np.random.default_rng(2)
    p, y = rng.normal(size=(5, 40, 3)), rng.normal(size=(5, 40, 3))
    expected = [UNSUPERVISED[name](y[i], p[i]) for i in range(5)]
    np.testing.assert_allclose(score(name, p, y), expected, rtol=1e-12)


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("width", [1, 3])
def test_regression_against_scikit_learn(name: str, width: int) -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(scale=[1, 10, 100][:width], size=(5, 30, width))
    p = y + rng.normal(size=y.shape)
    expected = [REGRESSION[name](y[i], p[i]) for i in range(5)]
    np.testing.assert_allclose(score(name, p, y), expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.parametrize(
    "name",
    ["accuracy", "zero_one_error", "balanced_accuracy", "f1", "precision", "recall", "mcc", "cohen_kappa"],
)
def test_a_class_without_examples_is_treated_as_scikit_learn_does(name: str) -> None:
    p = np.array([[0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    y = np.array([0, 1, 0, 1])  # class 2 is predicted, but never there
    assert one(name, p, np.eye(3)[y]) == pytest.approx(MULTICLASS[name](y, p), rel=1e-14)
    assert one(name, p[:3], np.eye(3)[y[:3]]) == pytest.approx(MULTICLASS[name](y[:3], p[:3]), rel=1e-14)


def test_one_half_counts_as_class_0() -> None:
    assert one("accuracy", [0.5, 0.5, 0.50001], [0, 1, 1]) == pytest.approx(2 / 3)


def test_roc_auc_counts_a_tie_as_half_a_win() -> None:
    # Pairs (positive, negative): (.8, .3) won, (.8, .8) tied, (.5, .3) won, (.5, .8) lost
    assert one("roc_auc", [0.8, 0.5, 0.3, 0.8], [1, 1, 0, 0]) == pytest.approx(2.5 / 4)


def test_roc_auc_is_nan_where_a_class_is_missing() -> None:
    assert math.isnan(one("roc_auc", [0.8, 0.5], [1, 1]))
    assert math.isnan(one("roc_auc", [[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]], [[1, 0, 0], [0, 1, 0]]))


def test_f1_of_a_class_neither_there_nor_predicted_is_0() -> None:
    assert one("f1", [0.1, 0.2], [0, 0]) == 0


def test_log_loss_of_a_certain_error_is_finite_by_its_dtype() -> None:
    cls = REGISTRY.get("metric", "log_loss").cls
    for dtype, expected in (("float32", 15.942385), ("float64", 36.043653)):
        scores = cls().score(np.zeros((1, 1, 1), dtype), np.ones((1, 1, 1), dtype))
        assert scores[0] == pytest.approx(expected, rel=1e-7)


def test_brier_of_several_classes_reaches_2() -> None:
    assert one("brier", [[1, 0, 0]], [[0, 1, 0]]) == 2
    assert one("brier", [1.0], [0]) == 1


def test_r2_is_nan_where_the_target_does_not_vary() -> None:
    assert math.isnan(one("r2", [1.0, 2.0], [3, 3]))


def test_the_headline_metrics() -> None:
    names = [REGISTRY.primary_metric(task).name for task in ("binary", "multiclass", "regression")]
    assert names == ["accuracy", "accuracy", "rmse"]


# Constant, single-class and single-row input, by hand. P: three predictions, Y: their targets.

NAN = math.nan
HALF = [0.5, 0.5, 0.5]
ONE_HOT = [[1, 0, 0], [1, 0, 0], [1, 0, 0]]  # three examples of class 0 of three
EVEN = [[1 / 3, 1 / 3, 1 / 3]] * 3
MIXED = [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]]  # predicts 0, 1, 0
EDGES: dict[str, dict[str, tuple[Any, Any, float]]] = {
    "accuracy": {
        "single row, right": ([0.75], [1], 1),
        "single row, wrong": ([0.25], [1], 0),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 2 / 3),
        "constant predictions": (HALF, [0, 1, 1], 1 / 3),
        "single class of several": (MIXED, ONE_HOT, 2 / 3),
        "constant predictions of several": (EVEN, ONE_HOT, 1),  # the first of equal ones
        "NaN": ([NAN, 0.75], [1, 1], NAN),
    },
    "zero_one_error": {
        "single row, right": ([0.75], [1], 0),
        "single row, wrong": ([0.25], [1], 1),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 1 / 3),
        "constant predictions": (HALF, [0, 1, 1], 2 / 3),
        "single class of several": (MIXED, ONE_HOT, 1 / 3),
        "constant predictions of several": (EVEN, ONE_HOT, 0),
        "NaN": ([NAN, 0.75], [1, 1], NAN),
    },
    "balanced_accuracy": {
        "single row, right": ([0.75], [1], 1),
        "single row, wrong": ([0.25], [1], 0),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 2 / 3),
        "constant predictions": (HALF, [0, 1, 1], 1 / 2),
        "single class of several": (MIXED, ONE_HOT, 2 / 3),
        "constant predictions of several": (EVEN, ONE_HOT, 1),
        "NaN": ([NAN, 0.75], [1, 1], NAN),
    },
    "f1": {
        "single row, right": ([0.75], [1], 1),
        "single row, wrong": ([0.25], [1], 0),
        "single row of class 0": ([0.25], [0], 0),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 4 / 5),  # TP 2, FN 1: 4 / (4 + 1)
        "constant predictions": (HALF, [0, 1, 1], 0),
        "single class of several": (MIXED, ONE_HOT, 2 / 5),  # class 0: 4/5, class 1: 0
        "constant predictions of several": (EVEN, ONE_HOT, 1),
        "NaN": ([NAN, 0.75], [1, 1], NAN),
    },
    "roc_auc": {
        "single row": ([0.75], [1], NAN),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], NAN),
        "constant predictions": (HALF, [0, 1, 1], 1 / 2),
        "predictions that differ by rounding alone are not equal": ([0.3, 0.1 + 0.2], [0, 1], 1),
        "single class of several": (MIXED, ONE_HOT, NAN),
        "NaN": ([NAN, 0.75], [0, 1], NAN),
    },
    "average_precision": {
        "single row": ([0.75], [1], 1),
        "single row of class 0": ([0.75], [0], NAN),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 1),
        "constant predictions": (HALF, [0, 1, 1], 2 / 3),
        # Of the positives the first shares its score with a negative: 1/2, and then 2 of 3
        "ties enter together": ([0.75, 0.75, 0.5, 0.25], [1, 0, 1, 0], (1 / 2 + 2 / 3) / 2),
        "predictions that differ by rounding alone are not equal": ([0.3, 0.1 + 0.2], [0, 1], 1),
        "zeros of both signs are equal": ([0.0, -0.0], [0, 1], 1 / 2),
        "single class of several": (MIXED, ONE_HOT, NAN),
        "NaN": ([NAN, 0.75], [0, 1], NAN),
    },
    "log_loss": {
        "single row": ([0.25], [1], math.log(4)),
        "single class": ([0.25, 0.25, 0.25], [1, 1, 1], math.log(4)),
        "constant predictions": (HALF, [0, 1, 1], math.log(2)),
        "certain and right": ([1.0, 0.0], [1, 0], 2.0**-52),  # -log(1 - ε) = ε
        "single class of several": (MIXED, ONE_HOT, math.log(2 * 4 * 2) / 3),
        "NaN": ([NAN, 0.75], [1, 1], NAN),
    },
    "brier": {
        "single row": ([0.25], [1], 0.5625),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 0.6875 / 3),
        "constant predictions": (HALF, [0, 1, 1], 0.25),
        "certain and right": ([1.0, 0.0], [1, 0], 0),
        "single class of several": (MIXED, ONE_HOT, (0.375 + 0.875 + 0.375) / 3),
        "NaN": ([NAN, 0.75], [1, 1], NAN),
    },
    "mcc": {
        "single row": ([0.75], [1], 0),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 0),
        "constant predictions": (HALF, [0, 1, 1], 0),
        "all right": ([0.75, 0.25, 0.75], [1, 0, 1], 1),
        "all wrong": ([0.25, 0.75, 0.25], [1, 0, 1], -1),
        # TP 2, TN 1, FP 1, FN 0: 2 / √(3 · 2 · 2 · 1)
        "three of four": ([0.75, 0.75, 0.75, 0.25], [1, 1, 0, 0], 2 / math.sqrt(12)),
        "single class of several": (MIXED, ONE_HOT, 0),
        "NaN": ([NAN, 0.75], [0, 1], NAN),
    },
    "cohen_kappa": {
        "single row": ([0.75], [1], NAN),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 0),
        "single class, always right": ([0.75, 0.75, 0.75], [1, 1, 1], NAN),
        "constant predictions": (HALF, [0, 1, 1], 0),
        "all right": ([0.75, 0.25, 0.75], [1, 0, 1], 1),
        "all wrong": ([0.25, 0.75, 0.25, 0.75], [1, 0, 1, 0], -1),
        "three of four": ([0.75, 0.75, 0.75, 0.25], [1, 1, 0, 0], 0.5),  # p_o 3/4, p_e 1/2
        "single class of several": (MIXED, ONE_HOT, 0),
        "NaN": ([NAN, 0.75], [0, 1], NAN),
    },
    "precision": {
        "single row": ([0.75], [1], 1),
        "none predicted": ([0.25, 0.25], [0, 1], 0),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 1),
        "constant predictions": (HALF, [0, 1, 1], 0),
        "two of three": ([0.75, 0.75, 0.75, 0.25], [1, 1, 0, 1], 2 / 3),
        "single class of several": (MIXED, ONE_HOT, 1 / 2),  # class 0: 1, class 1: 0
        "NaN": ([NAN, 0.75], [0, 1], NAN),
    },
    "recall": {
        "single row": ([0.75], [1], 1),
        "none there": ([0.25, 0.75], [0, 0], 0),
        "single class": ([0.75, 0.25, 0.75], [1, 1, 1], 2 / 3),
        "constant predictions": (HALF, [0, 1, 1], 0),
        "single class of several": (MIXED, ONE_HOT, 1 / 3),  # class 0: 2/3, class 1: 0
        "NaN": ([NAN, 0.75], [0, 1], NAN),
    },
    "top_k": {
        "single row, first": ([[0.5, 0.3, 0.2]], [[1, 0, 0]], 1),
        "single row, second": ([[0.5, 0.3, 0.2]], [[0, 1, 0]], 1),
        "single row, third": ([[0.5, 0.3, 0.2]], [[0, 0, 1]], 0),
        "equal ones come in the order of the classes": (
            [[0.5, 0.25, 0.25]] * 2,
            [[0, 1, 0], [0, 0, 1]],
            1 / 2,
        ),
        "constant predictions": (EVEN, [[1, 0, 0], [0, 1, 0], [0, 0, 1]], 2 / 3),
        "two classes": ([[0.75, 0.25]], [[0, 1]], 1),
        "NaN": ([[NAN, 0.5, 0.5]], [[0, 1, 0]], NAN),
    },
    "expected_calibration_error": {
        "single row, right": ([0.75], [1], 0.25),
        "single row, wrong": ([0.75], [0], 0.75),
        "of class 0": ([0.25], [0], 0.25),
        "constant predictions": (HALF, [0, 1, 1], abs(1 / 3 - 1 / 2)),  # one half means class 0
        "calibrated": ([0.75, 0.75, 0.75, 0.25], [1, 1, 1, 1], 0),
        "certain and right": ([1.0, 0.0], [1, 0], 0),
        "certain and wrong": ([1.0, 0.0], [0, 1], 1),
        "two bins": ([1.0, 1.0, 0.75, 0.75], [1, 0, 1, 1], (1 + 0.5) / 4),
        "single class of several": (MIXED, ONE_HOT, 0.5 / 3),  # two right and one wrong, all at 1/2
        "NaN": ([NAN, 0.75], [0, 1], NAN),
    },
    "mape": {
        "single row": ([3.0], [5], 0.4),
        "constant target": ([0.1] * 7, [0.1] * 7, 0),
        "of both signs": ([-3.0, 3], [-5, -4], (0.4 + 1.75) / 2),
        "a target of 0, hit": ([0.0, 3.0], [0, 4], 0.125),
        "a target of 0, missed": ([1.0], [0], 2.0**52),
        "huge": ([3e300], [4e300], 0.25),
        "one infinite": ([math.inf, 0], [1, 1], math.inf),
        "NaN": ([NAN, 1], [1, 1], NAN),
    },
    "explained_variance": {
        "single row": ([3.0], [5], NAN),
        "constant target, hit": ([0.1] * 41, [0.1] * 41, NAN),
        "constant beside varying": ([[1, 0.1], [2, 0.1]], [[1, 0.1], [2, 0.1]], NAN),
        "a constant too much": ([6.0, 7.0, 9.0], [1, 2, 4], 1),
        "constant predictions elsewhere": ([1.0] * 4, [1, -1, 1, -1], 0),
        "huge": ([1e200, 2e200, 3e200, 2e200], [1e200, 2e200, 3e200, 4e200], 0.4),  # Var e 3/4, Var y 5/4
        "tiny": ([1e-200, 2e-200, 3e-200, 2e-200], [1e-200, 2e-200, 3e-200, 4e-200], 0.4),
        "NaN": ([NAN, 1], [1, 2], NAN),
    },
    "pinball": {
        "single row": ([3.0], [5], 1),
        "constant target": ([0.1] * 7, [0.1] * 7, 0),
        "huge": ([3e300, 0], [0, 4e300], 1.75e300),
        "one infinite": ([math.inf, 0], [0, 0], math.inf),
        "NaN": ([NAN, 1], [1, 1], NAN),
    },
    "rmse": {
        "single row": ([3.0], [5], 2),
        "constant target": ([0.1] * 7, [0.1] * 7, 0),
        "constant target and error": ([0.3] * 7, [0.2] * 7, 0.3 - 0.2),
        "constant predictions": ([0.0] * 4, [1, -1, 1, -1], 1),
        "huge": ([3e200, 0], [0, 4e200], math.sqrt(12.5) * 1e200),
        "tiny": ([3e-200, 0], [0, 4e-200], math.sqrt(12.5) * 1e-200),
        "huge beside ordinary": ([[3e200, 1]], [[0, 3]], 1.5e200),
        "one infinite": ([math.inf, 0], [0, 0], math.inf),
        "NaN": ([NAN, 1], [1, 1], NAN),
    },
    "reconstruction_error": {
        "single row": ([[3.0, 1.0]], [[5, 2]], 1.5),
        "one feature": ([0.0] * 4, [1, -1, 1, -1], 1),
        "huge beside ordinary": ([[3e200, 1]], [[0, 3]], 1.5e200),
        "tiny": ([3e-200, 0], [0, 4e-200], math.sqrt(12.5) * 1e-200),
        "one infinite": ([math.inf, 0], [0, 0], math.inf),
        "NaN": ([NAN, 1], [1, 1], NAN),
    },
    "quantization_error": {
        "single row": ([[3.0, 4.0]], [[0, 0]], 5),
        "two rows": ([[3.0, 4.0], [1, 1]], [[0, 0], [1, 1]], 2.5),
        "one feature": ([0.0] * 4, [1, -1, 1, -1], 1),
        "huge beside ordinary": ([[3e200, 4e200], [1, 1]], [[0, 0], [1, 2]], 2.5e200),
        "tiny": ([[3e-200, 4e-200]], [[0, 0]], 5e-200),
        "one infinite": ([math.inf, 0], [0, 0], math.inf),
        "NaN": ([NAN, 1], [1, 1], NAN),
    },
    "mae": {
        "single row": ([3.0], [5], 2),
        "constant target": ([0.1] * 7, [0.1] * 7, 0),
        "constant predictions": ([0.0] * 4, [1, -1, 1, -1], 1),
        "huge": ([3e300, 0], [0, 4e300], 3.5e300),
        "tiny": ([3e-300, 0], [0, 4e-300], 3.5e-300),
        "one infinite": ([math.inf, 0], [0, 0], math.inf),
        "NaN": ([NAN, 1], [1, 1], NAN),
    },
    "r2": {
        "single row": ([3.0], [5], NAN),
        "constant target, hit": ([0.1] * 41, [0.1] * 41, NAN),  # the mean of 41 times 0.1 is not 0.1
        "constant target, missed": ([0.3] * 41, [0.1] * 41, NAN),
        "constant but for rounding": ([0.3] * 41, [0.1] * 40 + [math.nextafter(0.1, 1)], NAN),
        "small, but no rounding": ([0.1, 0.1 + 1e-12], [0.1, 0.1 + 1e-12], 1),
        "constant target of zeros": ([0.3] * 3, [0.0] * 3, NAN),
        "constant beside varying": ([[1, 0.1], [2, 0.1]], [[1, 0.1], [2, 0.1]], NAN),
        "constant predictions at the mean": ([0.0] * 4, [1, -1, 1, -1], 0),
        "constant predictions elsewhere": ([1.0] * 4, [1, -1, 1, -1], -1),
        "huge": ([1e200, 2e200, 4e200], [1e200, 2e200, 3e200], 0.5),
        "tiny": ([1e-200, 2e-200, 4e-200], [1e-200, 2e-200, 3e-200], 0.5),
        "far off": ([1e200, 0.0], [1, -1], -math.inf),
        "NaN": ([NAN, 1], [1, 2], NAN),
    },
}


def test_edges_are_worked_for_every_metric_of_predictions() -> None:
    own = [component for component in REGISTRY.of_kind("metric") if component.dist == "annx"]
    scoring = [c for c in own if not (c.cls.watches or c.cls.from_network)]
    assert sorted(EDGES) == sorted(component.name for component in scoring)


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name, cases in EDGES.items() for case in cases], ids=str
)
def test_at_the_edges_the_value_is_the_one_worked_by_hand(name: str, case: str) -> None:
    output, target, expected = EDGES[name][case]
    rows = [np.asarray(values, float).reshape(len(values), -1) for values in (output, target)]
    with np.errstate(over="ignore", invalid="ignore"):  # as in training
        alone, stacked = one(name, output, target), score(name, *([values] * 2 for values in rows))
    assert alone == pytest.approx(expected, rel=1e-14, abs=0, nan_ok=True)
    assert np.array_equal(stacked, [alone] * 2, equal_nan=True)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e-300, 1e300, 123456.789])
@pytest.mark.parametrize("rows", [1, 2, 3, 7, 41, 1000])
def test_r2_is_nan_for_every_constant_however_its_mean_is_rounded(constant: float, rows: int) -> None:
    for prediction in (constant, constant * 1.5, 0.0):
        assert math.isnan(one("r2", [prediction] * rows, [constant] * rows))


def test_what_does_not_overflow_has_the_digits_that_the_formula_has() -> None:
    rng = np.random.default_rng(7)
    y = rng.normal(3, 100, size=(50, 30, 2))
    p = y + rng.normal(size=y.shape) * np.logspace(-8, 8, 50)[:, None, None]
    error, spread = p - y, y - y.mean(axis=1, keepdims=True)
    assert np.array_equal(score("rmse", p, y), np.sqrt((error * error).mean(axis=1)).mean(axis=1))
    assert np.array_equal(
        score("r2", p, y), (1 - (error * error).sum(axis=1) / (spread * spread).sum(axis=1)).mean(axis=1)
    )


def valued(name: str, output: Any, target: Any, **values: Any) -> float:
    cls: Any = REGISTRY.get("metric", name).cls
    rows = [np.asarray(array, float).reshape(1, len(array), -1) for array in (output, target)]
    return float(build(cls, **values).score(*rows)[0])


def test_a_confidence_at_the_edge_of_two_bins_belongs_to_the_lower_one() -> None:
    # 0.55 · 20 is a little above 11, so that its product with the number of bins would be rounded wrong.
    for dtype in ("float32", "float64"):
        p = np.array([[[0.55], [0.53]]], dtype)
        error = build(REGISTRY.get("metric", "expected_calibration_error").cls, bins=20).score(
            p, np.ones_like(p)
        )
        assert error[0] == pytest.approx((0.45 + 0.47) / 2, rel=1e-7)  # both in (0.5, 0.55], both right
        wrong = build(REGISTRY.get("metric", "expected_calibration_error").cls, bins=20).score(
            p, np.array([[[1], [0]]], dtype)
        )
        assert wrong[0] == pytest.approx(abs(0.45 - 0.53) / 2, rel=1e-6)


def test_with_one_bin_the_calibration_error_is_the_gap_between_accuracy_and_mean_confidence() -> None:
    output, target = [0.9, 0.8, 0.3, 0.6], [1, 0, 0, 0]
    assert valued("expected_calibration_error", output, target, bins=1) == pytest.approx(
        abs(2 / 4 - (0.9 + 0.8 + 0.7 + 0.6) / 4), rel=1e-14
    )


def test_top_1_is_the_accuracy_and_beyond_the_classes_every_k_is_1() -> None:
    rng = np.random.default_rng(3)
    p, y = rng.integers(1, 5, size=(50, 4)).astype(float), np.eye(4)[rng.integers(4, size=50)]
    assert valued("top_k", p, y, k=1) == one("accuracy", p, y)
    assert [valued("top_k", p, y, k=k) for k in (4, 5, 1000)] == [1, 1, 1]


def test_pinball_at_one_half_is_half_the_mean_absolute_error_and_elsewhere_uneven() -> None:
    output, target = [1.0, 5.0], [2, 3]
    assert valued("pinball", output, target) == one("mae", output, target) / 2
    assert valued("pinball", output, target, level=0.9) == pytest.approx((0.9 * 1 + 0.1 * 2) / 2, rel=1e-14)


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_with_two_classes_every_weight_gives_the_same_kappa(weights: str) -> None:
    rng = np.random.default_rng(4)
    p, y = rng.random(60), rng.integers(2, size=60)
    assert valued("cohen_kappa", p, y, weights=weights) == one("cohen_kappa", p, y)
