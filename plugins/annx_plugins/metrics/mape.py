"""Metric: mape."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl

EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True)
class MAPE(Metric):
    """Mean absolute percentage error, as a share: 0.1 is an error of 10 percent.

        (1/N) Σ |ŷ - y| / max(|y|, ε),  ε = 2.2e-16

    As in scikit-learn; Keras gives percent, and its ε is 1e-7. Several targets: the mean of their errors.

    Choose it if an error of 10 is bad for a target of 20 and good for one of 2000, as with prices and demand.
    Targets near 0 spoil it: a single 0 makes it as good as infinite. And it forgives too small predictions
    (0 costs 1 at most) more than too large ones. `mae` is in the target's own units.

    Shapes: output and target (T, N, D); score (T,). Hyndman & Koehler, "Another look at measures of
    forecast accuracy", International Journal of Forecasting 22 (2006), 679-688, section 2.2.
    https://doi.org/10.1016/j.ijforecast.2006.03.001
    """

    name: ClassVar[str] = "mape"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, output: Array, target: Array) -> Array:
        target = target.astype(float)
        return (np.abs(output - target) / np.maximum(np.abs(target), EPSILON)).mean(axis=(1, 2))


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [MAPE]
