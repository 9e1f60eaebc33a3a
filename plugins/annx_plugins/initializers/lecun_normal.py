"""Initializer: lecun_normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Initializer, hookimpl, hyper, truncated_normal


@dataclass(frozen=True)
class LeCunNormal(Initializer):
    """LeCun initialization, normal.

        W ~ N(0, 1 / fan_in)

    It keeps the variance of activations from layer to layer if f is nearly linear, and is what `selu` needs
    for its fixed point; `he_normal` has twice the variance, for ReLU, `glorot_normal` looks at gradients too.
    With `truncated` on, values beyond two standard deviations are drawn again, and all are multiplied by 1 /
    0.8796, which keeps the variance.

    LeCun, Bottou, Orr & Müller, "Efficient BackProp", Neural Networks: Tricks of the Trade (1998), section
    4.6. https://doi.org/10.1007/3-540-49430-8_2. For SELU: Klambauer et al., "Self-Normalizing Neural
    Networks", NeurIPS 2017. https://arxiv.org/abs/1706.02515. Keras and JAX truncate.
    """

    name: ClassVar[str] = "lecun_normal"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"truncated": False},
        "keras": {"truncated": True},
        "optax": {"truncated": True},
    }

    truncated: bool = hyper(False, "bool")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        std = np.sqrt(1 / fan_in)
        return std * (truncated_normal(rng, shape) if self.truncated else rng.standard_normal(shape))


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [LeCunNormal]
