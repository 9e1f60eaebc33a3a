"""Network: autoencoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from anncore import Array, ComponentError, Network, Task, Weights, WeightSpec, dense, hookimpl, hyper, ref


@dataclass(frozen=True)
class Autoencoder(Network):
    """Autoencoder: it gives back its input through a narrow layer, the code.

        encoder    a₀ = x,  aᵢ = fᵢ(aᵢ₋₁ Wᵢ + bᵢ),  code = a_m W_{m+1} + b_{m+1}
        decoder    the same layers in reverse order, from the code to x̂

    `hidden` are the widths of the encoder's hidden layers; the decoder has them in reverse. The code is
    linear. Without hidden layers the whole network is linear: at its best it projects onto the first
    principal components, as many as the code has units, and has exactly their error.

    Domain: code at least 1. `activation` names one activation for all hidden layers, or one for each of both
    halves, encoder first. As many outputs as inputs: a data set without targets, or targets of which the
    inputs are damaged copies, as in `letters` (a denoising autoencoder).
    Shapes: x and result (T, N, D), code (T, N, code), Wᵢ (T, fan_in, fan_out), bᵢ (T, 1, fan_out).

    Hinton & Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 313 (2006),
    504-507. https://doi.org/10.1126/science.1127647. Baldi & Hornik, "Neural networks and principal component
    analysis", Neural Networks 2 (1989), 53-58, for the linear one.
    https://doi.org/10.1016/0893-6080(89)90014-2
    """

    name: ClassVar[str] = "autoencoder"
    tasks: ClassVar[tuple[Task, ...]] = ("regression", "unsupervised")

    hidden: tuple[int, ...] = hyper((32,), "list int [1, inf)")
    code: int = hyper(2, "int [1, inf)")
    activation: Any = ref("activation", "tanh")
    output: Any = ref("activation", "auto")

    def validate(self) -> None:
        """Refuse a list of activations that does not fit the hidden layers."""
        given = self.activation
        if isinstance(given, (list, tuple)) and len(given) not in (1, 2 * len(self.hidden)):
            raise ValueError(
                f"activation must be one name or one per hidden layer ({2 * len(self.hidden)}), "
                f"got {len(given)}"
            )

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": (*self.hidden, *reversed(self.hidden))}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if outputs % inputs:
            raise ComponentError(
                f"{self.name}: it gives back its inputs, got {inputs} inputs and {outputs} outputs; use a "
                "data set without targets, for example unlabelled"
            )
        widths = (inputs, *self.hidden, self.code, *reversed(self.hidden), outputs)
        middle, last = len(self.hidden) + 1, len(widths) - 1
        specs = []
        for i, (fan_in, units) in enumerate(pairwise(widths), start=1):
            place: Any = "input" if i == 1 else "output" if i == last else "hidden"
            linear = i in (middle, last)
            fan_out = units if linear else self.activation[i - 1 - (i > middle)].width(units)
            specs.append(WeightSpec(f"W{i}", (fan_in, fan_out), fan_in, fan_out, place=place))
            specs.append(WeightSpec(f"b{i}", (1, fan_out), fan_in, fan_out, "bias", place=place))
        return specs

    def forward(self, weights: Weights, x: Array) -> Array:
        depth = len(self.hidden)
        code = self._layers(weights, x, 1, self.activation[:depth])
        return self._layers(weights, code, depth + 2, self.activation[depth : 2 * depth])

    def snapshot(self, weights: Weights, x: Array, y: Array) -> Mapping[str, Array]:
        depth = len(self.hidden)
        code = self._layers(weights, x, 1, self.activation[:depth])
        back = self._layers(weights, code, depth + 2, self.activation[depth : 2 * depth])
        return {"code": code, "reconstructions": back}

    def _layers(self, weights: Weights, a: Array, first: int, activations: Sequence[Any]) -> Array:
        """Return what one half makes of a: its hidden layers, from the layer `first`, and a linear one."""
        for i, activation in enumerate(activations, start=first):
            a = activation.forward(dense(a, weights[f"W{i}"], weights[f"b{i}"]))
        last = first + len(activations)
        return dense(a, weights[f"W{last}"], weights[f"b{last}"])


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Autoencoder]
