"""Loss: mae."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Loss, Task, hookimpl


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """Mean absolute error, the L1 loss.

        ℓ(a, y) = |a - y|
        ∂ℓ/∂a   = sign(a - y)

    Choose it where the median of the targets is wanted and outliers should count by their sign alone. Its
    gradient does not shrink near the minimum; `huber` and `log_cosh` are smooth there.

    Domain: output a and target y real. Not differentiable at a = y: the sub-gradient there is 0, as in
    PyTorch; in JAX it is 1.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Bloomfield & Steiger, "Least Absolute Deviations: Theory, Applications, and Algorithms" (1983),
    chapter 1. https://doi.org/10.1007/978-1-4684-8574-5. Some texts use the sum instead of the mean; the seed
    document has both. Its "constant" derivative is the sign.
    """

    name: ClassVar[str] = "mae"
    outputs: ClassVar[Mapping[Task, str]] = {
        "regression": "identity",
        "binary": "sigmoid",
        "multiclass": "softmax",
        "unsupervised": "identity",
    }
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def value(self, output: Array, target: Array) -> Array:
        return np.abs(output - target).mean(axis=(1, 2))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [MeanAbsoluteError]
