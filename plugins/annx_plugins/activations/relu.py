"""Activation: relu."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class ReLU(Activation):
    """Rectified linear unit.

        f(z)  = max(z, 0)
        f'(z) = 1  where z > 0,  0  elsewhere

    Choose it as the first one to try, and as the one to compare with: it is cheap, and its slope does not
    fade. Units whose z is negative on all data learn nothing more; `leaky_relu`, `elu` and `gelu` avoid that.

    Domain: z real. Range: [0, ∞). Not differentiable at 0: the sub-gradient there is 0, as in PyTorch,
    Keras, JAX and Flux.

    Nair & Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML 2010.
    https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf. The seed document asks of an activation that it be
    differentiable, which this one is not; and it writes Σⱼ (wᵢⱼ xⱼ + bᵢ), which would count the bias once for
    each input, where Σⱼ wᵢⱼ xⱼ + bᵢ is meant.
    """

    name: ClassVar[str] = "relu"
    companion: ClassVar[Mapping[str, Any]] = {}
    default: ClassVar[bool] = True
    range: ClassVar[str] = "[0, inf)"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array) -> Array:
        return z.clip(0, np.inf)  # np.maximum(z, 0) takes three times as long; z * (z > 0) makes NaN of -inf


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [ReLU]
