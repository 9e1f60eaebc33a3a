"""Activation: selu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl

SCALE = 1.0507009873554804934193349852946
FLOOR = 1.0507009873554804934193349852946 * 1.6732632423543772848170429916717  # λ α


@dataclass(frozen=True)
class SELU(Activation):
    """Scaled exponential linear unit: it moves activations towards mean 0 and variance 1.

        f(z)  = λ z                     where z > 0,  λ α (exp(z) - 1)  elsewhere
        f'(z) = λ                       where z > 0,  f(z) + λ α        elsewhere
        λ = 1.0507009873554805,  α = 1.6732632423543773

    Choose it for deep plain networks without normalization, with `lecun_normal` weights: signals then keep
    mean 0 and variance 1 by themselves. `elu` has the same form without that scale.

    Domain: z real. Range: [-1.7581, ∞); floating point reaches the end. f' jumps at 0 from λ α to λ; at 0
    it is λ α, as in PyTorch and JAX. Mean 0 and variance 1 are a fixed point for weights of variance 1 /
    fan_in.

    Klambauer, Unterthiner, Mayr & Hochreiter, "Self-Normalizing Neural Networks", NeurIPS 2017, equation 2.
    https://arxiv.org/abs/1706.02515
    """

    name: ClassVar[str] = "selu"
    range: ClassVar[str] = "[-1.7581, inf)"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array) -> Array:
        # One of the two is 0. expm1 keeps the digits that exp(z) - 1 loses near 0; clip is faster than where.
        return SCALE * z.clip(0, np.inf) + FLOOR * np.expm1(z.clip(-np.inf, 0))

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed: a saves the exponential, which takes 16 times as long as the rest.
        return grad * np.where(z > 0, SCALE, a + FLOOR)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [SELU]
