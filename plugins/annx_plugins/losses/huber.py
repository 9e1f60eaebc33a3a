"""Loss: huber."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, log


@dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss: squared for small errors, absolute for large ones.

        ℓ(a, y) = (a - y)² / 2             where |a - y| ≤ delta
                  delta (|a - y| - delta / 2)  elsewhere
        ∂ℓ/∂a   = a - y, clipped to [-delta, delta]

    Choose it over `mse` where a few targets are far off, with delta about as large as a usual error. `mae`
    ignores the size of all errors, `tukey` leaves out the largest ones altogether.

    Domain: output a and target y real, delta > 0.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964),
    73-101. https://doi.org/10.1214/aoms/1177703732. PyTorch's smooth_l1 is this divided by delta.
    """

    name: ClassVar[str] = "huber"
    outputs: ClassVar[Mapping[Task, str]] = {
        "regression": "identity",
        "binary": "sigmoid",
        "multiclass": "softmax",
        "unsupervised": "identity",
    }

    delta: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))

    def value(self, output: Array, target: Array) -> Array:
        error = output - target
        kept = np.clip(error, -self.delta, self.delta)
        # Both branches at once: the clipped error is the error in the first, ±delta in the second.
        return (kept * (error - 0.5 * kept)).mean(axis=(1, 2))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [Huber]
