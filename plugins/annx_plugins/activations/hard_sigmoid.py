"""Activation: hard_sigmoid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class HardSigmoid(Activation):
    """Hard sigmoid: the logistic function as three lines.

        f(z)  = min(max(slope z + 1/2, 0), 1)
        f'(z) = slope  where -1/2 < slope z < 1/2,  0  elsewhere

    For gates and outputs where an exponential is too dear. With the default slope, 1/6, it differs from
    `sigmoid` by at most 0.0692, and units beyond ±3 get no gradient, where sigmoid's would be small.

    Domain: z real, slope > 0. Range: [0, 1]. Not differentiable at ±1 / (2 slope): the sub-gradient there is
    0, as in PyTorch.

    Courbariaux, Bengio & David, "BinaryConnect: Training Deep Neural Networks with binary weights during
    propagations", NeurIPS 2015, section 2.2, with slope 1/2. https://arxiv.org/abs/1511.00363. PyTorch, Keras
    3, JAX and Flux have 1/6, the form of MobileNetV3, relu6(z + 3) / 6; Keras up to version 2 had 0.2. The
    sparse_sigmoid of JAX and Keras has 1/2.
    """

    name: ClassVar[str] = "hard_sigmoid"
    range: ClassVar[str] = "[0, 1]"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"slope": 0.5},
        "torch": {"slope": 1 / 6},
        "keras": {"slope": 1 / 6},
        "optax": {"slope": 1 / 6},
        "flux": {"slope": 1 / 6},
    }

    slope: Hyper = hyper(1 / 6, "(0, inf)", search=linear(0.1, 0.5))

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where f' jumps: half a unit to each side, by the slope."""
        ends = np.unique(0.5 / np.ravel(self.slope))
        return (*-ends, *ends)

    def forward(self, z: Array) -> Array:
        return np.clip(self.slope * z + 0.5, 0, 1)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [HardSigmoid]
