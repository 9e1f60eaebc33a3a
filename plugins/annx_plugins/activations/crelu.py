"""Activation: crelu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class CReLU(Activation):
    """Concatenated rectified linear unit: the positive parts of z and of -z, side by side.

        f(z)  = (max(z, 0), max(-z, 0))
        ∂f/∂z = (1, 0)  where z > 0,  (0, -1)  where z < 0

    Every pre-activation gives two units, so a layer of D units needs D / 2 pre-activations, and D must be
    even. Compare it with others at an equal number of weights. Choose it where `relu` throws away what a
    filter says with the opposite sign, as in the first layers of a convolutional network, whose filters often
    come in pairs of opposite signs; no unit pair is ever dead. `leaky_relu` keeps both signs too, but in one
    number.

    Domain: z real. Range: [0, ∞). Shapes: z (T, N, D / 2); result (T, N, D), its first half the positive
    parts of z, its second those of -z. Not differentiable at 0: the sub-gradient there is 0, as PyTorch's of
    the same formula.

    Shang, Sohn, Almeida & Lee, "Understanding and Improving Convolutional Neural Networks via Concatenated
    Rectified Linear Units", ICML 2016, definition 2.1. https://arxiv.org/abs/1603.05201
    """

    name: ClassVar[str] = "crelu"
    range: ClassVar[str] = "[0, inf)"
    multiple: ClassVar[int] = 2
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def width(self, units: int) -> int:
        return units // 2

    def forward(self, z: Array) -> Array:
        return np.concatenate([z.clip(0, np.inf), (-z).clip(0, np.inf)], axis=2)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [CReLU]
