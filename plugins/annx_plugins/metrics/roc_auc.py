"""Metric: roc_auc."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Hyper, Metric, Task, hookimpl, hyper


@dataclass(frozen=True)
class ROCAUC(Metric):
    """Area under the receiver operating characteristic: how well scores rank the examples.

        AUC = P(p⁺ > p⁻) + P(p⁺ = p⁻) / 2 = (R⁺ - n⁺ (n⁺ + 1) / 2) / (n⁺ n⁻)

    over all pairs of a positive and a negative example. R⁺ is the sum of the positives' ranks; equal scores
    share their mean rank. So the area is exact (Keras approximates it with 200 thresholds). Several
    outputs: the plain mean over the classes, each against the rest, as scikit-learn's multi_class="ovr".
    NaN if a class has no example or all of them, or if any prediction is NaN.

    `[metrics.roc_auc] average = ...` chooses another form for several outputs:
    "weighted": each class counts by its share of the examples;
    "micro": all outputs are ranked together, as decisions of one binary task;
    "pairs": the mean over all pairs of classes of the areas of each against the other alone, which does not
    depend on how frequent classes are: scikit-learn's multi_class="ovo", and Hand and Till's M.
    `max_fpr` < 1 takes the area up to that rate of false alarms alone, scaled so that chance gives 1/2 and a
    perfect ranking 1, for tasks in which many false alarms are useless. `average_precision` is the area under
    the precision-recall curve.

    Domain: max_fpr in (0, 1]; with "pairs" it is 1. Shapes: output and target (T, N, D); score (T,).

    Hanley & McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC) curve",
    Radiology 143 (1982), 29-36. https://doi.org/10.1148/radiology.143.1.7063747. Pairs: Hand & Till, "A
    Simple Generalisation of the Area Under the ROC Curve for Multiple Class Classification Problems", Machine
    Learning 45 (2001), 171-186. https://doi.org/10.1023/A:1010920819831. Partial areas: McClish, "Analyzing a
    Portion of the ROC Curve", Medical Decision Making 9 (1989), 190-195.
    https://doi.org/10.1177/0272989X8900900307
    """

    name: ClassVar[str] = "roc_auc"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 1]"

    average: str = hyper("macro", ("macro", "weighted", "micro", "pairs"))
    max_fpr: Hyper = hyper(1.0, "(0, 1]")

    def validate(self) -> None:
        if self.average == "pairs" and np.any(np.less(self.max_fpr, 1)):
            raise ValueError(
                'average = "pairs" takes whole areas; leave max_fpr out, or take another average'
            )

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            positive = target > 0.5
        else:
            positive = target.argmax(axis=-1)[..., None] == np.arange(output.shape[2])
        count = positive.sum(axis=1)  # (T, C)
        if self.average == "pairs" and output.shape[2] > 1:
            score = _of_pairs(output, positive)
        elif self.average == "micro":
            score = self._areas(output.reshape(len(output), -1, 1), positive.reshape(len(output), -1, 1))[
                :, 0
            ]
        elif self.average == "weighted" and output.shape[2] > 1:
            score = (self._areas(output, positive) * count).sum(axis=1) / output.shape[1]
        else:
            score = self._areas(output, positive).mean(axis=1)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, score)

    def _areas(self, output: Array, positive: Array) -> Array:
        """Return the area of each column, (T, C); NaN without a pair."""
        count = positive.sum(axis=1)
        pairs = count * (output.shape[1] - count)
        wins = (_ranks(output) * positive).sum(axis=1) - count * (count + 1) / 2
        areas = np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)
        limits = np.broadcast_to(self.max_fpr, (len(output), 1, 1))[:, 0, 0]
        for row in np.flatnonzero(limits < 1):
            columns = zip(output[row].T, positive[row].T, strict=True)
            areas[row] = [_partial(scores, marked, float(limits[row])) for scores, marked in columns]
        return areas


def _of_pairs(output: Array, positive: Array) -> Array:
    """Return the mean over pairs of classes of both areas of one against the other, (T,)."""
    classes = output.shape[2]
    scores = np.full((len(output), classes, classes), np.nan)
    for row, (scored, marked) in enumerate(zip(output, positive, strict=True)):
        for one in range(classes):
            for other in set(range(classes)) - {one}:
                mine, rival = scored[marked[:, one], one], scored[marked[:, other], one]
                if len(mine) and len(rival):
                    both = np.concatenate([mine, rival])[None, :, None]
                    wins = _ranks(both)[0, : len(mine), 0].sum() - len(mine) * (len(mine) + 1) / 2
                    scores[row, one, other] = wins / (len(mine) * len(rival))
    off = ~np.eye(classes, dtype=bool)
    # A contiguous row for each trial: the order of the sum then does not depend on the other trials.
    return np.ascontiguousarray(scores[:, off]).mean(axis=1)


def _partial(scores: Array, marked: Array, most: float) -> float:
    """Return the scaled area of one column up to a rate of false alarms: McClish's."""
    if marked.all() or not marked.any():
        return np.nan
    order = (-scores).argsort(kind="stable")
    scores, marked = scores[order], marked[order]
    last = np.append(scores[1:] != scores[:-1], True)  # equal scores enter together
    alarms = np.append(0, (~marked).cumsum()[last] / (~marked).sum())
    hits = np.append(0, marked.cumsum()[last] / marked.sum())
    stop = np.searchsorted(alarms, most, "right")
    edge = np.interp(most, alarms[stop - 1 : stop + 1], hits[stop - 1 : stop + 1])
    area = np.trapezoid(np.append(hits[:stop], edge), np.append(alarms[:stop], most))
    least = most**2 / 2
    return float((1 + (area - least) / (most - least)) / 2)


def _ranks(scores: Array) -> Array:
    """Return the ranks 1 ... N along axis 1; equal scores share the mean of their ranks."""
    order = scores.argsort(axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    place = np.broadcast_to(np.arange(1.0, scores.shape[1] + 1)[:, None], scores.shape)
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, place, axis=1)
    tied = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=(1, 2)))
    if len(tied):
        mean = _mean_places(ordered[tied])
        few = np.empty(mean.shape)
        np.put_along_axis(few, order[tied], mean, axis=1)
        ranks[tied] = few
    return ranks


def _mean_places(ordered: Array) -> Array:
    """Return the places of ordered scores, those of equal ones replaced by their mean."""
    place = np.broadcast_to(np.arange(1, ordered.shape[1] + 1)[:, None], ordered.shape)
    new = np.ones(ordered.shape, dtype=bool)  # a run of equal scores starts here ...
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    last = np.ones(ordered.shape, dtype=bool)  # ... and ends here
    last[:, :-1] = new[:, 1:]
    first_place = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    last_place = np.minimum.accumulate(np.where(last, place, ordered.shape[1])[:, ::-1], axis=1)[:, ::-1]
    return (first_place + last_place) / 2


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [ROCAUC]
