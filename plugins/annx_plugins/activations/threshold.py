"""Activation: threshold."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class Threshold(Activation):
    """Threshold: z where it is above a threshold, a fixed value elsewhere.

        f(z)  = z  where z > threshold,  value  elsewhere
        f'(z) = 1  where z > threshold,  0      elsewhere

    With value 0 it is the thresholded ReLU: units answer only to strong inputs, but then with all of
    it, where `softshrink` would take the threshold off. With threshold 0 and value 0 it is ReLU.

    Domain: z real, threshold and value real. Range: (-∞, ∞). f jumps at threshold unless value equals it; the
    sub-gradient there is 0, as in PyTorch.

    Konda, Memisevic & Krueger, "Zero-bias autoencoders and the benefits of co-adapting features", ICLR 2015,
    section 2, whose experiments have threshold 1. https://arxiv.org/abs/1402.3337. PyTorch's Threshold has no
    defaults; Keras's is 0 in the function and 1 in the layer ThresholdedReLU of Keras 2.
    """

    name: ClassVar[str] = "threshold"
    range: ClassVar[str] = "(-inf, inf)"

    threshold: Hyper = hyper(1.0, "(-inf, inf)", search=linear(0.0, 1.0))
    value: Hyper = hyper(0.0, "(-inf, inf)")

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where f jumps: at the threshold."""
        return tuple(np.unique(self.threshold).tolist())

    def forward(self, z: Array) -> Array:
        return np.where(z <= self.threshold, self.value, z)  # so NaN stays NaN


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Threshold]
