"""Loss: log_cosh."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Loss, Task, hookimpl


@dataclass(frozen=True)
class LogCosh(Loss):
    """Logarithm of the hyperbolic cosine of the error: squared near 0, absolute far away, smooth throughout.

        ℓ(a, y) = log cosh(a - y)
        ∂ℓ/∂a   = tanh(a - y)

    It is close to (a - y)² / 2 for small errors and to |a - y| - log 2 for large ones. Choose it over `huber`
    if the optimizer uses curvature (`lbfgs`), as its second derivative has no jump; there is nothing to tune.
    The errors at which it changes are about 1, so the scale of the targets matters: standardise them.

    Domain: output a and target y real.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Saleh & Saleh, "Statistical Properties of the log-cosh Loss Function Used in Machine Learning", 2022.
    https://arxiv.org/abs/2208.04564. As in Keras and optax.
    """

    name: ClassVar[str] = "log_cosh"
    outputs: ClassVar[Mapping[Task, str]] = {
        "regression": "identity",
        "binary": "sigmoid",
        "multiclass": "softmax",
        "unsupervised": "identity",
    }

    def value(self, output: Array, target: Array) -> Array:
        size = np.abs(output - target)
        # log(1 + 2 sinh²(e/2)) is exact for a small error; e + log((1 + exp(-2e)) / 2) never overflows.
        near = np.log1p(2 * np.square(np.sinh(0.5 * np.minimum(size, 1))))
        far = size + np.log1p(np.exp(-2 * size)) - float(np.log(2))
        return np.where(size < 1, near, far).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for speed: tanh in place of both branches.
        return np.tanh(output - target) / (output.shape[1] * output.shape[2])


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [LogCosh]
