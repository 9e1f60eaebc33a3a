"""Initializer: lecun_uniform."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Initializer, hookimpl


@dataclass(frozen=True)
class LeCunUniform(Initializer):
    """LeCun initialization, uniform.

        W ~ U(-b, b),  b = √(3 / fan_in),  so that Var W = 1 / fan_in

    It keeps the variance of activations from layer to layer if f is nearly linear; `he_uniform` has twice the
    variance, for ReLU. PyTorch's own linear layers start with a third of this variance, b = 1 / √fan_in:
    `variance_scaling` with scale = 1/3 and distribution = "uniform".

    LeCun, Bottou, Orr & Müller, "Efficient BackProp", Neural Networks: Tricks of the Trade (1998), section
    4.6. https://doi.org/10.1007/3-540-49430-8_2. As in Keras and JAX.
    """

    name: ClassVar[str] = "lecun_uniform"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        bound = np.sqrt(3 / fan_in)
        return rng.uniform(-bound, bound, shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [LeCunUniform]
