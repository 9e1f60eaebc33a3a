"""Initializer: normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper, log


@dataclass(frozen=True)
class Normal(Initializer):
    """Normally distributed weights with the same standard deviation in every layer.

        W ~ N(0, std²)

    Choose it to see what a fixed scale does: it knows nothing of a layer's width, so signals grow or fade
    with it. `lecun_normal` is the one that does.

    Domain: std > 0. The default, 0.01, is the seed document's randn * 0.01, with which deep or
    sigmoid networks learn very slowly at first.

    Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
    NeurIPS 2012, section 5: std 0.01. Keras's RandomNormal has 0.05, PyTorch's normal_ 1.
    """

    name: ClassVar[str] = "normal"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"std": 0.01},
        "paper": {"std": 0.01},
        "torch": {"std": 1.0},
        "keras": {"std": 0.05},
    }

    std: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return self.std * rng.standard_normal(shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [Normal]
