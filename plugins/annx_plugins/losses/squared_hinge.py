"""Loss: squared_hinge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class SquaredHinge(Loss):
    """Squared hinge loss: the square of the amount by which a score misses a margin, class by class.

        ℓ(x, y) = max(0, margin - (2y - 1) x)²
        ∂ℓ/∂x   = -2 (2y - 1) max(0, margin - (2y - 1) x)

    With one output it is `hinge` with `squared` on. With several, every output is a separate question, "this
    class or another?", and none competes with the others as they do in `hinge`. Choose it over `hinge` for
    its smooth gradient, which pulls harder at worse mistakes, and so is moved more by wrong labels.

    The outputs are margins, not probabilities. Metrics get σ(x), or the softmax of several outputs: scores in
    [0, 1] with the same order and the same largest class.

    Domain: output x real; target y 0 or 1, one-hot with several outputs; margin > 0.
    Shapes: x and y (T, N, D); value (T,), the mean over N and D, as in Keras.

    Tang, "Deep Learning using Linear Support Vector Machines", 2013, equation 5, with the sum over D.
    https://arxiv.org/abs/1306.0239
    """

    name: ClassVar[str] = "squared_hinge"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "identity", "multiclass": "identity"}

    margin: Hyper = hyper(1.0, "(0, inf)", search=linear(0.2, 2.0))

    def value(self, output: Array, target: Array) -> Array:
        lack = np.maximum(self.margin - (2 * target - 1) * output, 0)
        return (lack * lack).mean(axis=(1, 2))

    def predict(self, output: Array) -> Array:
        if output.shape[2] == 1:
            return 0.5 * (1 + np.tanh(0.5 * output))  # tanh saturates; exp would overflow
        e = np.exp(output - output.max(axis=2, keepdims=True))
        return e / e.sum(axis=2, keepdims=True)


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [SquaredHinge]
