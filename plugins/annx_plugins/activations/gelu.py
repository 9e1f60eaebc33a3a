"""Activation: gelu."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl, hyper

LINEAR = math.sqrt(2 / math.pi)
CUBIC = 0.044715 * LINEAR


@dataclass(frozen=True)
class GELU(Activation):
    """Gaussian error linear unit: z times the probability that a standard normal number is below z.

        f(z)  = z Φ(z),  Φ(z) = (1 + erf(z / √2)) / 2              approximate "none"
        f(z)  = z (1 + tanh(√(2/π) (z + 0.044715 z³))) / 2         approximate "tanh"
        f'(z) = Φ(z) + z φ(z),  φ(z) = exp(-z²/2) / √(2π), or the second line's own

    Choose it in transformers, where it is the usual one. `silu` has a similar curve and costs less;
    `relu` is its sharp form.

    Domain: z real. Range: [-0.17, ∞). The two forms differ by at most 4.8e-4. f is not monotonic: it falls up
    to z = -0.752 and then rises.

    Hendrycks & Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, section 2.
    https://arxiv.org/abs/1606.08415. PyTorch and Keras compute the first form by default, JAX and Flux the
    second.
    """

    name: ClassVar[str] = "gelu"
    range: ClassVar[str] = "[-0.1701, inf)"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"approximate": "none"},
        "torch": {"approximate": "none"},
        "keras": {"approximate": "none"},
        "optax": {"approximate": "tanh"},
        "flux": {"approximate": "tanh"},
    }

    approximate: str = hyper("none", ("none", "tanh"))

    def forward(self, z: Array) -> Array:
        if self.approximate == "tanh":
            return 0.5 * z * (1 + np.tanh(z * (LINEAR + CUBIC * (z * z))))
        from scipy.special import ndtr  # Φ; 1 + erf would lose the digits of small values

        return z * ndtr(z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        if self.approximate == "tanh":
            return super().backward(grad, z, a)
        # By hand for speed: a / z is Φ(z); computing Φ(z) again would take 20 times as long as the division.
        share = np.divide(a, z, out=np.full_like(z, 0.5), where=z != 0)
        return grad * (share + z * (np.exp(-0.5 * (z * z)) / math.sqrt(2 * math.pi)))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [GELU]
