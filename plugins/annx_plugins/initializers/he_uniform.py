"""Initializer: he_uniform."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Initializer, hookimpl


@dataclass(frozen=True)
class HeUniform(Initializer):
    """He (Kaiming) initialization, uniform.

        W ~ U(-b, b),  b = √(6 / fan_in),  so that Var W = 2 / fan_in

    It keeps the variance of activations from layer to layer under ReLU, which drops half of it.

    Choose it as `he_normal`, whose variance it has; the difference between the two is small.

    He, Zhang, Ren & Sun, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification", ICCV 2015, section 2.2. https://arxiv.org/abs/1502.01852. The paper draws from a normal
    distribution; this is the uniform distribution of the same variance, PyTorch's kaiming_uniform_ with its
    default gain for ReLU. PyTorch's own linear layers use it with a gain of 1/√3.
    """

    name: ClassVar[str] = "he_uniform"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        bound = np.sqrt(6 / fan_in)
        return rng.uniform(-bound, bound, shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [HeUniform]
