"""Activation: lisht."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class LiSHT(Activation):
    """Linearly scaled hyperbolic tangent: z times its tanh.

        f(z)  = z tanh(z)
        f'(z) = tanh(z) + z (1 - tanh²(z))

    Even: f(-z) = f(z), so it measures how far z is from 0 on either side; about z² near 0 and |z| far away.
    Choose it where ReLU's loss of negative values is in question. A layer's outputs are never negative.

    Domain: z real. Range: [0, ∞).

    Roy, Manna, Dubey & Chaudhuri, "LiSHT: Non-Parametric Linearly Scaled Hyperbolic Tangent Activation
    Function for Neural Networks", 2019, section 3. https://arxiv.org/abs/1901.05894
    """

    name: ClassVar[str] = "lisht"
    range: ClassVar[str] = "[0, inf)"

    def forward(self, z: Array) -> Array:
        return z * np.tanh(z)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [LiSHT]
