"""Loss: mse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Draws, Likelihood, Loss, Task, hookimpl, hyper


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """Mean squared error, the L2 loss.

        ℓ(a, y) = c (a - y)²,  c = 1/2 if `half` is true, else 1
        ∂ℓ/∂a   = 2 c (a - y)

    Choose it where the mean of the targets is wanted and errors are about normal. A few targets far off
    decide it; `huber` and `mae` bear these.

    Domain: output a and target y real; half true or false.
    Shapes: a and y (T, N, D); value (T,), the mean over N and D.

    Gauss, "Theoria combinationis observationum erroribus minimis obnoxiae" (1823). PyTorch, Keras, Flux
    and optax.squared_error have c = 1; optax.l2_loss (preset "optax") and scikit-learn's networks have
    c = 1/2. In plain gradient descent c acts like a factor on the learning rate.
    """

    name: ClassVar[str] = "mse"
    outputs: ClassVar[Mapping[Task, str]] = {
        "regression": "identity",
        "binary": "sigmoid",
        "multiclass": "softmax",
        "unsupervised": "identity",
    }
    natural_for: ClassVar[tuple[Task, ...]] = ("regression", "unsupervised")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"half": False},
        "torch": {"half": False},
        "keras": {"half": False},
        "optax": {"half": True},
        "flux": {"half": False},
    }

    likelihood: ClassVar[Likelihood] = "output"  # of N(a, 1 / (2 c))

    half: bool = hyper(False, "bool")

    def value(self, output: Array, target: Array) -> Array:
        error = output - target
        mean = (error * error).mean(axis=(1, 2))
        return 0.5 * mean if self.half else mean

    def residuals(self, output: Array, target: Array) -> Array:
        count = output.shape[2]
        return (output - target) * np.sqrt(np.asarray(0.5 / count if self.half else 1 / count, output.dtype))

    def draw(self, output: Array, draws: Draws) -> Array:
        noise = draws.normal(output)
        return output + (noise if self.half else noise * np.sqrt(np.asarray(0.5, output.dtype)))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [MeanSquaredError]
