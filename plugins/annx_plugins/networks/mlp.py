"""Network: mlp."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from anncore import (
    Array,
    Layer,
    Network,
    Params,
    ParamSpec,
    dense,
    hookimpl,
    param,
    ref,
    sum_examples,
    times_transposed,
)

Place = Literal["input", "hidden", "output"]


class Tape(NamedTuple):
    """What the forward pass leaves for the backward pass, layer by layer."""

    inputs: list[Array]  # a of the layer below, x first
    pre: list[Array]  # z of each layer


@dataclass(frozen=True)
class MLP:
    """Multilayer perceptron: fully connected layers, one after the other.

        z₁ = x W₁ + b₁,  aᵢ = fᵢ(zᵢ),  zᵢ₊₁ = aᵢ Wᵢ₊₁ + bᵢ₊₁

    Backward, with δ the gradient with respect to a layer's z:

        ∂L/∂Wᵢ = aᵢ₋₁ᵀ δᵢ,  ∂L/∂bᵢ = Σₙ δᵢ,  δᵢ₋₁ = (δᵢ Wᵢᵀ) ∘ f'(zᵢ₋₁)

    Domain: `hidden` is the width of each hidden layer; an empty list leaves a linear model. Without
    `bias` there are no bᵢ.
    `activation` names one activation for all hidden layers or a list of one per layer; `output` is
    the output layer's own, "auto" the loss's natural one.
    Shapes: x (T, N, inputs), Wᵢ (T, fan_in, fan_out), bᵢ (T, 1, fan_out), result (T, N, outputs).

    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323
    (1986), 533-536. https://doi.org/10.1038/323533a0. Weights are stored (fan_in, fan_out) as in Keras
    and scikit-learn; PyTorch stores the transpose.
    """

    name: ClassVar[str] = "mlp"
    default: ClassVar[bool] = True

    hidden: tuple[int, ...] = param((32, 32), "list int [1, inf)")
    bias: bool = param(True, "bool")
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")

    def validate(self) -> None:
        """Refuse a list of activations that does not fit the hidden layers."""
        given = self.activation
        if isinstance(given, (list, tuple)) and len(given) not in (1, len(self.hidden)):
            raise ValueError(
                f"activation must be one name or one per hidden layer ({len(self.hidden)}), got {len(given)}"
            )

    def specs(self, inputs: int, outputs: int) -> Sequence[ParamSpec]:
        specs = []
        for i, (fan_in, fan_out) in enumerate(pairwise((inputs, *self.hidden, outputs)), start=1):
            place: Place = "output" if i > len(self.hidden) else "input" if i == 1 else "hidden"
            specs.append(ParamSpec(f"W{i}", (fan_in, fan_out), fan_in, fan_out, place=place))
            if self.bias:
                specs.append(ParamSpec(f"b{i}", (1, fan_out), fan_in, fan_out, "bias", place=place))
        return specs

    def forward(self, params: Params, x: Array) -> tuple[Array, Tape]:
        tape = Tape([], [])
        a = x
        for i in range(1, len(self.hidden) + 2):
            tape.inputs.append(a)
            z = dense(a, params[f"W{i}"], params.get(f"b{i}"))
            tape.pre.append(z)
            if i <= len(self.hidden):
                a = self._activation(i).forward(z)
        return z, tape

    def backward(self, params: Params, tape: Tape, grad: Array, grads: Params) -> None:
        for i in range(len(self.hidden) + 1, 0, -1):
            a = tape.inputs[i - 1]
            np.matmul(a.swapaxes(1, 2), grad, out=grads[f"W{i}"])
            if self.bias:
                sum_examples(grad, out=grads[f"b{i}"])
            if i > 1:
                below = times_transposed(grad, params[f"W{i}"])
                grad = self._activation(i - 1).backward(below, tape.pre[i - 2], a)

    def layers(self, tape: Tape) -> Sequence[Layer]:
        activations = [*tape.inputs[1:], None]
        pairs = zip(tape.pre, activations, strict=True)
        return [Layer(f"W{i}", z, a) for i, (z, a) in enumerate(pairs, start=1)]

    def _activation(self, layer: int) -> Any:
        return self.activation[layer - 1 if len(self.activation) > 1 else 0]


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [MLP]
