"""Activation: maxout."""

from dataclasses import dataclass
from typing import ClassVar

from anncore import Activation, Array, hookimpl, hyper


@dataclass(frozen=True)
class Maxout(Activation):
    """Maxout: a unit is the largest of several pre-activations of its own.

        f(z)ᵢ      = max over p of z₍ₚ₎ᵢ,  p = 1 ... pieces
        ∂f(z)ᵢ/∂z₍ₚ₎ᵢ = 1  for the largest,  0  for the others

    It learns its activation: ReLU, |z| and any convex function of straight pieces. A layer of D units needs
    pieces D pre-activations, so compare it with others at an equal number of weights.

    Choose it to let the data shape the activation, or with dropout, for which it was made. `prelu` learns one
    slope at the cost of one weight for a unit.

    Domain: z real, pieces a whole number from 1; 1 is the identity. Range: (-∞, ∞). Shapes: z (T, N, pieces
    D), the first D columns being every unit's first piece; result (T, N, D). Equal largest pieces share the
    gradient, as in PyTorch's amax.

    Goodfellow, Warde-Farley, Mirza, Courville & Bengio, "Maxout Networks", ICML 2013, section 3.
    https://arxiv.org/abs/1302.4389
    """

    name: ClassVar[str] = "maxout"
    range: ClassVar[str] = "(-inf, inf)"

    pieces: int = hyper(2, "int [1, inf)")

    def width(self, units: int) -> int:
        return self.pieces * units

    def forward(self, z: Array) -> Array:
        trials, examples, columns = z.shape
        return z.reshape(trials, examples, self.pieces, columns // self.pieces).max(axis=2)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Maxout]
