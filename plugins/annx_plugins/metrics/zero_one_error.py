"""Metric: zero_one_error."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class ZeroOneError(Metric):
    """Zero-one error: the share of examples with the wrong predicted class, 1 minus the accuracy.

        (1/N) Σ [ŷ ≠ y]

    One output predicts class 1 if p > 1/2, so 1/2 itself means class 0; several predict the class of the
    largest, the first of equal ones. NaN if any prediction is NaN.

    Choose it in place of `accuracy` where small shares of mistakes are compared, as on logarithmic axes: it
    is 1 - accuracy.

    Shapes: output and target (T, N, D); score (T,). Hastie, Tibshirani & Friedman, "The Elements of
    Statistical Learning" (2009), section 7.2: the 0-1 loss.
    """

    name: ClassVar[str] = "zero_one_error"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            wrong = ((output > 0.5) != (target > 0.5))[..., 0]
        else:
            wrong = output.argmax(axis=-1) != target.argmax(axis=-1)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, wrong.mean(axis=1))


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [ZeroOneError]
