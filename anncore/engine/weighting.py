"""Examples that count more or less: weighted means of losses and scores.

A loss of the contract is a mean over examples. So the weighted one is the weighted mean of what it gives for
each example alone, and its gradient is the gradient of the mean, example by example times the weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from anncore.contract.kinds import Array, Task
from anncore.contract.registry import Registry

CLASS_OF = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2])  # of the examples on which it is seen if a score is a mean
SIZE, CLASSES = len(CLASS_OF), 3


def weighted_mean(score: Callable[..., Any], arrays: tuple[Array, ...], weights: Array) -> Array:
    """Return Σ w score / Σ w over examples, (T,), with the score of each example alone.

    arrays: (T, N, K) each, what `score` takes. weights: (T, N). What has no weight does not count, whatever
    its score.
    """
    count = weights.shape[1]
    singles = np.stack(
        [np.asarray(score(*(array[:, n : n + 1] for array in arrays))) for n in range(count)], axis=1
    )
    products = np.where(weights > 0, weights * np.where(weights > 0, singles, 0), 0)
    return np.ascontiguousarray(products).sum(axis=1) / weights.sum(axis=1)


def is_mean(score: Callable[..., Any], output: Array, target: Array) -> bool:
    """Tell whether a score (1,) of outputs and targets (1, N, K) is the mean of its scores of single
    examples.

    Only such a score has a weighted form that follows from itself: accuracy has, F1 and RMSE have not.
    """
    with np.errstate(all="ignore"):
        whole = np.asarray(score(output, target), float)
        singles = [
            np.asarray(score(output[:, n : n + 1], target[:, n : n + 1]), float)
            for n in range(output.shape[1])
        ]
    return bool(np.allclose(np.mean(singles, axis=0), whole, rtol=1e-9, atol=1e-12))


def examples(task: Task) -> tuple[Array, Array]:
    """Return predictions and targets of a task, (1, N, K), to see on them what a score is."""
    rng = np.random.default_rng(5)
    # Classes of different sizes, or a mean over classes would look like one over examples.
    if task == "binary":
        return rng.uniform(0.1, 0.9, (1, SIZE, 1)), (CLASS_OF == 0).reshape(1, SIZE, 1).astype(float)
    if task == "multiclass":
        raw = rng.uniform(0.1, 0.9, (1, SIZE, CLASSES))
        return raw / raw.sum(axis=2, keepdims=True), np.eye(CLASSES)[CLASS_OF][None]
    output, target = rng.uniform(0.1, 0.9, (2, 1, SIZE, 1))
    return output, target


def metric_is_mean(metric: Any, task: Task) -> bool:
    """Tell whether a metric's score is a mean over examples, on such a task."""
    output, target = examples(task)
    return is_mean(metric.score, output, target)


def loss_is_mean(loss: Any, task: Task, registry: Registry) -> bool:
    """Tell whether a loss is a mean over examples; it gets what its natural output activation gives."""
    _, target = examples(task)
    activation = registry.get("activation", loss.outputs[task]).cls()
    z = np.random.default_rng(6).normal(size=(1, SIZE, target.shape[2] * loss.outputs_per_target))
    return is_mean(loss.value, np.asarray(activation.forward(z)), target)
