"""Activation: celu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class CELU(Activation):
    """Continuously differentiable exponential linear unit: an ELU whose slope is 1 at 0 for every alpha.

        f(z)  = z  where z > 0,  alpha (exp(z / alpha) - 1)  elsewhere
        f'(z) = 1  where z > 0,  exp(z / alpha)              elsewhere

    alpha is the depth of the floor, as in `elu`, and how slowly it is reached. alpha = 1 is `elu`; alpha → 0
    is ReLU, alpha → ∞ the identity.

    Domain: z real, alpha > 0. Range: (-alpha, ∞); floating point reaches the end.

    Barron, "Continuously Differentiable Exponential Linear Units", 2017. https://arxiv.org/abs/1704.07483
    """

    name: ClassVar[str] = "celu"
    range: ClassVar[str] = "(-inf, inf)"

    alpha: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 2.0))

    def forward(self, z: Array) -> Array:
        # One of the two is 0. expm1 keeps the digits that exp(x) - 1 loses near 0; clip is faster than where.
        return z.clip(0, np.inf) + self.alpha * np.expm1(z.clip(-np.inf, 0) / self.alpha)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed: a saves the exponential, which takes most of the time.
        return np.where(z > 0, grad, grad * (a / self.alpha + 1))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [CELU]
