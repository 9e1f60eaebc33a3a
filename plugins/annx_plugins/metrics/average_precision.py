"""Metric: average_precision."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class AveragePrecision(Metric):
    """Average precision, the area under the precision-recall curve: how pure the top of the ranking is.

        AP = Σ_k (R_k - R_{k-1}) P_k = (1/n⁺) Σ_{n: y_n = 1} TP(p_n) / #{m: p_m ≥ p_n}

    P_k and R_k are precision and recall of the examples above the k-th threshold, and TP(p) is the number of
    positives with a score of at least p. Equal scores enter together. So the curve is a staircase as in
    scikit-learn; trapezoids under it would be too optimistic, and Keras's AUC(curve="PR") interpolates
    between 200 thresholds. A random ranking of many examples scores the share of positives, a perfect one 1.
    Several outputs: the plain mean over the classes, each against the rest, as scikit-learn's
    average="macro". NaN if a class has no example (of one output class 1 alone, whose
    average precision is 1 where class 0 has none), or if any prediction is NaN.

    Choose it over `roc_auc` if positives are rare: a thousand false alarms among a million negatives hardly
    move a ROC curve, but they halve the precision if only a thousand positives are there to be found.

    Shapes: output and target (T, N, D); score (T,). Davis & Goadrich, "The relationship between
    Precision-Recall and ROC curves", ICML 2006. https://doi.org/10.1145/1143844.1143874. Saito &
    Rehmsmeier, "The Precision-Recall Plot Is More Informative than the ROC Plot When Evaluating Binary
    Classifiers on Imbalanced Datasets", PLOS ONE 10 (2015). https://doi.org/10.1371/journal.pone.0118432
    """

    name: ClassVar[str] = "average_precision"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            positive = target > 0.5
        else:
            positive = target.argmax(axis=-1)[..., None] == np.arange(output.shape[2])
        order = (-output).argsort(axis=1)
        scores = np.take_along_axis(output, order, axis=1)
        tied = np.flatnonzero((scores[:, 1:] == scores[:, :-1]).any(axis=(1, 2)))
        if len(tied):  # the order of a sum must not depend on how a processor sorts; else it is the only one
            order[tied] = (-output[tied]).argsort(axis=1, kind="stable")
        positive = np.take_along_axis(positive, order, axis=1)
        end = np.broadcast_to(np.arange(1, output.shape[1] + 1)[:, None], output.shape)  # #{m: p_m ≥ p_n}
        hits = positive.cumsum(axis=1)  # TP(p_n)
        if len(tied):
            end = end.copy()
            end[tied] = _ends(scores[tied])
            hits = np.take_along_axis(hits, end - 1, axis=1)
        count = positive.sum(axis=1)  # (T, C)
        precision = (positive * (hits / end)).sum(axis=1)
        area = np.where(count > 0, precision / np.maximum(count, 1), np.nan)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, area.mean(axis=1))


def _ends(scores: Array) -> Array:
    """Return the place of the last of the scores that are equal to each of some ordered ones."""
    place = np.broadcast_to(np.arange(1, scores.shape[1] + 1)[:, None], scores.shape)
    last = np.ones(scores.shape, dtype=bool)  # a run of equal scores ends here
    last[:, :-1] = scores[:, 1:] != scores[:, :-1]
    end = np.where(last, place, scores.shape[1])[:, ::-1]
    return np.minimum.accumulate(end, axis=1)[:, ::-1]


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [AveragePrecision]
