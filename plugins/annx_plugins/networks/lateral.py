"""Network: lateral."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Network, Weights, WeightSpec, dense, hookimpl, hyper, linear, ref


@dataclass(frozen=True)
class Lateral(Network):
    """Layered network whose hidden units are also connected with each other.

        z  = x W₁ + b₁,  a₀ = f(z)
        aₛ = f(z + aₛ₋₁ L),  s = 1 ... steps
        output = a W₂ + b₂                              at the last step

    No unit is connected with itself: the diagonal of L is 0. With connections "fixed" all others are
    -inhibition: each unit sees what it has more than the others, which sharpens contrasts. With "trained" L
    is learned by back-propagation through the steps; it starts at 0 for every initializer, as a layer without
    such connections. With "none" there are none, and it is a multilayer perceptron of one hidden layer.

    For the identity as f, fixed connections settle, if they do, at a = z (I - L)⁻¹. With H units a pattern
    equal in all of them is divided by 1 + inhibition (H - 1), and a contrast multiplied by
    1 / (1 - inhibition).

    Domain: `hidden` units, inhibition ≥ 0.
    Shapes: x (T, N, inputs), W₁ (T, inputs, hidden), L (T, hidden, hidden), result (T, N, outputs).

    Hartline & Ratliff, "Inhibitory Interaction of Receptor Units in the Eye of Limulus", Journal of General
    Physiology 40 (1957), 357-376, have the fixed connections, of units that stop at 0.
    https://doi.org/10.1085/jgp.40.3.357. Trained ones: Rumelhart, Hinton & Williams, "Learning internal
    representations by error propagation", in "Parallel Distributed Processing" 1, MIT Press 1986, 318-362, as
    a recurrent network whose input stays. https://doi.org/10.21236/ADA164453
    """

    name: ClassVar[str] = "lateral"

    hidden: int = hyper(16, "int [1, inf)")
    connections: str = hyper("trained", ("trained", "fixed", "none"))
    inhibition: Hyper = hyper(0.1, "[0, inf)", search=linear(0.0, 0.5))
    steps: int = hyper(3, "int [1, inf)")
    activation: Any = ref("activation", "tanh")
    output: Any = ref("activation", "auto")

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [self.hidden]}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        wide = self.activation[0].width(self.hidden)
        specs = [
            WeightSpec("W1", (inputs, wide), inputs, wide, place="input"),
            WeightSpec("b1", (1, wide), inputs, wide, "bias", place="input"),
            WeightSpec("W2", (self.hidden, outputs), self.hidden, outputs, place="output"),
            WeightSpec("b2", (1, outputs), self.hidden, outputs, "bias", place="output"),
        ]
        if self.connections == "trained":
            # Not "weight", which an initializer draws: they start at 0.
            specs.insert(2, WeightSpec("L", (self.hidden, wide), self.hidden, wide, "gain", place="hidden"))
        return specs

    def forward(self, weights: Weights, x: Array) -> Array:
        z = dense(x, weights["W1"], weights["b1"])
        a = self.activation[0].forward(z)
        if self.connections != "none":
            between = self._between(weights, z)
            for _ in range(self.steps):
                a = self.activation[0].forward(z + np.matmul(a, between))
        return dense(a, weights["W2"], weights["b2"])

    def _between(self, weights: Weights, z: Array) -> Array:
        """Return L, (T, hidden, columns of z): a unit has as many columns as its activation takes numbers."""
        others = 1 - np.tile(np.eye(self.hidden, dtype=z.dtype), z.shape[2] // self.hidden)
        if self.connections == "trained":
            return weights["L"] * others
        return -self.inhibition * np.ones((len(z), 1, 1), z.dtype) * others


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Lateral]
