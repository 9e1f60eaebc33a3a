"""Initializer: he_normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Initializer, hookimpl, hyper, truncated_normal


@dataclass(frozen=True)
class HeNormal(Initializer):
    """He (Kaiming) initialization, normal.

        W ~ N(0, 2 / fan_in)

    It keeps the variance of activations from layer to layer under ReLU, which drops half of it.
    With `truncated` on, values beyond two standard deviations are drawn again, and all are multiplied by
    1 / 0.8796, which keeps the variance.

    Choose it for relu and its like, which cut half of the signal away. `glorot_normal` is for activations
    that are straight around 0.

    He, Zhang, Ren & Sun, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification", ICCV 2015, equation 10. https://arxiv.org/abs/1502.01852. Keras and
    JAX truncate, PyTorch and Flux do not.
    """

    name: ClassVar[str] = "he_normal"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"truncated": False},
        "torch": {"truncated": False},
        "keras": {"truncated": True},
        "optax": {"truncated": True},
        "flux": {"truncated": False},
    }

    truncated: bool = hyper(False, "bool")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        std = np.sqrt(2 / fan_in)
        return std * (truncated_normal(rng, shape) if self.truncated else rng.standard_normal(shape))


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [HeNormal]
