"""Activation: relu6."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class ReLU6(Activation):
    """ReLU that stops at 6.

        f(z)  = min(max(z, 0), 6)
        f'(z) = 1  where 0 < z < 6,  0  elsewhere

    A bound keeps activations small enough for arithmetic of few bits; the paper wanted sparse features
    early. Units above 6 get no gradient, which ReLU's do. See `hard_tanh` for other bounds.

    Domain: z real. Range: [0, 6]. Not differentiable at 0 and 6: the sub-gradient there is 0, as in PyTorch,
    Keras and JAX.

    Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010, section 3.
    https://www.cs.toronto.edu/~kriz/conv-cifar10-aug2010.pdf
    """

    name: ClassVar[str] = "relu6"
    range: ClassVar[str] = "[0, 6]"
    kinks: ClassVar[tuple[float, ...]] = (0.0, 6.0)

    def forward(self, z: Array) -> Array:
        return np.clip(z, 0, 6)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [ReLU6]
