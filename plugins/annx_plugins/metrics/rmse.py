"""Metric: rmse."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from anncore import Array, Metric, Task, hookimpl, root_mean_squares


@dataclass(frozen=True)
class RMSE(Metric):
    """Root mean squared error, in the target's own units.

        √((1/N) Σ (ŷ - y)²)

    Several targets: the mean of their RMSEs, as scikit-learn's uniform average.

    Choose it for errors in the unit of the target where large ones matter most; `mae` weighs all alike.

    Shapes: output and target (T, N, D); score (T,). Hyndman & Koehler, "Another look at measures of
    forecast accuracy", International Journal of Forecasting 22 (2006), 679-688.
    https://doi.org/10.1016/j.ijforecast.2006.03.001
    """

    name: ClassVar[str] = "rmse"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    primary_for: ClassVar[tuple[Task, ...]] = ("regression",)
    bounds: ClassVar[str] = "[0, inf)"
    curve: ClassVar[bool] = True

    def score(self, output: Array, target: Array) -> Array:
        return root_mean_squares(output.astype(float) - target).mean(axis=1)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [RMSE]
