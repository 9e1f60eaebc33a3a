"""Network: maxnet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, ComponentError, Hyper, Network, Weights, WeightSpec, hookimpl, hyper, linear, ref


@dataclass(frozen=True)
class Maxnet(Network):
    """MAXNET: units that inhibit each other until only the one with the largest input is left.

        y₀ = max(0, x)
        yₛ = max(0, yₛ₋₁ - eps Σ of the other yₛ₋₁),  s = 1 ... steps
        z  = gain y                                    at the last step

    The connections inside the layer are fixed: -eps between any two units. Training learns `gain` alone,
    which starts at 1, and with a softmax says how sure the answer is. The order of the units never changes.
    The last two units, of activities u > v, are both alive as long as (u - v) ((1 + eps) / (1 - eps))ˢ is
    below u + v; so equal inputs are never told apart, and close ones take long.

    Domain: as many outputs as inputs, D of them, and eps ≤ 1 / (D - 1), for otherwise the largest unit could
    go out together with the others. Inputs should not be negative ([split] standardize = false).
    Shapes: x and result (T, N, D), gain (T, 1, 1).

    Lippmann, "An Introduction to Computing with Neural Nets", IEEE ASSP Magazine 4 (1987), 4-22, as a
    part of the Hamming net. https://doi.org/10.1109/MASSP.1987.1165576. There eps is less than 1 / D, and the
    last step is the one that leaves a single unit.
    """

    name: ClassVar[str] = "maxnet"

    eps: Hyper = hyper(0.1, "(0, 1)", search=linear(0.01, 0.1))
    steps: int = hyper(10, "int [1, inf)")
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(
                f"{self.name}: it has an output for each input, got {inputs} inputs and {outputs} outputs; "
                "use a data set whose classes are its inputs, for example largest"
            )
        largest = float(np.max(self.eps))
        if largest * (inputs - 1) > 1:
            raise ComponentError(
                f"{self.name}: eps must be at most 1 / {inputs - 1} for {inputs} inputs, got {largest:g}; "
                "with more all units can go out at once"
            )
        return [WeightSpec("gain", (1, 1), inputs, outputs, "gain", 1.0, place="output")]

    def forward(self, weights: Weights, x: Array) -> Array:
        y = np.maximum(x, 0)
        for _ in range(self.steps):
            others = y.sum(axis=2, keepdims=True) - y
            y = np.maximum(y - self.eps * others, 0)
        return weights["gain"] * y


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Maxnet]
