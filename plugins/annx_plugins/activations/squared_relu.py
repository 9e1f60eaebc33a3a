"""Activation: squared_relu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class SquaredReLU(Activation):
    """ReLU, squared.

        f(z)  = max(z, 0)²
        f'(z) = 2 max(z, 0)

    Smooth at 0, and it weighs strong inputs more. Found by a search for better transformers. It grows faster
    than its argument, so deep networks without normalization may diverge: tune the learning rate down.

    Choose it in transformers, for which a search for better ones found it. Its slope is continuous but grows
    without bound, so it needs smaller rates than `relu`.

    Domain: z real. Range: [0, ∞).

    So, Mańke, Liu, Dai, Shazeer & Le, "Primer: Searching for Efficient Transformers for Language Modeling",
    NeurIPS 2021, section 4. https://arxiv.org/abs/2109.08668
    """

    name: ClassVar[str] = "squared_relu"
    range: ClassVar[str] = "[0, inf)"

    def forward(self, z: Array) -> Array:
        return np.square(z.clip(0, np.inf))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [SquaredReLU]
