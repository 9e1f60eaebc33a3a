"""Metric: roc_auc."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class ROCAUC(Metric):
    """Area under the receiver operating characteristic: how well scores rank the examples.

        AUC = P(p⁺ > p⁻) + P(p⁺ = p⁻) / 2 = (R⁺ - n⁺ (n⁺ + 1) / 2) / (n⁺ n⁻)

    over all pairs of a positive and a negative example. R⁺ is the sum of the positives' ranks; equal scores
    share their mean rank. So the area is exact (Keras approximates it with 200 thresholds). Several
    outputs: the plain mean over the classes, each against the rest, as scikit-learn's multi_class="ovr".
    NaN if a class has no example or all of them, or if any prediction is NaN.

    Shapes: output and target (T, N, D); score (T,). Hanley & McNeil, "The meaning and use of the area
    under a receiver operating characteristic (ROC) curve", Radiology 143 (1982), 29-36.
    https://doi.org/10.1148/radiology.143.1.7063747
    """

    name: ClassVar[str] = "roc_auc"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            positive = target > 0.5
        else:
            positive = target.argmax(axis=-1)[..., None] == np.arange(output.shape[2])
        count = positive.sum(axis=1)  # (T, C)
        pairs = count * (output.shape[1] - count)
        wins = (_ranks(output) * positive).sum(axis=1) - count * (count + 1) / 2
        area = np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, area.mean(axis=1))


def _ranks(scores: Array) -> Array:
    """Return the ranks 1 ... N along axis 1; equal scores share the mean of their ranks."""
    order = scores.argsort(axis=1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=1)
    place = np.broadcast_to(np.arange(1, scores.shape[1] + 1)[:, None], scores.shape)
    new = np.ones(scores.shape, dtype=bool)  # a run of equal scores starts here ...
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    last = np.ones(scores.shape, dtype=bool)  # ... and ends here
    last[:, :-1] = new[:, 1:]
    first_place = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    last_place = np.minimum.accumulate(np.where(last, place, scores.shape[1])[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, (first_place + last_place) / 2, axis=1)
    return ranks


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [ROCAUC]
