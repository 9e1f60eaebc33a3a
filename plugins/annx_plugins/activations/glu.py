"""Activation: glu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class GLU(Activation):
    """Gated linear unit: one half of the pre-activations, each multiplied by a gate from the other half.

        f(u, v) = u σ(v)          z = (u, v),  σ(v) = 1 / (1 + exp(-v))
        ∂f/∂u   = σ(v)
        ∂f/∂v   = u σ(v) (1 - σ(v))

    A layer of D units needs 2 D pre-activations.

    Choose it where a unit should be able to close itself for some inputs. `swiglu`, `geglu` and `reglu` have
    other gates, which do better in transformers; `maxout` also takes several pre-activations for a unit.

    Domain: z real. Range: (-∞, ∞). Shapes: z (T, N, 2 D), u its first D columns, v the last; result
    (T, N, D).

    Dauphin, Fan, Auli & Grangier, "Language Modeling with Gated Convolutional Networks", ICML 2017,
    equation 1. https://arxiv.org/abs/1612.08083. The order of the halves is that of PyTorch, Keras and JAX.
    """

    name: ClassVar[str] = "glu"
    range: ClassVar[str] = "(-inf, inf)"

    def width(self, units: int) -> int:
        return 2 * units

    def forward(self, z: Array) -> Array:
        units = z.shape[2] // 2
        return z[:, :, :units] * _sigmoid(z[:, :, units:])

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        # By hand for speed (twice), and because |v| in _sigmoid has no slope at 0.
        gate = _sigmoid(z[:, :, grad.shape[2] :])
        return np.concatenate([grad * gate, grad * a * (1 - gate)], axis=2)


def _sigmoid(v: Array) -> Array:
    e = np.exp(-np.abs(v))  # never overflows
    return np.maximum(e, v >= 0) / (1 + e)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [GLU]
