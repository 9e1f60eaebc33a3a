"""Activation: mish."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Mish(Activation):
    """Mish, a smooth rectifier that falls a little below 0.

        f(z)  = z tanh(ζ(z)),  ζ(z) = log(1 + exp(z))
        f'(z) = tanh(ζ(z)) + z σ(z) (1 - tanh²(ζ(z))),  σ(z) = 1 / (1 + exp(-z))

    Choose it where SiLU or GELU would be chosen; the three have one shape, and mish follows the line z more
    closely above 0 (f(1) = 0.865, silu's 0.731).

    Domain: z real. Range: [-0.3088, ∞); the lowest value is at z = -1.1924.

    Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", BMVC 2020, equation 1.
    https://arxiv.org/abs/1908.08681
    """

    name: ClassVar[str] = "mish"
    range: ClassVar[str] = "[-0.3089, inf)"

    def forward(self, z: Array) -> Array:
        return z * _gate(z, np.exp(-np.abs(z)))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand because |z| in the fast form of the formula has no slope at 0, where f has one.
        e = np.exp(-np.abs(z))
        gate = _gate(z, e)
        logistic = np.maximum(e, z >= 0) / (1 + e)
        return grad * (gate + z * logistic * (1 - gate * gate))


def _gate(z: Array, e: Array) -> Array:
    """Return tanh(log(1 + x)) with x = exp(z), from e = exp(-|z|), which never overflows.

    It is x (x + 2) / (x (x + 2) + 2), with numerator and denominator divided by x² where z > 0: three times
    as fast as the hyperbolic tangent of the logarithm.
    """
    top = np.where(z > 0, 1 + 2 * e, e * (e + 2))
    return top / (top + np.where(z > 0, 2 * e * e, 2))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Mish]
