"""scikit-learn's metrics: rows, and how they are run."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from oracles.rows import INPUTS, Row

sklearn = partial(Row, "scikit-learn")


def metric(name: str, inputs: str, theirs: Any, **values: Any) -> Row:
    """Return a row of a metric; theirs(sklearn.metrics, target, output)."""
    return sklearn("metric", name, theirs, values, inputs)


def _classes(p: Any) -> Any:
    return p.argmax(axis=1)


def _calibration_error(m: Any, y: Any, p: Any) -> float:
    """Put together the gaps of scikit-learn's calibration curve of "the prediction is right"."""
    from sklearn.calibration import calibration_curve

    bins = 15 if p.ndim == 1 else 4
    confidence = np.maximum(p, 1 - p) if p.ndim == 1 else p.max(axis=1)
    right = (p > 0.5) == y if p.ndim == 1 else _classes(p) == _classes(y)
    accuracy, mean = calibration_curve(right, confidence, n_bins=bins)
    counts = np.histogram(confidence, bins, (0, 1))[0]
    return float((np.abs(accuracy - mean) * counts[counts > 0]).sum() / len(confidence))


ROWS = [
    metric("accuracy", "binary", lambda m, y, p: m.accuracy_score(y, p > 0.5)),
    metric("accuracy", "multiclass", lambda m, y, p: m.accuracy_score(_classes(y), _classes(p))),
    metric("zero_one_error", "binary", lambda m, y, p: m.zero_one_loss(y, p > 0.5)),
    metric("zero_one_error", "multiclass", lambda m, y, p: m.zero_one_loss(_classes(y), _classes(p))),
    metric("balanced_accuracy", "binary", lambda m, y, p: m.balanced_accuracy_score(y, p > 0.5)),
    metric(
        "balanced_accuracy",
        "multiclass",
        lambda m, y, p: m.balanced_accuracy_score(_classes(y), _classes(p)),
    ),
    metric("f1", "binary", lambda m, y, p: m.f1_score(y, p > 0.5)),
    metric("f1", "multiclass", lambda m, y, p: m.f1_score(_classes(y), _classes(p), average="macro")),
    metric("roc_auc", "binary", lambda m, y, p: m.roc_auc_score(y, p)),
    metric("roc_auc", "multiclass", lambda m, y, p: m.roc_auc_score(_classes(y), p, multi_class="ovr")),
    metric(
        "roc_auc",
        "multiclass",
        lambda m, y, p: m.roc_auc_score(_classes(y), p, multi_class="ovo"),
        average="pairs",
    ),
    *(
        metric(
            "roc_auc",
            "multiclass",
            lambda m, y, p, average=average: m.roc_auc_score(y, p, average=average),
            average=average,
        )
        for average in ("weighted", "micro")
    ),
    *(
        metric(
            "roc_auc", "binary", lambda m, y, p, most=most: m.roc_auc_score(y, p, max_fpr=most), max_fpr=most
        )
        for most in (0.05, 0.3, 0.75)
    ),
    metric("average_precision", "binary", lambda m, y, p: m.average_precision_score(y, p)),
    metric("average_precision", "multiclass", lambda m, y, p: m.average_precision_score(_classes(y), p)),
    metric("mcc", "binary", lambda m, y, p: m.matthews_corrcoef(y, p > 0.5)),
    metric("mcc", "multiclass", lambda m, y, p: m.matthews_corrcoef(_classes(y), _classes(p))),
    metric("cohen_kappa", "binary", lambda m, y, p: m.cohen_kappa_score(y, p > 0.5)),
    *(
        metric(
            "cohen_kappa",
            "multiclass",
            lambda m, y, p, weights=weights: m.cohen_kappa_score(_classes(y), _classes(p), weights=weights),
            weights=weights or "none",
        )
        for weights in (None, "linear", "quadratic")
    ),
    metric("precision", "binary", lambda m, y, p: m.precision_score(y, p > 0.5)),
    metric(
        "precision",
        "multiclass",
        lambda m, y, p: m.precision_score(_classes(y), _classes(p), average="macro"),
    ),
    metric("recall", "binary", lambda m, y, p: m.recall_score(y, p > 0.5)),
    metric("recall", "multiclass", lambda m, y, p: m.recall_score(_classes(y), _classes(p), average="macro")),
    metric("top_k", "multiclass", lambda m, y, p: m.top_k_accuracy_score(_classes(y), p, k=2)),
    metric("top_k", "multiclass", lambda m, y, p: m.top_k_accuracy_score(_classes(y), p, k=1), k=1),
    metric("expected_calibration_error", "binary", _calibration_error),
    metric("expected_calibration_error", "multiclass", _calibration_error, bins=4),
    metric("log_loss", "binary", lambda m, y, p: m.log_loss(y, p)),
    metric("log_loss", "multiclass", lambda m, y, p: m.log_loss(_classes(y), p)),
    metric("brier", "binary", lambda m, y, p: m.brier_score_loss(y, p)),
    metric("brier", "multiclass", lambda m, y, p: m.brier_score_loss(_classes(y), p)),
    metric("rmse", "regression", lambda m, y, a: m.root_mean_squared_error(y, a)),
    metric("mae", "regression", lambda m, y, a: m.mean_absolute_error(y, a)),
    metric("mape", "regression", lambda m, y, a: m.mean_absolute_percentage_error(y, a)),
    metric("explained_variance", "regression", lambda m, y, a: m.explained_variance_score(y, a)),
    metric("pinball", "regression", lambda m, y, a: m.mean_pinball_loss(y, a, alpha=0.5)),
    metric("pinball", "regression", lambda m, y, a: m.mean_pinball_loss(y, a, alpha=0.9), level=0.9),
    metric("r2", "regression", lambda m, y, a: m.r2_score(y, a)),
    metric("quantization_error", "regression", lambda m, y, a: m.pairwise.paired_distances(y, a).mean()),
    metric("reconstruction_error", "regression", lambda m, y, a: m.root_mean_squared_error(y, a)),
    # Of losses it gives the value and no gradient.
    sklearn(
        "loss",
        "zero_one",
        lambda m, y, p: m.zero_one_loss(_classes(y), _classes(p)),
        inputs="multiclass",
    ),
    sklearn(
        "loss",
        "quantile",
        lambda m, y, a: m.mean_pinball_loss(y, a, alpha=0.8),
        {"level": 0.8},
        inputs="regression",
    ),
    sklearn("loss", "msle", lambda m, y, a: m.mean_squared_log_error(y, a), inputs="positive"),
    sklearn("loss", "mape", lambda m, y, a: m.mean_absolute_percentage_error(y, a), inputs="regression"),
    sklearn("loss", "hinge", lambda m, y, x: m.hinge_loss(y[:, 0], x[:, 0]), inputs="margin"),
    sklearn(
        "loss", "hinge", lambda m, y, x: m.hinge_loss(_classes(y), x), {"preset": "sklearn"}, inputs="margins"
    ),
]


def run(row: Row) -> Any:
    """Return scikit-learn's figure for a row."""
    from sklearn import metrics

    output, target = INPUTS[row.inputs]
    if row.inputs == "binary":
        output, target = output.ravel(), target.ravel()
    return row.theirs(metrics, target, output)
