"""Metric: brier."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class Brier(Metric):
    """Brier score: the mean squared error of the predicted probabilities.

        one output    (1/N) Σ (p - y)²
        several       (1/N) Σ Σ_c (p_c - y_c)²

    With several outputs it is Brier's original form and lies in [0, 2]. With one output it counts a single
    class and lies in [0, 1]. scikit-learn does the same.

    Choose it to judge probabilities by a bounded score, so that a few sure mistakes do not decide it;
    `log_loss` has no limit.

    Shapes: output and target (T, N, D); score (T,). Brier, "Verification of Forecasts Expressed in Terms
    of Probability", Monthly Weather Review 78 (1950), 1-3.
    https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """

    name: ClassVar[str] = "brier"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, 2]"

    def score(self, output: Array, target: Array) -> Array:
        error = output.astype(float) - target
        return (error * error).sum(axis=2).mean(axis=1)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [Brier]
