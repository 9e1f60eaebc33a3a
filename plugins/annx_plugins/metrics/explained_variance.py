"""Metric: explained_variance."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl

ROUNDING = 4 * np.finfo(float).eps


@dataclass(frozen=True)
class ExplainedVariance(Metric):
    """Explained variance: the share of the target's variance that is left out of the errors.

        1 - Var(y - ŷ) / Var(y)

    It is `r2` of predictions shifted so that their mean error is 0, and so never below it. 1 is perfect but
    for a constant, 0 is as good as any constant. Several targets: the mean of their scores, as scikit-learn's
    uniform average. NaN if a target does not vary by more than rounding (scikit-learn then gives 1 or 0).

    Choose it, beside `r2`, to see whether a bias is all that is wrong: the two differ by the share of the
    error that a constant would mend. For how good predictions are, take `r2`.

    Shapes: output and target (T, N, D); score (T,). Cohen, Cohen, West & Aiken, "Applied Multiple
    Regression/Correlation Analysis for the Behavioral Sciences", 3rd edition (2003), chapter 2.
    """

    name: ClassVar[str] = "explained_variance"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("regression", "unsupervised")
    bounds: ClassVar[str] = "(-inf, 1]"

    def score(self, output: Array, target: Array) -> Array:
        # Squares of 1e154 overflow and those of 1e-170 are 0; a power of two changes no digit.
        power = -np.frexp(np.abs(target.astype(float)).max(axis=1, keepdims=True))[1]
        y, prediction = np.ldexp(target.astype(float), power), np.ldexp(output.astype(float), power)
        error, spread = prediction - y, y - y.mean(axis=1, keepdims=True)
        error = error - error.mean(axis=1, keepdims=True)
        # The mean of equal numbers may differ from them by rounding, and so may the numbers themselves.
        varies = y.max(axis=1) - y.min(axis=1) > ROUNDING  # (T, D); the largest |y| is in [1/2, 1)
        total = np.where(varies, (spread * spread).sum(axis=1), np.nan)
        return (1 - (error * error).sum(axis=1) / total).mean(axis=1)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [ExplainedVariance]
