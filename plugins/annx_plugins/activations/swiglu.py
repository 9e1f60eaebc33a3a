"""Activation: swiglu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class SwiGLU(Activation):
    """Swish-gated linear unit: one half of the pre-activations times the swish of the other.

        f(u, v) = u σ(β u) v                              z = (u, v),  σ(x) = 1 / (1 + exp(-x))
        ∂f/∂u   = σ(β u) (1 + β u (1 - σ(β u))) v
        ∂f/∂v   = u σ(β u)

    A layer of D units needs 2 D pre-activations. To keep the number of weights, give a layer two thirds of
    the units.

    Choose it for the inner layers of transformers, where it has become usual. `geglu` differs in the curve of
    its gate alone; compare with others at an equal number of weights.

    Domain: z real, beta > 0. Range: (-∞, ∞). Shapes: z (T, N, 2 D), u its first D columns, v the last;
    result (T, N, D).

    Shazeer, "GLU Variants Improve Transformer", 2020, equation 5. https://arxiv.org/abs/2002.05202. Its
    experiments and later language models use β = 1, the default.
    """

    name: ClassVar[str] = "swiglu"
    range: ClassVar[str] = "(-inf, inf)"

    beta: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 2.0))

    def width(self, units: int) -> int:
        return 2 * units

    def forward(self, z: Array) -> Array:
        units = z.shape[2] // 2
        u = z[:, :, :units]
        return u * _sigmoid(self.beta * u) * z[:, :, units:]

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed (twice), and because |x| in _sigmoid has no slope at 0.
        units = grad.shape[2]
        u, v = z[:, :, :units], z[:, :, units:]
        gate = _sigmoid(self.beta * u)
        slope = gate * (1 + self.beta * u * (1 - gate))
        return np.concatenate([grad * slope * v, grad * u * gate], axis=2)


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))  # never overflows
    return np.maximum(e, x >= 0) / (1 + e)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [SwiGLU]
