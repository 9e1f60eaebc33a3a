"""Initializer: glorot_uniform."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Initializer, hookimpl


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Glorot (Xavier) initialization, uniform.

        W ~ U(-b, b),  b = √(6 / (fan_in + fan_out)),  so that Var W = 2 / (fan_in + fan_out)

    It keeps the variance of activations and of gradients from layer to layer if f is nearly linear, so choose
    it for tanh. `he_normal` makes up for the half that relu cuts away, `lecun_normal` looks at signals alone.

    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    2010, equation 16. https://proceedings.mlr.press/v9/glorot10a.html. It is the
    default of Keras and Flux. PyTorch's linear layers use U(-1/√fan_in, 1/√fan_in) for weights and biases.
    scikit-learn has 2 in place of 6 for logistic units.
    """

    name: ClassVar[str] = "glorot_uniform"
    default: ClassVar[bool] = True

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        bound = np.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-bound, bound, shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [GlorotUniform]
