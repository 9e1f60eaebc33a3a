"""Activation: softshrink."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class Softshrink(Activation):
    """Soft shrinkage: numbers move towards 0 by a threshold, small ones become 0.

        f(z)  = z - threshold  where z > threshold,  z + threshold  where z < -threshold,  0  elsewhere
        f'(z) = 1  where |z| > threshold,  0  elsewhere

    It removes small numbers as noise: the step of sparse coding and of L1 penalties. `hardshrink` keeps large
    numbers as they are, at the price of a jump.

    Domain: z real, threshold ≥ 0 (PyTorch's lambd); 0 is the identity. Range: (-∞, ∞). Not differentiable at
    ±threshold: the sub-gradient there is 0, as in PyTorch.

    Donoho, "De-Noising by Soft-Thresholding", IEEE Transactions on Information Theory 41 (1995), 613-627.
    https://doi.org/10.1109/18.382009. PyTorch's and Keras's threshold is 0.5 too.
    """

    name: ClassVar[str] = "softshrink"
    range: ClassVar[str] = "(-inf, inf)"
    other_names: ClassVar[Mapping[str, str]] = {"lambd": "threshold"}

    threshold: Hyper = hyper(0.5, "[0, inf)", search=linear(0.1, 1.0))

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where f' jumps: at the threshold on each side."""
        ends = np.unique(self.threshold)
        return (*-ends, *ends)

    def forward(self, z: Array) -> Array:
        # Not z - clip(z), which has the slope 1 at the threshold.
        return np.where(np.abs(z) <= self.threshold, 0.0, z - np.sign(z) * self.threshold)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Softshrink]
