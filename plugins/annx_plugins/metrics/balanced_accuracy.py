"""Metric: balanced_accuracy."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class BalancedAccuracy(Metric):
    """Balanced accuracy: the mean over the classes of the share of their examples predicted right.

        (1/C) Σ_c (Σ [ŷ = c][y = c] / Σ [y = c])

    C counts the classes that have examples, as scikit-learn does. One output predicts class 1 if
    p > 1/2, several predict the class of the largest. NaN if any prediction is NaN.

    Choose it over `accuracy` where classes differ in size and each counts the same; it is the mean of the
    classes' `recall`.

    Shapes: output and target (T, N, D); score (T,). Brodersen, Ong, Stephan & Buhmann, "The Balanced
    Accuracy and Its Posterior Distribution", ICPR 2010. https://doi.org/10.1109/ICPR.2010.764
    """

    name: ClassVar[str] = "balanced_accuracy"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            predicted, true = (output > 0.5)[..., 0], (target > 0.5)[..., 0]
            members = [~true, true]
        else:
            predicted, true = output.argmax(axis=-1), target.argmax(axis=-1)
            members = [true == label for label in range(output.shape[2])]
        right = predicted == true
        # Class by class: an array (T, N, C) of all of them takes five times as long.
        size = np.stack([member.sum(axis=1) for member in members], axis=1)  # (T, C)
        correct = np.stack([(member & right).sum(axis=1) for member in members], axis=1)
        recall = np.where(size > 0, correct / np.maximum(size, 1), 0)
        score = recall.sum(axis=1) / (size > 0).sum(axis=1)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, score)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [BalancedAccuracy]
