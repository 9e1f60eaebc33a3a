"""Activation: sparse_plus."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class SparsePlus(Activation):
    """Sparse plus: a ReLU with a parabola in place of its corner.

        f(z)  = 0  where z ≤ -1,  (z + 1)² / 4  where -1 < z < 1,  z  elsewhere
        f'(z) = min(max((z + 1) / 2, 0), 1), which is `hard_sigmoid` with slope 1/2

    It is to `sparsemax` what `softplus` is to softmax, and needs no exponential. Unlike softplus it is 0 or z
    itself beyond ±1. Choose it in place of `relu` where the slope should be continuous, and units
    should still be off altogether.

    Domain: z real. Range: [0, ∞). f' is continuous; f'' jumps at ±1.

    Blondel, Martins & Niculae, "Learning with Fenchel-Young Losses", JMLR 21 (2020), section 4.4, as the
    sparsemax loss of two classes. https://jmlr.org/papers/v21/19-021.html. JAX and Keras call it sparse_plus.
    """

    name: ClassVar[str] = "sparse_plus"
    range: ClassVar[str] = "[0, inf)"

    def forward(self, z: Array) -> Array:
        bend = np.clip(z, -1, 1) + 1
        return 0.25 * bend * bend + np.maximum(z - 1, 0)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [SparsePlus]
