"""Activation: geglu."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl, hyper

LINEAR = math.sqrt(2 / math.pi)
CUBIC = 0.044715 * LINEAR


@dataclass(frozen=True)
class GEGLU(Activation):
    """Gated linear unit with GELU as its gate.

        f(u, v) = GELU(u) v                               z = (u, v)
        ∂f/∂u   = (Φ(u) + u φ(u)) v
        ∂f/∂v   = GELU(u)

    GELU(u) is u Φ(u), Φ and φ the standard normal distribution and its density, with approximate = "none";
    u (1 + tanh(√(2/π) (u + 0.044715 u³))) / 2 with "tanh". Most language models have this gate or `swiglu`,
    which differ as little as GELU and SiLU. A layer of D units needs 2 D pre-activations. To keep the number
    of weights, give a layer two thirds of the units.

    Domain: z real. Range: (-∞, ∞). Shapes: z (T, N, 2 D), u its first D columns, v the last; result
    (T, N, D).

    Shazeer, "GLU Variants Improve Transformer", 2020, equation 5. https://arxiv.org/abs/2002.05202. Some
    libraries apply GELU to the second half.
    """

    name: ClassVar[str] = "geglu"
    range: ClassVar[str] = "(-inf, inf)"

    approximate: str = hyper("none", ("none", "tanh"))

    def width(self, units: int) -> int:
        return 2 * units

    def forward(self, z: Array) -> Array:
        units = z.shape[2] // 2
        u, v = z[:, :, :units], z[:, :, units:]
        if self.approximate == "tanh":
            return 0.5 * u * (1 + np.tanh(u * (LINEAR + CUBIC * (u * u)))) * v
        from scipy.special import ndtr  # Φ; 1 + erf would lose the digits of small values

        return u * ndtr(u) * v


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [GEGLU]
