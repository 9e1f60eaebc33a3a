"""Activation: sparsemax."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Sparsemax(Activation):
    """Sparsemax over the last axis: the nearest probability distribution, with exact zeros.

        f(z)ᵢ = max(zᵢ - τ, 0),  τ such that Σᵢ f(z)ᵢ = 1
        ∂L/∂z = grad - mean of grad over S  on S = {i: f(z)ᵢ > 0},  0  elsewhere

    τ = (Σ z over S - 1) / |S|, where S holds the k largest numbers with 1 + k z₍ₖ₎ > Σ of these k. Where
    softmax gives every class some probability, this gives exactly 0 to all that are far behind. Cross-entropy
    does not fit it, as the logarithm of 0 is not finite; the squared error does, and `sparsemax_loss`, which
    computes it from z itself: the output activation is then `identity`.

    Choose it over `softmax` where most classes should get exactly 0, as in attention to a few places or with
    several labels.

    Domain: z real. Range: [0, 1]. Shapes: z (T, N, D), the distribution over D. Where a number joins or
    leaves S, f is not differentiable; the sub-gradient is that of the smaller S.

    Martins & Astudillo, "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label
    Classification", ICML 2016, algorithm 1 and proposition 1. https://arxiv.org/abs/1602.02068
    """

    name: ClassVar[str] = "sparsemax"
    range: ClassVar[str] = "[0, 1]"

    def forward(self, z: Array) -> Array:
        shifted = z - z.max(axis=-1, keepdims=True)  # changes nothing, and keeps the digits of the sums
        falling = -np.sort(-shifted, axis=-1)
        count = np.arange(1, z.shape[2] + 1, dtype=z.dtype)
        inside = 1 + count * falling > np.cumsum(falling, axis=-1)
        size = inside.sum(axis=-1, keepdims=True)
        tau = ((falling * inside).sum(axis=-1, keepdims=True) - 1) / size.astype(z.dtype)
        return np.maximum(shifted - tau, 0)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed: a says what S is, so nothing is sorted again.
        inside = a > 0
        size = inside.sum(axis=-1, keepdims=True).astype(grad.dtype)
        mean = (grad * inside).sum(axis=-1, keepdims=True) / size
        return np.where(inside, grad - mean, 0)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Sparsemax]
