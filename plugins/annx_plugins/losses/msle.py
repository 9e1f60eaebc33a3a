"""Loss: msle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Loss, Task, hookimpl


@dataclass(frozen=True)
class MeanSquaredLogarithmicError(Loss):
    """Mean squared logarithmic error: squared differences of the logarithms, for targets that are sizes.

        ℓ(a, y) = (log(1 + a) - log(1 + y))²
        ∂ℓ/∂a   = 2 (log(1 + a) - log(1 + y)) / (1 + a)

    Choose it if targets are positive and spread over powers of ten (counts, prices, populations), and an
    error by a factor of two is equally bad for all of them. It forgives too large predictions more than too
    small ones. `mape` looks at ratios too, but is spoilt by targets near 0; `poisson_nll` fits counts whose
    spread grows with their mean.

    Domain: output a ≥ 0, so that the output activation must give such numbers: softplus by nature, or relu,
    which has no slope at 0. Target y ≥ 0: set [split] standardize = false.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Tofallis, "A better measure of relative prediction accuracy for model selection and model estimation",
    Journal of the Operational Research Society 66 (2015), 1352-1362, looks at log ratios.
    https://doi.org/10.1057/jors.2014.103. Keras raises a and y to 1e-7 where they are smaller; scikit-learn's
    mean_squared_log_error is the same as here. Flux takes log(a + ε) in place of log(1 + a).
    """

    name: ClassVar[str] = "msle"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "softplus"}
    accepts: ClassVar[str] = "[0, inf)"
    targets: ClassVar[str] = "[0, inf)"

    def value(self, output: Array, target: Array) -> Array:
        error = np.log1p(output) - np.log1p(target)
        return (error * error).mean(axis=(1, 2))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [MeanSquaredLogarithmicError]
