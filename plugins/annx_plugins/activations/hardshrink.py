"""Activation: hardshrink."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class Hardshrink(Activation):
    """Hard shrinkage: small numbers become 0, others stay as they are.

        f(z)  = z  where |z| > threshold,  0  elsewhere
        f'(z) = 1  where |z| > threshold,  0  elsewhere

    It removes small numbers as noise without making large ones smaller, which `softshrink` does; so it jumps
    at ±threshold.

    Domain: z real, threshold ≥ 0 (PyTorch's lambd); 0 is the identity but for its sub-gradient at 0. Range:
    (-∞, ∞). Not continuous at ±threshold: the sub-gradient there is 0, as in PyTorch.

    Donoho & Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81 (1994), 425-455,
    section 1. https://doi.org/10.1093/biomet/81.3.425. PyTorch's and Keras's threshold is 0.5 too.
    """

    name: ClassVar[str] = "hardshrink"
    range: ClassVar[str] = "(-inf, inf)"
    other_names: ClassVar[Mapping[str, str]] = {"lambd": "threshold"}

    threshold: Hyper = hyper(0.5, "[0, inf)", search=linear(0.1, 1.0))

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where f jumps: at the threshold on each side."""
        ends = np.unique(self.threshold)
        return (*-ends, *ends)

    def forward(self, z: Array) -> Array:
        return np.where(np.abs(z) <= self.threshold, 0.0, z)  # so NaN stays NaN


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Hardshrink]
