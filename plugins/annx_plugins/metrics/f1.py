"""Metric: f1."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class F1(Metric):
    """F1 score: the harmonic mean of precision and recall.

        F1_c = 2 TP_c / (2 TP_c + FP_c + FN_c)

    One output predicts class 1 if p > 1/2; the score is the F1 of class 1, and 0 if no example has or is
    predicted as class 1. Several outputs predict the class of the largest; the score is the plain ("macro")
    mean over the classes that occur in targets or predictions. Both as in scikit-learn. NaN if any prediction
    is NaN.

    Choose it where one class is what is looked for and true negatives do not matter. `mcc` counts these too,
    `average_precision` needs no threshold.

    Shapes: output and target (T, N, D); score (T,). Van Rijsbergen, "Information Retrieval", 2nd edition
    (1979), chapter 7; Sokolova & Lapalme, "A systematic analysis of performance measures for
    classification tasks", 2009, average differently: F1 of the mean precision and the mean recall.
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
