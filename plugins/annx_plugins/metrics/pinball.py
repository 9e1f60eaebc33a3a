"""Metric: pinball."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Hyper, Metric, Task, hookimpl, hyper


@dataclass(frozen=True)
class Pinball(Metric):
    """Pinball score of predictions that are meant as quantiles, in the target's own units.

        (1/N) Σ max(level (y - ŷ), (1 - level) (ŷ - y))

    It is smallest, on average, if a share `level` of the targets lies below their predictions. Several
    targets: the mean of their scores.

    Choose it to judge networks that the loss `quantile` has trained, with the same level:
    `[metrics.pinball] level = 0.9`. At level 0.5 it is half of `mae`.

    Domain: level in (0, 1).
    Shapes: output and target (T, N, D); score (T,). Koenker & Bassett, "Regression Quantiles", Econometrica
    46 (1978), 33-50. https://doi.org/10.2307/1913643. scikit-learn's mean_pinball_loss calls level alpha.
    """

    name: ClassVar[str] = "pinball"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    bounds: ClassVar[str] = "[0, inf)"

    level: Hyper = hyper(0.5, "(0, 1)")

    def score(self, output: Array, target: Array) -> Array:
        error = output.astype(float) - target
        return np.maximum(-self.level * error, (1 - self.level) * error).mean(axis=(1, 2))


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [Pinball]
