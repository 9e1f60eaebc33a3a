"""Metric: mae."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class MAE(Metric):
    """Mean absolute error, in the target's own units.

        (1/N) Σ |ŷ - y|

    Several targets: the mean of their errors.

    Choose it for errors in the unit of the target in which outliers count by their size alone; `rmse` weighs
    large ones more.

    Shapes: output and target (T, N, D); score (T,). Hyndman & Koehler, "Another look at measures of
    forecast accuracy", International Journal of Forecasting 22 (2006), 679-688.
    https://doi.org/10.1016/j.ijforecast.2006.03.001
    """

    name: ClassVar[str] = "mae"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, output: Array, target: Array) -> Array:
        return np.abs(output.astype(float) - target).mean(axis=(1, 2))


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [MAE]
