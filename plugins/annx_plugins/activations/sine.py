"""Activation: sine."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, log


@dataclass(frozen=True)
class Sine(Activation):
    """Sine, for networks that represent signals (SIREN).

        f(z)  = sin(omega z)
        f'(z) = omega cos(omega z)

    For images, sounds and solutions of differential equations as functions of their coordinates: its
    derivatives are sines again. It trains well only from the initializer `siren` with the same omega. Choose
    `snake` for ordinary data with a period.

    Domain: z real, omega > 0. Range: [-1, 1].

    Sitzmann, Martel, Bergman, Lindell & Wetzstein, "Implicit Neural Representations with Periodic Activation
    Functions", NeurIPS 2020, section 3, with omega = 30. https://arxiv.org/abs/2006.09661
    """

    name: ClassVar[str] = "sine"
    range: ClassVar[str] = "[-1, 1]"

    omega: Hyper = hyper(30.0, "(0, inf)", search=log(1.0, 60.0))

    def forward(self, z: Array) -> Array:
        return np.sin(self.omega * z)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Sine]
