"""Activation: hard_swish."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class HardSwish(Activation):
    """Hard swish: SiLU with three lines in place of the logistic function.

        f(z)  = z min(max(z + 3, 0), 6) / 6
        f'(z) = 0  where z ≤ -3,  1  where z ≥ 3,  z / 3 + 1/2  between

    Made for networks on phones, where an exponential is dear. It differs from `silu` by at most 0.143, and
    below -3 it is exactly 0, so units there get no gradient.

    Domain: z real. Range: [-0.375, ∞). Not differentiable at ±3: the sub-gradients are 0 and 1,
    as in PyTorch.

    Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2. https://arxiv.org/abs/1905.02244
    """

    name: ClassVar[str] = "hard_swish"
    range: ClassVar[str] = "[-0.375, inf)"
    kinks: ClassVar[tuple[float, ...]] = (-3.0, 3.0)

    def forward(self, z: Array) -> Array:
        return z * np.clip(z + 3, 0, 6) / 6


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [HardSwish]
