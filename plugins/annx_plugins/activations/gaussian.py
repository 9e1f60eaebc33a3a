"""Activation: gaussian."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, log


@dataclass(frozen=True)
class Gaussian(Activation):
    """Gaussian bump: a unit that answers near 0 only.

        f(z)  = exp(-z² / (2 sigma²))
        f'(z) = -z f(z) / sigma²

    Local where ReLU is global: far away both value and gradient are 0, so the weights must start where units
    overlap the data. Also used in place of `sine` for networks that represent signals. The default sigma is
    √½, for which f(z) = exp(-z²).

    Domain: z real, sigma > 0. Range: (0, 1]; floating point reaches 0.

    Ramasinghe & Lucey, "Beyond Periodicity: Towards a Unifying Framework for Activations in
    Coordinate-MLPs", ECCV 2022, section 3. https://arxiv.org/abs/2111.15135
    """

    name: ClassVar[str] = "gaussian"
    range: ClassVar[str] = "(0, 1]"

    sigma: Hyper = hyper(math.sqrt(0.5), "(0, inf)", search=log(0.1, 10.0))

    def forward(self, z: Array) -> Array:
        return np.exp(-0.5 * np.square(z / self.sigma))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Gaussian]
