"""Activation: sign."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Sign(Activation):
    """Sign: the state of a unit that is on or off.

        f(z)  = -1, 0 or 1  where z < 0, z = 0 or z > 0
        f'(z) = 0

    For the output of networks that learn by a rule of their own, as `hopfield`: half the mean absolute error
    of patterns of ±1 is then the share of wrong bits. No gradient goes through it, so what lies below it
    learns nothing by back-propagation.

    Choose it for networks that recall stored patterns; it has no slope, so gradients cannot train through it.
    `tanh` is its smooth form.

    Domain: z real. Range: {-1, 0, 1}. Not differentiable at 0.

    McCulloch & Pitts, "A Logical Calculus of the Ideas Immanent in Nervous Activity", Bulletin of
    Mathematical Biophysics 5 (1943), 115-133, whose units are 0 or 1. https://doi.org/10.1007/BF02478259.
    As PyTorch's sign, whose gradient is 0 too.
    """

    name: ClassVar[str] = "sign"
    range: ClassVar[str] = "[-1, 1]"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array) -> Array:
        return np.sign(z)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Sign]
