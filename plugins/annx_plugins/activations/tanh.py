"""Activation: tanh."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Activation, Array, hookimpl


@dataclass(frozen=True)
class Tanh(Activation):
    """Hyperbolic tangent.

        f(z)  = (exp(z) - exp(-z)) / (exp(z) + exp(-z))
        f'(z) = 1 - f(z)²

    Choose it in small and recurrent networks: its values are bounded with mean 0. Its slope fades where |z|
    is above 3, so deep plain networks learn slowly; `softsign` fades later, `relu` only on one side.

    Domain: z real. Range: (-1, 1); floating point reaches the ends.

    LeCun, Bottou, Orr & Müller, "Efficient BackProp", Neural Networks: Tricks of the Trade (1998),
    section 4.4. https://doi.org/10.1007/3-540-49430-8_2. It advises 1.7159 tanh(2z/3), which is a
    different function. Flux replaces tanh in Dense by an approximation with an error of up to 5 ε.
    """

    name: ClassVar[str] = "tanh"
    companion: ClassVar[Mapping[str, Any]] = {}
    range: ClassVar[str] = "(-1, 1)"

    def forward(self, z: Array) -> Array:
        return np.tanh(z)


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Tanh]
