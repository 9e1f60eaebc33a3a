"""Network: rnn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Array,
    Layer,
    Network,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    read_states,
    ref,
    steps_first,
    time_steps,
)


class Tape(NamedTuple):
    """The values of a pass that `layers` shows."""

    pre: list[list[Array]]  # z of each hidden layer at each time step
    given: list[list[Array]]  # and its a
    out: Array  # the output layer's z, in the shape of the product


@dataclass(frozen=True)
class RNN(Network):
    """Plain recurrent network of one or several layers: each gets its input and its own last activations.

        hₛ = f(xₛ Wx + hₛ₋₁ Wh + b),  h₀ = 0,  s = 1 ... S
        output = h_S Wy + d

    An example's inputs are a window in time: of N · S columns the first `features` are step 1, and so on.
    With read "last" the network gives outputs once, after the last step. With "every" it gives outputs after
    every step; an example then has S times as many, in the order of time. With several layers the h of a
    layer are the x of the next one.

    Domain: `hidden` units in each of `num_layers` layers; inputs a multiple of `features`, and with read
    "every" outputs a multiple of the steps. `activation` names one for all layers or a list of one per
    layer.
    Shapes: x (T, N, S · features), Wx (T, features, hidden), Wh (T, hidden, hidden), result (T, N, outputs).

    Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323 (1986),
    533-536, with its network unfolded in time. https://doi.org/10.1038/323533a0. As torch.nn.RNN with one
    bias in place of two, which are added; its nonlinearity is "tanh" or "relu". With one layer it computes
    what `elman` does, which is Elman's network of 1990: one layer, whose context is a copy of itself.
    """

    name: ClassVar[str] = "rnn"

    hidden: int = hyper(16, "int [1, inf)")
    num_layers: int = hyper(1, "int [1, inf)")
    features: int = hyper(1, "int [1, inf)")
    read: str = hyper("last", ("last", "every"))
    activation: Any = ref("activation", "tanh")
    output: Any = ref("activation", "auto")

    def validate(self) -> None:
        """Refuse a list of activations that does not fit the layers."""
        given = self.activation
        if isinstance(given, (list, tuple)) and len(given) not in (1, self.num_layers):
            raise ValueError(
                f"activation must be one name or one per layer ({self.num_layers}), got {len(given)}"
            )

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [self.hidden] * self.num_layers}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        _, answers = time_steps(self, inputs, outputs)
        specs, below, units = [], self.features, self.hidden
        for i in range(1, self.num_layers + 1):
            wide = self.activation[i - 1].width(units)
            specs += [
                WeightSpec(f"Wx{i}", (below, wide), below, wide, place="input" if i == 1 else "hidden"),
                WeightSpec(f"Wh{i}", (units, wide), units, wide, place="hidden"),
                WeightSpec(f"b{i}", (1, wide), below, wide, "bias", place="hidden"),
            ]
            below = units
        return [
            *specs,
            WeightSpec("Wy", (units, answers), units, answers, place="output"),
            WeightSpec("d", (1, answers), units, answers, "bias", place="output"),
        ]

    def forward(self, weights: Weights, x: Array) -> tuple[Array, Tape]:
        trials, examples, columns = x.shape
        steps = columns // self.features
        below = steps_first(self, x)
        pre: list[list[Array]] = []
        given: list[list[Array]] = []
        for i, activation in enumerate(self.activation, start=1):
            driven = dense(below, weights[f"Wx{i}"], weights[f"b{i}"])
            driven = driven.reshape(trials, steps, examples, -1)
            pre.append([driven[:, 0]])
            given.append([activation.forward(pre[-1][0])])
            for step in range(1, steps):
                pre[-1].append(driven[:, step] + given[-1][-1] @ weights[f"Wh{i}"])
                given[-1].append(activation.forward(pre[-1][-1]))
            if i < self.num_layers:
                below = np.concatenate(given[-1], axis=1)
        out = dense(read_states(self, given[-1]), weights["Wy"], weights["d"])
        return out.reshape(trials, examples, -1), Tape(pre, given, out)

    def layers(self, tape: Tape) -> Sequence[Layer]:
        """Return the hidden layers, their time steps one after the other as examples, and the output."""
        shown = []
        for i, (pre, given) in enumerate(zip(tape.pre, tape.given, strict=True), start=1):
            z, a = (np.concatenate(moments, axis=1) for moments in (pre, given))
            shown.append(Layer(f"Wx{i}", z, a, partial(self.activation[i - 1].slope, z, a)))
        return [*shown, Layer("Wy", tape.out)]


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [RNN]
