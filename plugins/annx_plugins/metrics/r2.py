"""Metric: r2."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class R2(Metric):
    """Coefficient of determination: the share of the target's variance that the predictions explain.

        R² = 1 - Σ (ŷ - y)² / Σ (y - ȳ)²

    1 is perfect, 0 is as good as always predicting the mean ȳ of the scored examples, and below 0 is worse
    than that. Several targets: the mean of their R², as scikit-learn's uniform average. NaN if a target
    does not vary (scikit-learn then gives 1 or 0).

    Shapes: output and target (T, N, D); score (T,). Kvålseth, "Cautionary Note about R²", The American
    Statistician 39 (1985), 279-285, equation 1. https://doi.org/10.1080/00031305.1985.10479448
    """

    name: ClassVar[str] = "r2"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    bounds: ClassVar[str] = "(-inf, 1]"

    def score(self, output: Array, target: Array) -> Array:
        y = target.astype(float)
        error, spread = output - y, y - y.mean(axis=1, keepdims=True)
        total = (spread * spread).sum(axis=1)  # (T, D)
        left = (error * error).sum(axis=1) / np.where(total > 0, total, np.nan)
        return (1 - left).mean(axis=1)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [R2]
