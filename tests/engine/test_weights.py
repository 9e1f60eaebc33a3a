"""Weights of examples: a weight of two is a row that stands there twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sameness import as_bytes
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error
from trial_factory import make_part, make_trial

from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.trial import Split, Trial
from anncore.engine.training import train_stack
from anncore.engine.weighting import is_mean, loss_is_mean, metric_is_mean, weighted_mean

PARTS = ("train", "train", "train", "valid", "test")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


def rows(task: str) -> list[tuple[str, int]]:
    """Return rows of a table without their weight, and the weight of each."""
    rng = np.random.default_rng(2)
    lines = []
    for i in range(60):
        x, weight = rng.normal(size=2), int(rng.integers(0, 4))
        y = (
            f"{x[0] - x[1] ** 2:.6f}"
            if task == "regression"
            else "no"
            if x.sum() + rng.normal() > 0
            else "yes"
        )
        lines.append((f"{x[0]:.6f},{x[1]:.6f},{PARTS[i % 5]},{y}", weight))
    return lines


def trial(registry: Registry, file: Path, weight: str, **more: Any) -> Trial:
    values = {"path": str(file), "target": "y", "split_column": "part", "weight": weight}
    settings: dict[str, Any] = {"batch_size": "full", "dtype": "float64", "steps": 15, "eval_train": "all"}
    settings |= more
    return make_trial(
        registry, dataset=("csv", values), split=Split(standardize=False), eval_every=5, **settings
    )


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("optimizer", ["adam", "sam"])
def test_a_weight_counts_as_so_many_rows(
    registry: Registry, tmp_path: Path, task: str, optimizer: str
) -> None:
    output: dict[str, Any] = {"output": "identity", "loss": "mse"} if task == "regression" else {}
    asks = optimizer == "sam"  # a second gradient of the same weighted loss
    inner = {"optimizer": (make_part(registry, "optimizer", "sgd"),)} if asks else {}
    output["optimizer"] = make_part(registry, "optimizer", optimizer, **inner)
    weighted, repeated = tmp_path / "weighted.csv", tmp_path / "repeated.csv"
    lines = rows(task)
    weighted.write_text("a,b,part,y,w\n" + "".join(f"{line},{weight}\n" for line, weight in lines))
    repeated.write_text("a,b,part,y\n" + "".join(f"{line}\n" * weight for line, weight in lines))
    [one], [other] = (
        train_stack([trial(registry, file, weight, **output)], registry)
        for file, weight in ((weighted, "w"), (repeated, ""))
    )
    assert (one.status, other.status) == ("ok", "ok")
    assert {
        "test_loss",
        "valid_loss",
        "test_accuracy" if task == "binary" else "test_mae",
    } <= one.metrics.keys()
    assert not {"test_f1", "test_rmse", "test_roc_auc"} & one.metrics.keys()
    for name, value in one.metrics.items():
        assert value == pytest.approx(other.metrics[name], rel=1e-9), name
    for name, curve in one.curves.items():
        np.testing.assert_allclose(curve, other.curves[name], rtol=1e-9)


def test_weights_of_batches_follow_their_rows(registry: Registry, tmp_path: Path) -> None:
    """Rows of weight 0 with absurd targets change nothing, whatever batch they fall into."""
    results = []
    for absurd in ("1e6", "-5"):
        file = tmp_path / f"{absurd}.csv"
        lines = [
            line.rpartition(",")[0] + f",{absurd}" if weight == 0 else line
            for line, weight in rows("regression")
        ]
        weights = [weight for _, weight in rows("regression")]
        file.write_text(
            "a,b,part,y,w\n" + "".join(f"{line},{w}\n" for line, w in zip(lines, weights, strict=True))
        )
        one = trial(registry, file, "w", output="identity", loss="mse", batch_size=7, steps=30)
        results.append(train_stack([one], registry)[0].metrics)
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "more",
    [
        {"dtype": "float32", "batch_size": 8},
        {"dtype": "float64", "watch": ("gradient_norm", "sharpness")},
    ],
    ids=["batches", "watched"],
)
def test_a_weighted_trial_is_the_same_alone_and_in_a_stack(
    registry: Registry, tmp_path: Path, more: dict[str, Any]
) -> None:
    file = tmp_path / "w.csv"
    file.write_text("a,b,part,y,w\n" + "".join(f"{line},{weight}\n" for line, weight in rows("binary")))
    trials = [
        trial(registry, file, "w", seed=seed, optimizer=("sgd", {"lr": lr}), **more)
        for seed in (1, 2)
        for lr in (0.1, 0.01)
    ]
    together = train_stack(trials, registry)
    for mine, one in zip(together, trials, strict=True):
        assert as_bytes(mine) == as_bytes(train_stack([one], registry)[0])


def test_weighted_means_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    p, y, w = (
        rng.uniform(0.05, 0.95, (1, 20, 1)),
        rng.integers(0, 2, (1, 20, 1)).astype(float),
        rng.random((1, 20)),
    )
    flat = (y.ravel(), p.ravel(), w.ravel())

    def hits(output: Any, target: Any) -> Any:
        return ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))

    def cross_entropy(output: Any, target: Any) -> Any:
        return -np.log(np.where(target > 0.5, output, 1 - output)).mean(axis=(1, 2))

    def absolute(output: Any, target: Any) -> Any:
        return np.abs(output - target).mean(axis=(1, 2))

    for score, expected in (
        (hits, accuracy_score(flat[0], flat[1] > 0.5, sample_weight=flat[2])),
        (cross_entropy, log_loss(flat[0], flat[1], sample_weight=flat[2])),
        (absolute, mean_absolute_error(flat[0], flat[1], sample_weight=flat[2])),
    ):
        np.testing.assert_allclose(weighted_mean(score, (p, y), w), [expected], rtol=1e-12)


def test_what_is_no_mean_over_examples_is_known(registry: Registry) -> None:
    means = {
        metric.name
        for metric in registry.of_kind("metric")
        if "binary" in metric.cls.tasks
        and not (metric.cls.watches or metric.cls.from_network)
        and metric_is_mean(metric.cls(), "binary")
    }
    assert {"accuracy", "brier", "log_loss", "zero_one_error"} <= means
    assert not {"balanced_accuracy", "f1", "mcc", "roc_auc", "precision", "recall"} & means
    assert loss_is_mean(registry.get("loss", "mse").cls(), "regression", registry)
    worst = lambda output, target: np.abs(output - target).max(axis=(1, 2))  # noqa: E731
    assert not is_mean(worst, np.ones((1, 4, 1)), np.arange(4.0).reshape(1, 4, 1))
