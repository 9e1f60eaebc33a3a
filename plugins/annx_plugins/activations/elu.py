"""Activation: elu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class ELU(Activation):
    """Exponential linear unit: a ReLU that bends smoothly to a floor below 0.

        f(z)  = z  where z > 0,  alpha (exp(z) - 1)  elsewhere
        f'(z) = 1  where z > 0,  f(z) + alpha        elsewhere

    Its negative values move the mean of a layer towards 0, which ReLU cannot. Choose `selu` where the network
    is to keep its variance without normalization, `celu` where alpha is not 1 and f' must not jump.

    Domain: z real, alpha ≥ 0; alpha = 0 is ReLU. Range: (-alpha, ∞); floating point reaches the end. f' jumps
    at 0 unless alpha = 1; at 0 it is alpha, as in PyTorch and JAX.

    Clevert, Unterthiner & Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units
    (ELUs)", ICLR 2016, equation 15. https://arxiv.org/abs/1511.07289
    """

    name: ClassVar[str] = "elu"
    range: ClassVar[str] = "(-inf, inf)"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    alpha: Hyper = hyper(1.0, "[0, inf)", search=linear(0.5, 2.0))

    def forward(self, z: Array) -> Array:
        # One of the two is 0. expm1 keeps the digits that exp(z) - 1 loses near 0; clip is faster than where.
        return z.clip(0, np.inf) + self.alpha * np.expm1(z.clip(-np.inf, 0))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed: a saves the exponential, which takes most of the time.
        return np.where(z > 0, grad, grad * (a + self.alpha))


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [ELU]
