"""Loss: expectile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class Expectile(Loss):
    """Expectile loss: squared errors that weigh more on one side, so that a network errs to the other.

        ℓ(a, y) = level (a - y)²  where a < y,  (1 - level) (a - y)²  elsewhere
        ∂ℓ/∂a   = twice level or 1 - level, times a - y

    It is to the mean what `quantile` is to the median: level = 1/2 gives half the squared error, and so the
    mean; a higher level is nearer to the largest targets. Choose it over `quantile` if the size of a miss
    matters and not only how often one happens, or for its smooth gradient. It is as easily moved by outliers
    as `mse`, and a share `level` of the targets need not lie below an expectile.

    Domain: output a and target y real, level in (0, 1).
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Newey & Powell, "Asymmetric Least Squares Estimation and Testing", Econometrica 55 (1987), 819-847,
    equation 2.2. https://doi.org/10.2307/1911031
    """

    name: ClassVar[str] = "expectile"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "identity"}

    level: Hyper = hyper(0.5, "(0, 1)", search=linear(0.05, 0.95))

    def value(self, output: Array, target: Array) -> Array:
        error = output - target
        weight = np.where(error < 0, self.level, 1 - self.level)
        return (weight * error * error).mean(axis=(1, 2))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [Expectile]
