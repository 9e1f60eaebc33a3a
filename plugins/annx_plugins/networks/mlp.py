"""Network: mlp."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    Hyper,
    ModalNetwork,
    Mode,
    Shorthand,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    linear,
    ref,
    shorthand,
    sum_examples,
)


@dataclass(frozen=True)
class MLP(ModalNetwork):
    """Multilayer perceptron: fully connected layers, one after the other.

        z₁ = x W₁ + b₁,  aᵢ = fᵢ(zᵢ),  zᵢ₊₁ = aᵢ Wᵢ₊₁ + bᵢ₊₁

    With a `norm`, the activation of a hidden layer takes gain ẑ + shift in place of z:

        ẑ = (z - μ) / √(σ² + norm_eps)

    For "batch" μ and σ² are mean and variance of each unit over the examples of the batch; evaluation uses
    running values, r ← (1 - norm_momentum) r + norm_momentum (μ, or σ² N / (N - 1)). For "layer" they are
    mean and variance of each example over the units. The gain starts at 1, the shift at 0.
    With `dropout`, in training each a becomes 0 with that probability and else a / (1 - dropout), drawn anew
    for every example and step.

    Domain: `hidden` is the width of each hidden layer; an empty list leaves a linear model. In its place a
    file may give `depth` and `width`, for so many hidden layers of the same width. Without
    `bias` there are no bᵢ. dropout in [0, 1), norm_momentum in (0, 1], norm_eps > 0.
    `activation` names one activation for all hidden layers or a list of one per layer; `output` is
    the activation of the output layer; "auto" is the natural one of the loss.
    Shapes: x (T, N, inputs), Wᵢ (T, fan_in, fan_out), bᵢ (T, 1, fan_out), result (T, N, outputs).

    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323
    (1986), 533-536. https://doi.org/10.1038/323533a0. Weights are stored (fan_in, fan_out) as in Keras
    and scikit-learn; PyTorch stores the transpose.
    Ioffe & Szegedy, "Batch Normalization", ICML 2015, https://arxiv.org/abs/1502.03167, with PyTorch's
    momentum 0.1 and ε 1e-5; Keras' are 1 - 0.99 and 1e-3, and its running variance has
    no factor N / (N - 1). Ba, Kiros & Hinton, "Layer Normalization", 2016, https://arxiv.org/abs/1607.06450.
    Srivastava et al., "Dropout", JMLR 15 (2014), 1929-1958, https://jmlr.org/papers/v15/srivastava14a.html,
    scaled in training and not in evaluation, as in PyTorch and Keras.
    """

    name: ClassVar[str] = "mlp"
    default: ClassVar[bool] = True
    shorthands: ClassVar[Mapping[str, Shorthand]] = {
        "depth": shorthand("hidden", 2, "int [1, 1000]"),
        "width": shorthand("hidden", 32, "int [1, inf)"),
    }

    hidden: tuple[int, ...] = hyper((32, 32), "list int [1, inf)")
    bias: bool = hyper(True, "bool")
    dropout: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.5))
    norm: str = hyper("none", ("none", "batch", "layer"))
    norm_momentum: Hyper = hyper(0.1, "(0, 1]")
    norm_eps: Hyper = hyper(1e-5, "(0, inf)")
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")

    @classmethod
    def in_full(cls, name: str, short: Mapping[str, Any]) -> tuple[int, ...]:
        return (short["width"],) * short["depth"]

    def validate(self) -> None:
        """Refuse a list of activations that does not fit the hidden layers."""
        given = self.activation
        if isinstance(given, (list, tuple)) and len(given) not in (1, len(self.hidden)):
            raise ValueError(
                f"activation must be one name or one per hidden layer ({len(self.hidden)}), got {len(given)}"
            )

    @property
    def modes(self) -> bool:
        """Whether training differs from evaluation."""
        return self.norm == "batch" or self._drops

    @property
    def _drops(self) -> bool:
        return bool(np.any(np.asarray(self.dropout) > 0))

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": self.hidden}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        specs = []
        fan_in = inputs
        for i, units in enumerate((*self.hidden, outputs), start=1):
            hidden = i <= len(self.hidden)
            place: Any = "output" if not hidden else "input" if i == 1 else "hidden"
            fan_out = self.activation[i - 1].width(units) if hidden else units
            specs.append(WeightSpec(f"W{i}", (fan_in, fan_out), fan_in, fan_out, place=place))
            row = WeightSpec(f"b{i}", (1, fan_out), fan_in, fan_out, "bias", place=place)
            if self.bias:
                specs.append(row)
            if hidden and self.norm != "none":
                specs.append(row._replace(name=f"gain{i}", role="gain", initial=1.0))
                specs.append(row._replace(name=f"shift{i}"))
            if hidden and self.norm == "batch":
                specs.append(row._replace(name=f"mean{i}", role="state"))
                specs.append(row._replace(name=f"variance{i}", role="state", initial=1.0))
            fan_in = units
        return specs

    def forward(self, weights: Weights, x: Array, mode: Mode | None = None) -> Array:
        a = x
        for i, activation in enumerate(self.activation[: len(self.hidden)], start=1):
            z = dense(a, weights[f"W{i}"], weights.get(f"b{i}"))
            if self.norm != "none":
                z = weights[f"gain{i}"] * self._normed(weights, i, z, mode) + weights[f"shift{i}"]
            a = activation.forward(z)
            if self._drops and mode is not None and mode.training:
                kept = mode.uniform(f"dropout{i}", a.shape[1:]) >= self.dropout
                a = a * (kept / (1 - np.asarray(self.dropout, a.dtype)))
        last = len(self.hidden) + 1
        return dense(a, weights[f"W{last}"], weights.get(f"b{last}"))

    def _normed(self, weights: Weights, i: int, z: Array, mode: Mode | None) -> Array:
        if self.norm == "batch" and not (mode is not None and mode.training):
            centred, variance = z - weights[f"mean{i}"], weights[f"variance{i}"]
        else:
            mean = self._mean(z)
            centred = z - mean
            variance = self._mean(centred * centred)
            if self.norm == "batch" and mode is not None and mode.first:
                n = z.shape[1]
                self._remember(weights[f"mean{i}"], mean)
                self._remember(weights[f"variance{i}"], variance * (n / max(n - 1, 1)))
        return centred * (1 / np.sqrt(variance + self.norm_eps))

    def _remember(self, running: Array, now: Array) -> None:
        running[...] = (1 - self.norm_momentum) * running + self.norm_momentum * now

    def _mean(self, values: Array) -> Array:
        """Return the mean over the normalized axis: the examples, or the units."""
        if self.norm == "batch":
            return sum_examples(values) / values.shape[1]
        return values.mean(axis=2, keepdims=True)


@hookimpl
def annx_networks() -> list[type[ModalNetwork]]:
    return [MLP]
