"""Metric: mcc."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class MCC(Metric):
    """Matthews correlation coefficient: the correlation of predicted and true classes.

        MCC = (N c - Σ_k p_k t_k) / √((N² - Σ_k p_k²) (N² - Σ_k t_k²))

    c examples are predicted right, p_k are predicted as class k, and t_k belong to it. With two classes it is
    (TP TN - FP FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN)). 1 is perfect, and 0 is as good as guessing
    without looking at the input. It is 0, as in scikit-learn, if all predictions or all targets are of one
    class. One output predicts class 1 if p > 1/2, several predict the class of the largest. NaN if any
    prediction is NaN.

    Choose it over `accuracy` if classes are of unequal size, where always answering the larger one looks
    good. Unlike `f1` it does not depend on which class is called positive, and it counts true negatives.

    Shapes: output and target (T, N, D); score (T,). Matthews, "Comparison of the predicted and observed
    secondary structure of T4 phage lysozyme", Biochimica et Biophysica Acta 405 (1975), 442-451.
    https://doi.org/10.1016/0005-2795(75)90109-9. Several classes: Gorodkin, "Comparing two K-category
    assignments by a K-category correlation coefficient", Computational Biology and Chemistry 28 (2004),
    367-374. https://doi.org/10.1016/j.compbiolchem.2004.09.006
    """

    name: ClassVar[str] = "mcc"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[-1, 1]"

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            predicted, true = (output > 0.5)[..., 0], (target > 0.5)[..., 0]
        else:
            predicted, true = output.argmax(axis=-1), target.argmax(axis=-1)
        guesses, sizes = _counts(predicted, output.shape[2]), _counts(true, output.shape[2])
        count = float(output.shape[1])
        covariance = count * (predicted == true).sum(axis=1) - (guesses * sizes).sum(axis=1)
        variances = (count**2 - (guesses**2).sum(axis=1)) * (count**2 - (sizes**2).sum(axis=1))
        score = np.divide(covariance, np.sqrt(variances), out=np.zeros(len(output)), where=variances > 0)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, np.clip(score, -1, 1))


def _counts(labels: Array, classes: int) -> Array:
    """Return how often each class occurs, (T, C); an array (T, N, C) of all of them takes longer."""
    if labels.dtype == bool:
        ones = labels.sum(axis=1)
        return np.stack([labels.shape[1] - ones, ones], axis=1).astype(float)
    return np.stack([(labels == label).sum(axis=1) for label in range(classes)], axis=1).astype(float)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [MCC]
