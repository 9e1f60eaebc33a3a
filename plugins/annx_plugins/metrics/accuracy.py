"""Metric: accuracy."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class Accuracy(Metric):
    """Accuracy: the share of examples with the right predicted class.

        (1/N) Σ [ŷ = y]

    One output predicts class 1 if p > 1/2, so 1/2 itself means class 0, as in Keras. Several outputs predict
    the class of the largest, the first of equal ones. NaN if any prediction is NaN.

    Choose it where all mistakes cost the same and classes are of similar size; else `balanced_accuracy`,
    `mcc` or `f1`. A loss tells small differences earlier.

    Shapes: output and target (T, N, D); score (T,). Hastie, Tibshirani & Friedman, "The Elements of
    Statistical Learning" (2009), section 7.2, as 1 minus the 0-1 loss.

    The seed document's Flux example compares outputs (1, N) with one-hot labels (2, N), and where it corrects
    that, with labels (N,): N x N pairs, of which q p + (1 - q)(1 - p) are equal, for shares q of predicted
    and p of true ones. Where half of the labels are 1 that is 1/2, however good the network is.
    """

    name: ClassVar[str] = "accuracy"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    primary_for: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 1]"
    curve: ClassVar[bool] = True

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            right = ((output > 0.5) == (target > 0.5))[..., 0]
        else:
            right = output.argmax(axis=-1) == target.argmax(axis=-1)
        # It is scored at every evaluation: integers are added twice as fast as a mean adds truth values, and
        # whether any number is NaN is known sooner than of which trial.
        share = right.view(np.uint8).sum(axis=1, dtype=np.uint32) / right.shape[1]
        unsound = np.isnan(output)
        if not unsound.any():
            return share
        return np.where(unsound.any(axis=(1, 2)), np.nan, share)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [Accuracy]
