"""Metrics that are wrong on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
from right.metrics import Loudness, UnusedPrototypes

from anncore.contract.kinds import Array
from wrong.base import wrong, wrong_form


def beyond(self: Any, output: Array, target: Array) -> Array:
    return 2 * ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))


def blind_to_nan(self: Any, output: Array, target: Array) -> Array:
    return ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))


def first_matters(self: Any, output: Array, target: Array) -> Array:
    return (output[:, 0, 0] > 0.5) * 0.5 + 0.5 * (np.abs(output - target).max(axis=(1, 2)) == 0)


def of_the_first(self: Any, layers: Any, weights: Any, grads: Any) -> Any:
    return {"": np.abs(layers[0].z[:, 0]).mean(axis=1)}


def of_what_is_loud(self: Any, layers: Any, weights: Any, grads: Any) -> Any:
    return {"": (np.abs(layers[0].z) > 1).mean(axis=(1, 2))}


def of_all_trials(self: Any, layers: Any, weights: Any, grads: Any) -> Any:
    return {"": np.full(len(layers[0].z), np.abs(layers[0].z).mean())}


def of_nothing(self: Any, layers: Any, weights: Any, grads: Any) -> Any:
    return {}


def badly_named(self: Any, layers: Any, weights: Any, grads: Any) -> Any:
    return {"the first": layers[0].z.mean(axis=(1, 2))}


METRICS = [
    wrong("metric", "attributes", "goal must be 'min' or 'max', got 'up'", goal="up"),
    wrong("metric", "bounds", "outside the bounds [0, 1]", score=beyond),
    wrong("metric", "goal", "the goal is min", goal="min"),
    wrong("metric", "order_free", "in another order", score=first_matters),
    wrong("metric", "nan", "a NaN prediction scores", score=blind_to_nan),
    wrong_form("metric", "attributes", "cannot be a headline metric", Loudness, primary_for=("binary",)),
    wrong_form("metric", "attributes", "tasks must be some of", UnusedPrototypes, tasks=("clustering",)),
    wrong_form("metric", "bounds", "outside the bounds [0, 1]", Loudness, bounds="[0, 1]"),
    wrong_form("metric", "order_free", "in another order", Loudness, score=of_the_first),
    wrong_form("metric", "nan", "of a trial of NaN is 0", Loudness, score=of_what_is_loud),
    wrong_form("metric", "stacked_as_alone", "in a stack of 2 and alone", Loudness, score=of_all_trials),
    wrong_form("metric", "stacked_as_alone", "score returns nothing", Loudness, score=of_nothing),
    wrong_form("metric", "stacked_as_alone", "a suffix must be", Loudness, score=badly_named),
]
