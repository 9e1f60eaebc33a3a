"""scikit-learn's metrics: rows, and how they are run."""

from __future__ import annotations

from functools import partial
from typing import Any

from oracles.rows import INPUTS, Row

sklearn = partial(Row, "scikit-learn")


def metric(name: str, inputs: str, theirs: Any) -> Row:
    """Return a row of a metric; theirs(sklearn.metrics, target, output)."""
    return sklearn("metric", name, theirs, inputs=inputs)


def _classes(p: Any) -> Any:
    return p.argmax(axis=1)


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
    metric("average_precision", "binary", lambda m, y, p: m.average_precision_score(y, p)),
    metric("average_precision", "multiclass", lambda m, y, p: m.average_precision_score(_classes(y), p)),
    metric("log_loss", "binary", lambda m, y, p: m.log_loss(y, p)),
    metric("log_loss", "multiclass", lambda m, y, p: m.log_loss(_classes(y), p)),
    metric("brier", "binary", lambda m, y, p: m.brier_score_loss(y, p)),
    metric("brier", "multiclass", lambda m, y, p: m.brier_score_loss(_classes(y), p)),
    metric("rmse", "regression", lambda m, y, a: m.root_mean_squared_error(y, a)),
    metric("mae", "regression", lambda m, y, a: m.mean_absolute_error(y, a)),
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
