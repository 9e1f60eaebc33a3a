"""Network: lstm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    read_states,
    ref,
    steps_first,
    time_steps,
)


@dataclass(frozen=True)
class LSTM(Network):
    """Long short-term memory: cells whose gates decide what enters, what stays and what leaves.

        [i f g o]ₛ = xₛ Wx + hₛ₋₁ Wh + b,  h₀ = 0,  c₀ = 0,  s = 1 ... S
        cₛ = σ(fₛ + forget_bias) ∘ cₛ₋₁ + σ(iₛ) ∘ tanh(gₛ)
        hₛ = σ(oₛ) ∘ tanh(cₛ)
        output = h_S Wy + d

    An example's inputs are a window in time: of N · S columns the first `features` are step 1, and so on.
    With read "last" the network gives outputs once, after the last step. With "every" it gives outputs after
    every step; an example then has S times as many, in the order of time. With several layers the h of a
    layer are the x of the next one.

    Domain: `hidden` units in each of `num_layers` layers; inputs a multiple of `features`, and with read
    "every" outputs a multiple of the steps.
    Shapes: x (T, N, S · features), Wx (T, features, 4 hidden), Wh (T, hidden, 4 hidden), result (T, N,
    outputs).

    Hochreiter & Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997), 1735-1780.
    https://doi.org/10.1162/neco.1997.9.8.1735. The forget gate f is by Gers, Schmidhuber & Cummins, "Learning
    to Forget", Neural Computation 12 (2000), 2451-2471, https://doi.org/10.1162/089976600300015015. A
    forget_bias of 1, so that cells remember at first, is by Jozefowicz, Zaremba & Sutskever, "An Empirical
    Exploration of Recurrent Network Architectures", ICML 2015,
    https://proceedings.mlr.press/v37/jozefowicz15.html. Order of the gates and all else as in PyTorch, whose
    forget_bias is 0 and which has two biases, which are added. Keras starts the bias itself at 1; here the 1
    is added to it, as in TensorFlow's BasicLSTMCell, which differs only where weight decay shrinks biases.
    """

    name: ClassVar[str] = "lstm"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"forget_bias": 0.0},
        "keras": {"forget_bias": 1.0},
    }

    hidden: int = hyper(16, "int [1, inf)")
    num_layers: int = hyper(1, "int [1, inf)")
    features: int = hyper(1, "int [1, inf)")
    forget_bias: Hyper = hyper(1.0, "(-inf, inf)", search=linear(0.0, 3.0))
    read: str = hyper("last", ("last", "every"))
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        _, answers = time_steps(self, inputs, outputs)
        specs, below, units = [], self.features, self.hidden
        for i in range(1, self.num_layers + 1):
            # fan_out is that of one gate: each gate is a layer of its own.
            specs += [
                WeightSpec(f"Wx{i}", (below, 4 * units), below, units, place="input" if i == 1 else "hidden"),
                WeightSpec(f"Wh{i}", (units, 4 * units), units, units, place="hidden"),
                WeightSpec(f"b{i}", (1, 4 * units), below, units, "bias", place="hidden"),
            ]
            below = units
        return [
            *specs,
            WeightSpec("Wy", (units, answers), units, answers, place="output"),
            WeightSpec("d", (1, answers), units, answers, "bias", place="output"),
        ]

    def forward(self, weights: Weights, x: Array) -> Array:
        trials, examples, columns = x.shape
        steps, units = columns // self.features, self.hidden
        below = steps_first(self, x)
        for i in range(1, self.num_layers + 1):
            driven = dense(below, weights[f"Wx{i}"], weights[f"b{i}"])
            driven = driven.reshape(trials, steps, examples, 4 * units)
            states = self._through(driven, weights[f"Wh{i}"])
            if i < self.num_layers:
                below = np.concatenate(states, axis=1)
        out = dense(read_states(self, states), weights["Wy"], weights["d"])
        return out.reshape(trials, examples, -1)

    def _through(self, driven: Array, recurrent: Array) -> list[Array]:
        """Return hₛ of one layer, (T, N, hidden) each, from xₛ Wx + b of all steps, (T, S, N, 4 hidden)."""
        states: list[Array] = []
        cell: Any = None
        for step in range(driven.shape[1]):
            z = driven[:, step]
            if states:
                z = z + states[-1] @ recurrent
            enter, forget, new, leave = np.split(z, 4, axis=2)
            entered = _sigmoid(enter) * np.tanh(new)
            cell = entered if cell is None else _sigmoid(forget + self.forget_bias) * cell + entered
            states.append(_sigmoid(leave) * np.tanh(cell))
        return states


def _sigmoid(z: Array) -> Array:
    return 0.5 * np.tanh(0.5 * z) + 0.5  # exp(-z) would overflow


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [LSTM]
