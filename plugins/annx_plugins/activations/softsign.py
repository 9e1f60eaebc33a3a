"""Activation: softsign."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Softsign(Activation):
    """Softsign, a sigmoid that approaches its ends slowly.

        f(z)  = z / (1 + |z|)
        f'(z) = 1 / (1 + |z|)²

    Like tanh it runs from -1 to 1, but its slope falls as 1 / z² and not exponentially, so saturated units
    still learn. Choose it to ask whether saturation is what slows a tanh network.

    Domain: z real. Range: (-1, 1); floating point reaches the ends.

    Turian, Bergstra & Bengio, "Quadratic Features and Deep Architectures for Chunking", NAACL 2009, section
    4. https://aclanthology.org/N09-2062
    """

    name: ClassVar[str] = "softsign"
    range: ClassVar[str] = "(-1, 1)"

    def forward(self, z: Array) -> Array:
        return z / (1 + np.abs(z))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand because the derived slope, (1 - |f(z)|) / (1 + |z|), loses the digits of a large z.
        return grad / np.square(1 + np.abs(z))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Softsign]
