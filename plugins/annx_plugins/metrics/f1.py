"""Metric: f1."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class F1(Metric):
    """F1 score: the harmonic mean of precision and recall.

        F1_c = 2 TP_c / (2 TP_c + FP_c + FN_c)

    One output, which predicts class 1 where p > 1/2: the F1 of class 1, 0 where that class is neither
    there nor predicted. Several, of which the largest is predicted: the plain ("macro") mean over the
    classes that are there or predicted. Both as in scikit-learn. NaN where any prediction is NaN.

    Shapes: output and target (T, N, D); score (T,). Van Rijsbergen, "Information Retrieval", 2nd edition
    (1979), chapter 7; macro averaging as Sokolova & Lapalme, "A systematic analysis of performance
    measures for classification tasks", 2009, does not: it takes F1 of the mean precision and recall.
    """

    name: ClassVar[str] = "f1"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            predicted, true = output > 0.5, target > 0.5
        else:
            classes = np.arange(output.shape[2])
            predicted = output.argmax(axis=-1)[..., None] == classes
            true = target.argmax(axis=-1)[..., None] == classes
        hits = (predicted & true).sum(axis=1)  # (T, C)
        involved = predicted.sum(axis=1) + true.sum(axis=1)  # 2 TP + FP + FN
        f1 = 2 * hits / np.maximum(involved, 1)
        score = f1.sum(axis=1) / np.maximum((involved > 0).sum(axis=1), 1)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, score)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [F1]
