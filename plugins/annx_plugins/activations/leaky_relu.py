"""Activation: leaky_relu."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """Leaky rectified linear unit.

        f(z)  = z  where z > 0,  slope z  elsewhere
        f'(z) = 1  where z > 0,  slope    elsewhere

    Choose it where units of `relu` die: a unit with negative z keeps a small slope. `prelu` learns that
    slope.

    Domain: z real, slope in [0, 1]. Range: (-∞, ∞). Not differentiable at 0: the sub-gradient there is
    slope, as in PyTorch; in JAX it is 1.

    Maas, Hannun & Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013
    workshop, section 2. https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf. PyTorch,
    JAX and Flux use its slope of 0.01; Keras uses 0.3 in the layer and 0.2 in the function. The seed
    document's max(slope z, z) is the same for slopes up to 1 only.
    """

    name: ClassVar[str] = "leaky_relu"
    range: ClassVar[str] = "(-inf, inf)"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"slope": 0.01},
        "paper": {"slope": 0.01},
        "torch": {"slope": 0.01},
        "keras": {"slope": 0.3},
        "optax": {"slope": 0.01},
        "flux": {"slope": 0.01},
    }

    slope: Hyper = hyper(0.01, "[0, 1]", search=linear(0.01, 0.3))

    def forward(self, z: Array) -> Array:
        # np.maximum would be the same, but at 0 its slope is between 1 and the slope.
        return np.where(z > 0, z, self.slope * z)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [LeakyReLU]
