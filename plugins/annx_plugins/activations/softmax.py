"""Activation: softmax."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Softmax(Activation):
    """Softmax over the last axis: it turns real numbers into a probability distribution.

        f(z)ᵢ      = exp(zᵢ) / Σⱼ exp(zⱼ)
        ∂f(z)ᵢ/∂zⱼ = f(z)ᵢ (δᵢⱼ - f(z)ⱼ)

    Backward multiplies by the full Jacobian: ∂L/∂z = a ∘ (grad - Σⱼ gradⱼ aⱼ).

    Choose it as the output for classes of which exactly one is right. `sparsemax` gives some of them exactly
    0.

    Domain: z real. Range: (0, 1]; floating point reaches 0. The values of an example sum to 1.
    Shapes: z (T, N, D), the distribution over D; no function of one unit by itself, as the seed document's
    list of activations might suggest.

    Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs, with
    Relationships to Statistical Pattern Recognition", Neurocomputing (1990), 227-236.
    https://doi.org/10.1007/978-3-642-76153-9_28
    """

    name: ClassVar[str] = "softmax"
    range: ClassVar[str] = "(0, 1]"

    def forward(self, z: Array) -> Array:
        # A shift of all z of an example changes nothing; after it no exponent is positive, so none overflows.
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed: a saves the exponentials and the division.
        return a * (grad - (grad * a).sum(axis=-1, keepdims=True))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Softmax]
