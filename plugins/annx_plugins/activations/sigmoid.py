"""Activation: sigmoid."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Sigmoid(Activation):
    """Logistic sigmoid.

        f(z)  = 1 / (1 + exp(-z))
        f'(z) = f(z) (1 - f(z))

    Choose it as the output for probabilities, or inside gates. In deep hidden layers its slope, at most 1/4,
    lets gradients fade, and its mean is not 0; `tanh` lacks the second fault.

    Domain: z real. Range: (0, 1); floating point reaches the ends.

    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323
    (1986), 533-536, equation 2. https://doi.org/10.1038/323533a0
    """

    name: ClassVar[str] = "sigmoid"
    range: ClassVar[str] = "(0, 1)"

    def forward(self, z: Array) -> Array:
        # exp(-|z|) never overflows, and keeps the digits of a small f(z) that 0.5 (1 + tanh(z / 2)) loses.
        e = np.exp(-np.abs(z))
        return np.maximum(e, z >= 0) / (1 + e)  # e where z < 0, else 1; twice as fast as np.where

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand because |z| has no slope at 0, where f has one; and a saves the exponential.
        return grad * (a * (1 - a))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Sigmoid]
