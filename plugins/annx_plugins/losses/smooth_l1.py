"""Loss: smooth_l1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, log


@dataclass(frozen=True)
class SmoothL1(Loss):
    """Smooth L1 loss: the absolute error with a rounded corner.

        ℓ(a, y) = (a - y)² / (2 beta)  where |a - y| ≤ beta
                  |a - y| - beta / 2   elsewhere
        ∂ℓ/∂a   = (a - y) / beta, clipped to [-1, 1]

    It is `huber` with delta = beta, divided by beta. So its slope for large errors is always 1, and it
    becomes `mae` as beta tends to 0, where Huber's loss vanishes. Choose it over `huber` to change where the
    corner lies without changing the size of the steps; choose either over `mse` if some targets are outliers.

    Domain: output a and target y real, beta > 0 (PyTorch takes beta = 0 too, which is `mae`).
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Girshick, "Fast R-CNN", ICCV 2015, section 2.3, with beta = 1. https://arxiv.org/abs/1504.08083
    """

    name: ClassVar[str] = "smooth_l1"
    outputs: ClassVar[Mapping[Task, str]] = {
        "regression": "identity",
        "binary": "sigmoid",
        "multiclass": "softmax",
        "unsupervised": "identity",
    }

    beta: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))

    def value(self, output: Array, target: Array) -> Array:
        error = output - target
        kept = np.clip(error, -self.beta, self.beta)
        # Both branches at once: the clipped error is the error in the first, ±beta in the second.
        return (kept / self.beta * (error - 0.5 * kept)).mean(axis=(1, 2))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [SmoothL1]
