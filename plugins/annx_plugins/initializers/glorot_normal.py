"""Initializer: glorot_normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Initializer, hookimpl, hyper, truncated_normal


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Glorot (Xavier) initialization, normal.

        W ~ N(0, 2 / (fan_in + fan_out))

    It keeps the variance of activations and of gradients from layer to layer if f is nearly linear.
    With `truncated` on, values beyond two standard deviations are drawn again, and all are multiplied by
    1 / 0.8796, which keeps the variance.

    Choose it as `glorot_uniform`, whose variance it has; the difference between the two is small.

    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    2010, section 4.2. https://proceedings.mlr.press/v9/glorot10a.html. The paper draws from a uniform
    distribution; this has the same variance. Keras and JAX truncate, PyTorch and Flux do not.
    """

    name: ClassVar[str] = "glorot_normal"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"truncated": False},
        "torch": {"truncated": False},
        "keras": {"truncated": True},
        "optax": {"truncated": True},
        "flux": {"truncated": False},
    }

    truncated: bool = hyper(False, "bool")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        std = np.sqrt(2 / (fan_in + fan_out))
        return std * (truncated_normal(rng, shape) if self.truncated else rng.standard_normal(shape))


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [GlorotNormal]
