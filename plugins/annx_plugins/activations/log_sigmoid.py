"""Activation: log_sigmoid."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class LogSigmoid(Activation):
    """The logarithm of the logistic function.

        f(z)  = log σ(z) = -log(1 + exp(-z)),  σ(z) = 1 / (1 + exp(-z))
        f'(z) = σ(-z)

    For outputs that are logarithms of probabilities: it stays exact where σ(z) rounds to 0. It is softplus
    turned by half a turn, -softplus(-z).

    Choose it as an output where the loss takes log-probabilities. In hidden layers it is `softplus` mirrored
    at the origin.

    Domain: z real. Range: (-∞, 0); floating point reaches 0.

    Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 3.10, on the properties of the logistic
    function. https://www.deeplearningbook.org
    """

    name: ClassVar[str] = "log_sigmoid"
    range: ClassVar[str] = "(-inf, 0]"

    def forward(self, z: Array) -> Array:
        return -np.logaddexp(0, -z)  # never overflows


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [LogSigmoid]
