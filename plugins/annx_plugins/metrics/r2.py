"""Metric: r2."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl

ROUNDING = 4 * np.finfo(float).eps


@dataclass(frozen=True)
class R2(Metric):
    """Coefficient of determination: the share of the target's variance that the predictions explain.

        R² = 1 - Σ (ŷ - y)² / Σ (y - ȳ)²

    1 is perfect, 0 is as good as always predicting the mean ȳ of the scored examples, and below 0 is worse
    than that. Several targets: the mean of their R², as scikit-learn's uniform average. NaN if a target
    does not vary by more than rounding (scikit-learn then gives 1, 0 or a huge negative number).

    Choose it to compare across targets of other units: 0 is as good as their mean. `explained_variance`
    forgives a constant shift.

    Shapes: output and target (T, N, D); score (T,). Kvålseth, "Cautionary Note about R²", The American
    Statistician 39 (1985), 279-285, equation 1. https://doi.org/10.1080/00031305.1985.10479448
    """

    name: ClassVar[str] = "r2"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("regression", "unsupervised")
    bounds: ClassVar[str] = "(-inf, 1]"
    worth: ClassVar[float] = 0.005  # half a hundredth of the variance

    def score(self, output: Array, target: Array) -> Array:
        # Squares of 1e154 overflow and those of 1e-170 are 0; a power of two changes no digit.
        power = -np.frexp(np.abs(target.astype(float)).max(axis=1, keepdims=True))[1]
        y, prediction = np.ldexp(target.astype(float), power), np.ldexp(output.astype(float), power)
        error, spread = prediction - y, y - y.mean(axis=1, keepdims=True)
        # The mean of equal numbers may differ from them by rounding, and so may the numbers themselves.
        varies = y.max(axis=1) - y.min(axis=1) > ROUNDING  # (T, D); the largest |y| is in [1/2, 1)
        total = np.where(varies, (spread * spread).sum(axis=1), np.nan)
        return (1 - (error * error).sum(axis=1) / total).mean(axis=1)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [R2]
