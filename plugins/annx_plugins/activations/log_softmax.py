"""Activation: log_softmax."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class LogSoftmax(Activation):
    """The logarithm of softmax over the last axis.

        f(z)ᵢ      = zᵢ - log Σⱼ exp(zⱼ)
        ∂f(z)ᵢ/∂zⱼ = δᵢⱼ - exp(f(z)ⱼ)

    For outputs that are logarithms of probabilities: it stays exact where a probability rounds to 0.

    Choose it as an output where the loss takes log-probabilities; for a cross-entropy `softmax` is right,
    because training joins the two without loss of digits.

    Domain: z real. Range: (-∞, 0]. Shapes: z (T, N, D), over D; exp(f(z)) sums to 1.

    Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships to
    Statistical Pattern Recognition", Neurocomputing (1990), 227-236, on softmax.
    https://doi.org/10.1007/978-3-642-76153-9_28
    """

    name: ClassVar[str] = "log_softmax"
    range: ClassVar[str] = "(-inf, 0]"

    def forward(self, z: Array) -> Array:
        # A shift of all z of an example changes nothing; after it no exponent is positive, so none overflows.
        shifted = z - z.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed: the derived one goes through the maximum too, whose parts cancel.
        return grad - np.exp(a) * grad.sum(axis=-1, keepdims=True)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [LogSoftmax]
