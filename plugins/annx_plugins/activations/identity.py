"""Activation: identity."""

from dataclasses import dataclass
from typing import ClassVar

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Identity(Activation):
    """Identity, the linear activation.

        f(z)  = z
        f'(z) = 1

    Choose it as the output of a regression, or in hidden layers to see what a network can do without any
    bend: it is then a linear model.

    Domain: z real. Range: (-∞, ∞). As an output activation it leaves a regression unbounded; between
    hidden layers it makes two layers equal to one linear map.

    Widrow & Hoff, "Adaptive switching circuits", IRE WESCON Convention Record 4 (1960), 96-104: the
    Adaline's linear unit.
    """

    name: ClassVar[str] = "identity"
    range: ClassVar[str] = "(-inf, inf)"

    def forward(self, z: Array) -> Array:
        return z


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Identity]
