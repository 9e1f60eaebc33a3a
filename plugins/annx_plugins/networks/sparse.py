"""Network: sparse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    Hyper,
    Network,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    linear,
    ref,
)


@dataclass(frozen=True)
class Sparse(Network):
    """Multilayer perceptron in which every unit is connected to a few fixed units of the layer below.

        zᵢ = aᵢ₋₁ (Wᵢ ∘ Mᵢ) + bᵢ,  aᵢ = fᵢ(zᵢ)

    Each column of the mask M has k = max(1, round(density · fan_in)) ones; the rest is 0. The mask is drawn
    when a trial begins and stays. The fan_in units below and the fan_out units of the layer lie evenly on a
    ring. `range` says which are connected: "random" any k, "near" the k nearest, "far" the k farthest;
    equally distant ones are chosen at random. The output layer has all connections.

    For one seed, the connections of a smaller density are a part of those of a larger one. Masked weights are
    not trained. Initial weights are those of the full layer: with density d the variance of z is d times
    that of the full layer.

    Domain: `hidden` is the width of each hidden layer; density in (0, 1].
    Shapes: x (T, N, inputs), Wᵢ and Mᵢ (T, fan_in, fan_out), bᵢ (T, 1, fan_out), result (T, N, outputs).

    Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity
    inspired by network science", Nature Communications 9 (2018), 2383, as its fixed control.
    https://doi.org/10.1038/s41467-018-04316-3. There each connection exists independently with one
    probability; here every unit has equally many.
    """

    name: ClassVar[str] = "sparse"

    hidden: tuple[int, ...] = hyper((32, 32), "list int [1, inf)")
    density: Hyper = hyper(0.25, "(0, 1]", search=linear(0.05, 1.0))
    range: str = hyper("random", ("random", "near", "far"))
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")

    def validate(self) -> None:
        """Refuse a list of activations that does not fit the hidden layers."""
        given = self.activation
        if isinstance(given, (list, tuple)) and len(given) not in (1, len(self.hidden)):
            raise ValueError(
                f"activation must be one name or one per hidden layer ({len(self.hidden)}), got {len(given)}"
            )

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": self.hidden}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        specs = []
        for i, (fan_in, units) in enumerate(pairwise((inputs, *self.hidden, outputs)), start=1):
            hidden = i <= len(self.hidden)
            place: Any = "output" if not hidden else "input" if i == 1 else "hidden"
            fan_out = self.activation[i - 1].width(units) if hidden else units
            weight = WeightSpec(f"W{i}", (fan_in, fan_out), fan_in, fan_out, place=place)
            specs.append(weight)
            specs.append(WeightSpec(f"b{i}", (1, fan_out), fan_in, fan_out, "bias", place=place))
            if hidden:
                specs.append(weight._replace(name=f"M{i}", role="state", initial=1.0))
        return specs

    def draw(self, rng: np.random.Generator, spec: WeightSpec) -> Array:
        below, units = spec.shape
        luck = rng.random((below, units))
        order = np.lexsort((luck, self._distance(below, units)), axis=0)
        rank = np.argsort(order, axis=0)
        return (rank < max(1, round(self.density * below))).astype(float)

    def forward(self, weights: Weights, x: Array) -> Array:
        a = x
        for i, activation in enumerate(self.activation[: len(self.hidden)], start=1):
            a = activation.forward(dense(a, weights[f"W{i}"] * weights[f"M{i}"], weights[f"b{i}"]))
        last = len(self.hidden) + 1
        return dense(a, weights[f"W{last}"], weights[f"b{last}"])

    def _distance(self, below: int, units: int) -> Array:
        """Return a number for each connection, (below, units); the smallest of a unit are chosen."""
        apart = np.abs((np.arange(below)[:, None] + 0.5) / below - (np.arange(units) + 0.5) / units)
        around = np.round(np.minimum(apart, 1 - apart), 9)  # equal distances must be equal numbers
        return {"random": 0 * around, "near": around, "far": -around}[self.range]


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Sparse]
