"""Activation: reglu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class ReGLU(Activation):
    """Gated linear unit with ReLU as its gate.

        f(u, v) = max(u, 0) v                             z = (u, v)
        ∂f/∂u   = v  where u > 0,  0  elsewhere
        ∂f/∂v   = max(u, 0)

    The cheapest of the gates, without an exponential; like a ReLU, a closed gate gets no gradient. A layer of
    D units needs 2 D pre-activations. To keep the number of weights, give a layer two thirds of the units.

    Choose it to see whether a gate needs to be smooth: it differs from `geglu` and `swiglu` in the gate's
    curve alone, and costs least of the three.

    Domain: z real. Range: (-∞, ∞). Shapes: z (T, N, 2 D), u its first D columns, v the last; result
    (T, N, D). Not differentiable at u = 0: the sub-gradient there is 0.

    Shazeer, "GLU Variants Improve Transformer", 2020, equation 5. https://arxiv.org/abs/2002.05202
    """

    name: ClassVar[str] = "reglu"
    range: ClassVar[str] = "(-inf, inf)"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def width(self, units: int) -> int:
        return 2 * units

    def forward(self, z: Array) -> Array:
        units = z.shape[2] // 2
        return z[:, :, :units].clip(0, np.inf) * z[:, :, units:]


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [ReGLU]
