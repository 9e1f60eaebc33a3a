"""Metric: precision."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class Precision(Metric):
    """Precision: the share of examples predicted as a class that belong to it.

        precision_c = TP_c / (TP_c + FP_c)

    One output predicts class 1 if p > 1/2; the score is the precision of class 1, and 0 if none is predicted.
    Several outputs predict the class of the largest; the score is the plain ("macro") mean over the classes
    that occur in targets or predictions, with 0 for one that is never predicted. Both as in scikit-learn with
    zero_division = 0. NaN if any prediction is NaN.

    Choose it if a false alarm is costly. Alone it rewards a network that says "yes" only when it is sure, so
    read it together with `recall`; `f1` combines both, and `average_precision` needs no threshold.

    Shapes: output and target (T, N, D); score (T,). Van Rijsbergen, "Information Retrieval", 2nd edition
    (1979), chapter 7; Sokolova & Lapalme, "A systematic analysis of performance measures for classification
    tasks", Information Processing & Management 45 (2009), 427-437.
    https://doi.org/10.1016/j.ipm.2009.03.002
    """

    name: ClassVar[str] = "precision"
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
        involved = (predicted | true).any(axis=1).sum(axis=1)
        precision = hits / np.maximum(predicted.sum(axis=1), 1)
        score = precision.sum(axis=1) / np.maximum(involved, 1)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, score)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [Precision]
