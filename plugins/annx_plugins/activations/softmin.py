"""Activation: softmin."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Softmin(Activation):
    """Softmin over the last axis: a distribution that favours the smallest numbers.

        f(z)ᵢ      = exp(-zᵢ) / Σⱼ exp(-zⱼ)
        ∂f(z)ᵢ/∂zⱼ = f(z)ᵢ (f(z)ⱼ - δᵢⱼ)

    The softmax of -z, for outputs that are distances or costs: the nearest class is the likeliest.

    Choose it where small scores are the good ones, as distances are; it is `softmax` of -z.

    Domain: z real. Range: (0, 1]; floating point reaches 0. Shapes: z (T, N, D), the distribution over D.

    Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships to
    Statistical Pattern Recognition", Neurocomputing (1990), 227-236, on softmax.
    https://doi.org/10.1007/978-3-642-76153-9_28. As PyTorch's softmin.
    """

    name: ClassVar[str] = "softmin"
    range: ClassVar[str] = "(0, 1]"

    def forward(self, z: Array) -> Array:
        # A shift of all z of an example changes nothing; after it no exponent is positive, so none overflows.
        e = np.exp(z.min(axis=-1, keepdims=True) - z)
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed: a saves the exponentials and the division.
        return a * ((grad * a).sum(axis=-1, keepdims=True) - grad)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Softmin]
