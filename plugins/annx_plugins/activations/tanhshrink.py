"""Activation: tanhshrink."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Tanhshrink(Activation):
    """Tanh shrinkage: what tanh leaves of z.

        f(z)  = z - tanh(z)
        f'(z) = tanh²(z)

    A smooth `softshrink` with a threshold of 1: about z³ / 3 near 0, and z ∓ 1 far away. Small signals get
    almost no gradient, so weights must not start small.

    Domain: z real. Range: (-∞, ∞).

    As in PyTorch and Keras; from practice, without a paper of its own.
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html
    """

    name: ClassVar[str] = "tanhshrink"
    range: ClassVar[str] = "(-inf, inf)"

    def forward(self, z: Array) -> Array:
        return z - np.tanh(z)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Tanhshrink]
