"""Loss: quantile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class Quantile(Loss):
    """Quantile loss, also called pinball loss: it makes a network predict a quantile instead of a mean.

        ℓ(a, y) = level (y - a)  where a < y,  (1 - level) (a - y)  elsewhere
        ∂ℓ/∂a   = -level         where a < y,   1 - level           where a > y

    Its expectation is smallest if a share `level` of the targets lies below a. level = 1/2 gives half the
    absolute error, and so the median.

    Choose it to predict a bound that a share of the targets keeps. At level 1/2 it is half of `mae`;
    `expectile` is its smooth form.

    Domain: output a and target y real, level in (0, 1). Not differentiable at a = y: the sub-gradient
    there is 0.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Koenker & Bassett, "Regression Quantiles", Econometrica 46 (1978), 33-50.
    https://doi.org/10.2307/1913643. scikit-learn's mean_pinball_loss is the same; it calls level alpha.
    """

    name: ClassVar[str] = "quantile"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "identity"}
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    level: Hyper = hyper(0.5, "(0, 1)", search=linear(0.05, 0.95))

    def value(self, output: Array, target: Array) -> Array:
        error = output - target
        return np.maximum(-self.level * error, (1 - self.level) * error).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        # By hand because the slope at a = y is 0 here, half way in the derived one; and the sign keeps NaN.
        sign = np.sign(output - target)
        return (0.5 * sign + (0.5 - self.level) * np.abs(sign)) / (output.shape[1] * output.shape[2])


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [Quantile]
