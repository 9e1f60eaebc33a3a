"""Network: gru."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
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


@dataclass(frozen=True)
class GRU(Network):
    """Gated recurrent units: a gate mixes the last state with a new one, another one resets it for that.

        [r z n]ₛ = xₛ Wx + b,  [r′ z′ n′]ₛ = hₛ₋₁ Wh,  h₀ = 0,  s = 1 ... S
        ρ = σ(rₛ + r′ₛ),  ζ = σ(zₛ + z′ₛ)
        ν = tanh(nₛ + ρ ∘ (n′ₛ + e))
        hₛ = (1 - ζ) ∘ ν + ζ ∘ hₛ₋₁
        output = h_S Wy + d

    With reset "before" the state is reset before its product: ν = tanh(nₛ + (ρ ∘ hₛ₋₁) Whₙ), without e.

    An example's inputs are a window in time: of N · S columns the first `features` are step 1, and so on.
    With read "last" the network gives outputs once, after the last step. With "every" it gives outputs after
    every step; an example then has S times as many, in the order of time. With several layers the h of a
    layer are the x of the next one.

    Domain: `hidden` units in each of `num_layers` layers; inputs a multiple of `features`, and with read
    "every" outputs a multiple of the steps.
    Shapes: x (T, N, S · features), Wx (T, features, 3 hidden), Wh (T, hidden, 3 hidden), e (T, 1, hidden),
    result (T, N, outputs).

    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation", EMNLP 2014, https://arxiv.org/abs/1406.1078v1; since version 3 its reset comes before the
    product, which is reset "before". PyTorch and Keras reset after it. PyTorch has a second bias for both
    gates too, which is added to b.
    """

    name: ClassVar[str] = "gru"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"reset": "before"},
        "torch": {"reset": "after"},
        "keras": {"reset": "after"},
    }

    hidden: int = hyper(16, "int [1, inf)")
    num_layers: int = hyper(1, "int [1, inf)")
    features: int = hyper(1, "int [1, inf)")
    reset: str = hyper("after", ("after", "before"))
    read: str = hyper("last", ("last", "every"))
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        _, answers = time_steps(self, inputs, outputs)
        specs, below, units = [], self.features, self.hidden
        for i in range(1, self.num_layers + 1):
            # fan_out is that of one gate: each gate is a layer of its own.
            specs += [
                WeightSpec(f"Wx{i}", (below, 3 * units), below, units, place="input" if i == 1 else "hidden"),
                WeightSpec(f"Wh{i}", (units, 3 * units), units, units, place="hidden"),
                WeightSpec(f"b{i}", (1, 3 * units), below, units, "bias", place="hidden"),
            ]
            if self.reset == "after":
                specs.append(WeightSpec(f"e{i}", (1, units), units, units, "bias", place="hidden"))
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
            driven = driven.reshape(trials, steps, examples, 3 * units)
            states = self._through(driven, weights[f"Wh{i}"], weights.get(f"e{i}"))
            if i < self.num_layers:
                below = np.concatenate(states, axis=1)
        out = dense(read_states(self, states), weights["Wy"], weights["d"])
        return out.reshape(trials, examples, -1)

    def _through(self, driven: Array, recurrent: Array, bias: Array | None) -> list[Array]:
        """Return hₛ of one layer, (T, N, hidden) each, from xₛ Wx + b of all steps, (T, S, N, 3 hidden)."""
        units = self.hidden
        states = [np.zeros_like(driven[:, 0, :, :units])]
        gates, new = recurrent[:, :, : 2 * units], recurrent[:, :, 2 * units :]
        for step in range(driven.shape[1]):
            z, before = driven[:, step], states[-1]
            if self.reset == "after":
                passed = before @ recurrent
                reset, keep = np.split(_sigmoid(z[:, :, : 2 * units] + passed[:, :, : 2 * units]), 2, axis=2)
                candidate = np.tanh(z[:, :, 2 * units :] + reset * (passed[:, :, 2 * units :] + bias))
            else:
                reset, keep = np.split(_sigmoid(z[:, :, : 2 * units] + before @ gates), 2, axis=2)
                candidate = np.tanh(z[:, :, 2 * units :] + (reset * before) @ new)
            states.append((1 - keep) * candidate + keep * before)
        return states[1:]


def _sigmoid(z: Array) -> Array:
    return 0.5 * np.tanh(0.5 * z) + 0.5  # exp(-z) would overflow


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [GRU]
