"""Activation: exponential."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Exponential(Activation):
    """The exponential function, for outputs that are positive.

        f(z)  = exp(z)
        f'(z) = exp(z)

    As an output it models rates and scales, whose logarithm is linear in the inputs (the log link of Poisson
    regression). In hidden layers it explodes; `softplus` is positive too and grows as a line.

    Domain: z real. Range: (0, ∞); floating point reaches 0. Above z = 88, in float64 709, f and f' keep their
    values there, so that they stay finite.

    McCullagh & Nelder, "Generalized Linear Models", 2nd edition (1989), section 2.2.3.
    https://doi.org/10.1201/9780203753736. Keras's exponential overflows.
    """

    name: ClassVar[str] = "exponential"
    range: ClassVar[str] = "(0, inf)"

    def forward(self, z: Array) -> Array:
        return np.exp(np.minimum(z, 88 if z.dtype == np.float32 else 709))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed, as a saves the exponential; a derived slope would be 0 beyond the limit.
        return grad * a


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Exponential]
