"""Activation: softmax."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Softmax(Activation):
    """Softmax over the last axis: real numbers to a probability distribution.

        f(z)ᵢ      = exp(zᵢ) / Σⱼ exp(zⱼ)
        ∂f(z)ᵢ/∂zⱼ = f(z)ᵢ (δᵢⱼ - f(z)ⱼ)

    Backward multiplies by the whole Jacobian: ∂L/∂z = a ∘ (grad - Σⱼ gradⱼ aⱼ).

    Domain: z real. Range: (0, 1], the values of an example adding up to 1; in floating point 0 is
    reached. Shapes: z (T, N, D), the distribution over D.

    Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs, with
    Relationships to Statistical Pattern Recognition", Neurocomputing (1990), 227-236.
    https://doi.org/10.1007/978-3-642-76153-9_28
    """

    name: ClassVar[str] = "softmax"
    range: ClassVar[str] = "(0, 1]"

    def forward(self, z: Array) -> Array:
        # Shifting all of an example's z changes nothing, and leaves no positive exponent to overflow.
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return a * (grad - (grad * a).sum(axis=-1, keepdims=True))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Softmax]
