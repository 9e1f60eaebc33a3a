"""Network: residual_mlp."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Network, Weights, WeightSpec, dense, hookimpl, hyper, ref

EPS = 1e-5  # of layer normalization


@dataclass(frozen=True)
class ResidualMLP(Network):
    """Multilayer perceptron of residual blocks: each adds to what goes past it.

        h₀ = x E + e
        hᵢ = hᵢ₋₁ + f(N(hᵢ₋₁) Aᵢ + aᵢ) Bᵢ + bᵢ,  i = 1 ... blocks
        output = N(h) V + d
        N(h) = gain (h - μ) / √(σ² + 1e-5) + shift         μ and σ² over the units

    With norm "none" N(h) is h.

    With skip = false the block's input is not added: a plain network of the same depth and the same
    weights, to compare with. At Bᵢ = bᵢ = 0 a residual block is the identity, forward and backward; a plain
    one blocks both.

    Domain: `hidden` units in every layer. `activation` names one for all blocks or a list of one per block.
    Shapes: x (T, N, inputs), E (T, inputs, hidden), Aᵢ and Bᵢ (T, hidden, hidden), result (T, N, outputs).

    He, Zhang, Ren & Sun, "Identity Mappings in Deep Residual Networks", ECCV 2016,
    https://arxiv.org/abs/1603.05027, with dense layers in place of convolutions and one activation in a
    block. Layer normalization, in front of the block, is by Ba, Kiros & Hinton, 2016,
    https://arxiv.org/abs/1607.06450.
    """

    name: ClassVar[str] = "residual_mlp"

    hidden: int = hyper(16, "int [1, inf)")
    blocks: int = hyper(3, "int [1, inf)")
    skip: bool = hyper(True, "bool")
    norm: str = hyper("layer", ("layer", "none"))
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")

    def validate(self) -> None:
        """Refuse a list of activations that does not fit the blocks."""
        given = self.activation
        if isinstance(given, (list, tuple)) and len(given) not in (1, self.blocks):
            raise ValueError(
                f"activation must be one name or one per block ({self.blocks}), got {len(given)}"
            )

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [self.hidden] * self.blocks}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        units = self.hidden
        specs = [
            WeightSpec("E", (inputs, units), inputs, units, place="input"),
            WeightSpec("e", (1, units), inputs, units, "bias", place="input"),
        ]
        for i in range(1, self.blocks + 1):
            wide = self.activation[i - 1].width(units)
            specs += [
                *self._norm_specs(str(i)),
                WeightSpec(f"A{i}", (units, wide), units, wide, place="hidden"),
                WeightSpec(f"a{i}", (1, wide), units, wide, "bias", place="hidden"),
                WeightSpec(f"B{i}", (units, units), units, units, place="hidden"),
                WeightSpec(f"b{i}", (1, units), units, units, "bias", place="hidden"),
            ]
        return [
            *specs,
            *self._norm_specs(""),
            WeightSpec("V", (units, outputs), units, outputs, place="output"),
            WeightSpec("d", (1, outputs), units, outputs, "bias", place="output"),
        ]

    def _norm_specs(self, which: str) -> list[WeightSpec]:
        if self.norm == "none":
            return []
        gain = WeightSpec(f"gain{which}", (1, self.hidden), self.hidden, self.hidden, "gain", 1.0, "hidden")
        return [gain, gain._replace(name=f"shift{which}", role="bias", initial=0.0)]

    def forward(self, weights: Weights, x: Array) -> Array:
        h = dense(x, weights["E"], weights["e"])
        for i, activation in enumerate(self.activation, start=1):
            a = activation.forward(
                dense(self._normed(weights, h, str(i)), weights[f"A{i}"], weights[f"a{i}"])
            )
            change = dense(a, weights[f"B{i}"], weights[f"b{i}"])
            h = h + change if self.skip else change
        return dense(self._normed(weights, h, ""), weights["V"], weights["d"])

    def _normed(self, weights: Weights, h: Array, which: str) -> Array:
        if self.norm == "none":
            return h
        centred = h - h.mean(axis=2, keepdims=True)
        variance = (centred * centred).mean(axis=2, keepdims=True)
        return weights[f"gain{which}"] * (centred / np.sqrt(variance + EPS)) + weights[f"shift{which}"]


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [ResidualMLP]
