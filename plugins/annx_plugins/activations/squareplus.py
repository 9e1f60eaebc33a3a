"""Activation: squareplus."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, log


@dataclass(frozen=True)
class Squareplus(Activation):
    """Squareplus, a smooth ReLU of square roots alone.

        f(z)  = (z + √(z² + b)) / 2
        f'(z) = (1 + z / √(z² + b)) / 2

    It resembles softplus, needs no exponential, and its slope falls as 1 / z² below 0 and not exponentially.
    b is the size of the bend: f(0) = √b / 2. b → 0 is ReLU.

    Choose it in place of `softplus` where exponentials are slow or overflow: it is a smooth `relu` of a root
    alone.

    Domain: z real, b > 0. Range: (0, ∞). b = 4 gives the slope's own slope at 0 the value 1/4, that of
    softplus; it is the default of Keras and JAX. The paper's 4 log² 2 has softplus's value at 0.

    Barron, "Squareplus: A Softplus-Like Algebraic Rectifier", 2021. https://arxiv.org/abs/2112.11687
    """

    name: ClassVar[str] = "squareplus"
    range: ClassVar[str] = "(0, inf)"

    b: Hyper = hyper(4.0, "(0, inf)", search=log(0.1, 10.0))

    def forward(self, z: Array) -> Array:
        length = np.hypot(z, np.sqrt(self.b))  # no square, which would overflow
        # Below 0 the sum of the formula would cancel; its product with length - z is b.
        return np.where(z > 0, 0.5 * (z + length), 0.5 * self.b / (length - np.minimum(z, 0)))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Squareplus]
