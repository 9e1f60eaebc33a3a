"""Metric: log_loss."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class LogLoss(Metric):
    """Log loss: the mean negative logarithm of the predicted probability of the true class, in nats.

        -(1/N) Σ log p(y)

    Probabilities are clipped to [ε, 1 - ε] with the machine epsilon ε of their dtype, as in scikit-learn.
    So a wrong prediction with probability 1 costs 36.0 in float64 and 15.9 in float32.

    Choose it to judge probabilities strictly: a sure mistake costs very much. `brier` is bounded, `accuracy`
    sees the decision alone.

    Shapes: output and target (T, N, D), one output p for class 1 or one per class; score (T,). Good,
    "Rational Decisions", Journal of the Royal Statistical Society B 14 (1952), 107-114.
    https://doi.org/10.1111/j.2517-6161.1952.tb00104.x
    """

    name: ClassVar[str] = "log_loss"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, output: Array, target: Array) -> Array:
        eps = np.finfo(output.dtype).eps
        p = np.clip(output, eps, 1 - eps).astype(float)
        loss = -target * np.log(p)
        if output.shape[2] == 1:
            loss = loss - (1 - target) * np.log1p(-p)
        return loss.sum(axis=2).mean(axis=1)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [LogLoss]
