"""Networks that give their forward pass alone, each with what PyTorch computes in its place.

`of_torch` of a network gets the weights of one trial and its inputs as tensors, and returns z.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    ComponentError,
    Hyper,
    ModalNetwork,
    Mode,
    Network,
    Weights,
    WeightSpec,
    dense,
    hyper,
    linear,
    ref,
    sum_examples,
    times_transposed,
)

STEPS = 4  # time steps of the recurrent networks and of attention


def matrix(name: str, fan_in: int, fan_out: int) -> WeightSpec:
    return WeightSpec(name, (fan_in, fan_out), fan_in, fan_out)


def row(name: str, fan_out: int, role: Any = "bias", initial: Hyper = 0.0) -> WeightSpec:
    return WeightSpec(name, (1, fan_out), 1, fan_out, role, initial)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def columns_of_a_step(name: str, inputs: int) -> int:
    if inputs % STEPS:
        raise ComponentError(f"{name}: inputs must be a multiple of {STEPS}, got {inputs}")
    return inputs // STEPS


@dataclass(frozen=True)
class Dense(Network):
    """Two dense layers, z = tanh(x A + a) B + b. Nobody, "Layers", 2020."""

    name: ClassVar[str] = "two_layers"
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        return [matrix("A", inputs, 5), row("a", 5), matrix("B", 5, outputs), row("b", outputs)]

    def forward(self, weights: Weights, x: Array) -> Array:
        hidden = np.tanh(dense(x, weights["A"], weights["a"]))
        return hidden @ weights["B"] + weights["b"]

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        return torch.tanh(x @ w["A"] + w["a"]) @ w["B"] + w["b"]


@dataclass(frozen=True)
class GRU(Network):
    """A gated recurrent unit over 4 time steps, read at the last one and at all.

        r, u = σ(x W + h U),  n = tanh(x W + r (h U)),  h ← (1 - u) n + u h

    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014; gates as in PyTorch.
    """

    name: ClassVar[str] = "gru"
    hidden: int = hyper(3, "int [1, inf)")
    every: bool = hyper(False, "bool")
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        features, wide = columns_of_a_step(self.name, inputs), 3 * self.hidden
        read = self.hidden * (STEPS if self.every else 1)
        return [
            *(matrix("W", features, wide), row("b", wide)),
            *(matrix("U", self.hidden, wide), row("c", wide)),
            *(matrix("V", read, outputs), row("d", outputs)),
        ]

    def forward(self, weights: Weights, x: Array) -> Array:
        trials, examples, columns = x.shape
        steps = x.reshape(trials, examples, STEPS, columns // STEPS)
        h = np.zeros((trials, examples, self.hidden), x.dtype)
        passed = []
        for step in range(STEPS):
            ours = np.split(steps[:, :, step] @ weights["W"] + weights["b"], 3, axis=2)
            theirs = np.split(h @ weights["U"] + weights["c"], 3, axis=2)
            reset, update = sigmoid(ours[0] + theirs[0]), sigmoid(ours[1] + theirs[1])
            new = np.tanh(ours[2] + reset * theirs[2])
            h = (1 - update) * new + update * h
            passed.append(h)
        read = np.concatenate(passed, axis=2) if self.every else h
        return dense(read, weights["V"], weights["d"])

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        return recurrent(torch, torch.nn.GRU, w, x, network.every)


def recurrent(torch: Any, cls: Any, w: Mapping[str, Any], x: Any, every: bool) -> Any:
    features, hidden = w["W"].shape[0], w["U"].shape[0]
    layer = cls(features, hidden, batch_first=True, dtype=torch.float64)
    theirs = {
        "weight_ih_l0": w["W"].T,
        "weight_hh_l0": w["U"].T,
        "bias_ih_l0": w["b"][0],
        "bias_hh_l0": w["c"][0],
    }
    passed, _ = torch.func.functional_call(layer, theirs, (x.reshape(len(x), STEPS, features),))
    read = passed.reshape(len(x), -1) if every else passed[:, -1]
    return read @ w["V"] + w["d"]


@dataclass(frozen=True)
class LSTM(Network):
    """Long short-term memory over 4 time steps, all of them read, stacked on an axis of their own.

    Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; gates as in PyTorch.
    """

    name: ClassVar[str] = "lstm"
    hidden: int = hyper(3, "int [1, inf)")

    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        features, wide = columns_of_a_step(self.name, inputs), 4 * self.hidden
        return [
            *(matrix("W", features, wide), row("b", wide)),
            *(matrix("U", self.hidden, wide), row("c", wide)),
            *(matrix("V", STEPS * self.hidden, outputs), row("d", outputs)),
        ]

    def forward(self, weights: Weights, x: Array) -> Array:
        trials, examples, columns = x.shape
        k = self.hidden
        by_step = x.reshape(trials, examples * STEPS, columns // STEPS) @ weights["W"]
        driven = by_step.reshape(trials, examples, STEPS, 4 * k)
        h = cell = np.zeros((trials, examples, k), x.dtype)
        passed = []
        for step in range(STEPS):
            z = driven[:, :, step] + weights["b"] + h @ weights["U"] + weights["c"]
            enter, forget, leave = (sigmoid(z[:, :, k * i : k * (i + 1)]) for i in (0, 1, 3))
            cell = forget * cell + enter * np.tanh(z[..., 2 * k : 3 * k])
            h = leave * np.tanh(cell)
            passed.append(h)
        read = np.stack(passed, axis=2).reshape(trials, examples, STEPS * k)
        return dense(read, weights["V"], weights["d"])

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        return recurrent(torch, torch.nn.LSTM, w, x, True)


@dataclass(frozen=True)
class Residual(Network):
    """A residual block, with layer norm before it.

        h = x E,  z = (h + f(LN(h) A + a) B) C,  LN(h) = gain (h - μ) / √(σ² + eps) + shift

    Domain: eps > 0; activation is f. He et al., "Deep Residual Learning", CVPR 2016.
    """

    name: ClassVar[str] = "residual"
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")
    eps: Hyper = hyper(1e-5, "(0, inf)")

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [6]}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        wide = self.activation[0].width(6)
        return [
            *(matrix("E", inputs, 4), row("gain", 4, "gain", 1.0), row("shift", 4)),
            *(matrix("A", 4, wide), row("a", wide), matrix("B", 6, 4), matrix("C", 4, outputs)),
        ]

    def forward(self, weights: Weights, x: Array) -> Array:
        h = x @ weights["E"]
        mean, variance = h.mean(axis=2, keepdims=True), h.var(axis=2, keepdims=True)
        normed = weights["gain"] * (h - mean) / np.sqrt(variance + self.eps) + weights["shift"]
        block = self.activation[0].forward(dense(normed, weights["A"], weights["a"])) @ weights["B"]
        return (h + block) @ weights["C"]

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        h = x @ w["E"]
        normed = torch.nn.functional.layer_norm(h, (4,), w["gain"][0], w["shift"][0], 1e-5)
        return (h + torch.relu(normed @ w["A"] + w["a"]) @ w["B"]) @ w["C"]


@dataclass(frozen=True)
class BatchNorm(ModalNetwork):
    """Batch norm with running statistics between two layers, and dropout if asked for.

        z = drop(tanh(gain (x A - μ) / √(σ² + 1e-5) + shift)) B,  mean ← (1 - momentum) mean + momentum μ

    Domain: dropout in [0, 1), momentum in (0, 1].
    Ioffe & Szegedy, "Batch Normalization", ICML 2015; momentum as in PyTorch.
    """

    name: ClassVar[str] = "batch_norm"
    dropout: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.5))
    momentum: Hyper = hyper(0.1, "(0, 1]")
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        return [
            *(matrix("A", inputs, 5), row("gain", 5, "gain", 1.0), row("shift", 5)),
            *(row("mean", 5, "state"), row("variance", 5, "state", 1.0), matrix("B", 5, outputs)),
        ]

    def forward(self, weights: Weights, x: Array, mode: Mode) -> Array:
        z = x @ weights["A"]
        mean, variance = weights["mean"], weights["variance"]
        if mode.training:
            n = x.shape[1]
            now, spread = sum_examples(z) / n, z.var(axis=1, keepdims=True)
            if mode.first:
                mean[...] = (1 - self.momentum) * mean + self.momentum * now
                variance *= 1 - self.momentum
                variance += self.momentum * spread * (n / (n - 1))
            mean, variance = now, spread
        hidden = np.tanh(weights["gain"] * (z - mean) / np.sqrt(variance + 1e-5) + weights["shift"])
        if mode.training:
            kept = mode.uniform("dropout", hidden.shape[1:]) >= self.dropout
            hidden = np.where(kept, hidden / (1 - self.dropout), 0.0)
        return hidden @ weights["B"]

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        normed = torch.nn.functional.batch_norm(
            x @ w["A"], w["mean"][0], w["variance"][0], w["gain"][0], w["shift"][0], training=True
        )
        hidden = torch.tanh(normed)
        if network.dropout:
            hidden = torch.where(w["drawn dropout"] >= network.dropout, hidden / (1 - network.dropout), 0.0)
        return hidden @ w["B"]


@dataclass(frozen=True)
class Attention(Network):
    """Self-attention with 2 heads over 4 tokens, by matrix products or by np.einsum.

    Vaswani et al., "Attention Is All You Need", NeurIPS 2017.
    """

    name: ClassVar[str] = "attention"
    einsum: bool = hyper(False, "bool")
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        features = columns_of_a_step(self.name, inputs)
        return [matrix("QKV", features, 12), matrix("O", STEPS * 4, outputs)]

    def forward(self, weights: Weights, x: Array) -> Array:
        trials, examples, columns = x.shape
        tokens = x.reshape(trials, examples * STEPS, columns // STEPS) @ weights["QKV"]
        parts = tokens.reshape(trials, examples, STEPS, 3, 2, 2)
        query, key, value = (np.moveaxis(parts[:, :, :, i], 3, 2) for i in range(3))  # (T, N, heads, S, 2)
        if self.einsum:
            scores = np.einsum("tnhsd,tnhrd->tnhsr", query, key) / 2**0.5
        else:
            scores = query @ key.swapaxes(3, 4) / 2**0.5
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = shares / shares.sum(axis=-1, keepdims=True)
        seen = np.einsum("tnhsr,tnhrd->tnhsd", shares, value) if self.einsum else shares @ value
        return seen.swapaxes(2, 3).reshape(trials, examples, STEPS * 4) @ weights["O"]

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        n = len(x)
        parts = (x.reshape(n, STEPS, -1) @ w["QKV"]).reshape(n, STEPS, 3, 2, 2)
        query, key, value = (parts[:, :, i].transpose(1, 2) for i in range(3))
        seen = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        return seen.transpose(1, 2).reshape(n, STEPS * 4) @ w["O"]


@dataclass(frozen=True)
class Convolution(Network):
    """Three filters of width 3 over the inputs, with relu, by windows or by slices."""

    name: ClassVar[str] = "convolution"
    slices: bool = hyper(False, "bool")
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        return [matrix("F", 3, 3), row("f", 3), matrix("B", 3 * (inputs - 2), outputs)]

    def forward(self, weights: Weights, x: Array) -> Array:
        trials, examples, columns = x.shape
        if self.slices:
            parts = [x[:, :, i : columns - 2 + i] for i in range(3)]
            windows = np.stack(parts, axis=3)
        else:
            windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=2)
        at_places = windows.reshape(trials, examples * (columns - 2), 3)
        maps = np.maximum(dense(at_places, weights["F"], weights["f"]), 0)
        return maps.reshape(trials, examples, -1) @ weights["B"]

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        maps = torch.nn.functional.conv1d(x[:, None], w["F"].T[:, None], w["f"][0])
        return torch.relu(maps).transpose(1, 2).reshape(len(x), -1) @ w["B"]


@dataclass(frozen=True)
class TwoConvolutions(Network):
    """Windows of windows: the gradient goes back through overlapping places."""

    name: ClassVar[str] = "two_convolutions"
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        return [matrix("A", inputs, 7), matrix("F", 3, 2), matrix("B", 10, outputs)]

    def forward(self, weights: Weights, x: Array) -> Array:
        hidden = np.tanh(x @ weights["A"])
        windows = np.lib.stride_tricks.sliding_window_view(hidden, 3, axis=2)
        maps = np.tanh(windows.reshape(len(x), -1, 3) @ weights["F"])
        return maps.reshape(*x.shape[:2], 10) @ weights["B"]

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        maps = torch.nn.functional.conv1d(torch.tanh(x @ w["A"])[:, None], w["F"].T[:, None])
        return torch.tanh(maps).transpose(1, 2).reshape(len(x), -1) @ w["B"]


@dataclass(frozen=True)
class Embedding(Network):
    """A table of 6 rows, looked up by the sign and size of the first input."""

    name: ClassVar[str] = "embedding"
    one_hot: bool = hyper(False, "bool")
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        return [matrix("E", 6, 4), matrix("B", 4, outputs)]

    def forward(self, weights: Weights, x: Array) -> Array:
        place = np.clip(np.floor(2 * x[:, :, :1] + 3), 0, 5)
        if self.one_hot:
            rows = (place == np.arange(6)).astype(x.dtype) @ weights["E"]
        else:
            table = weights["E"]
            places = np.broadcast_to(place.astype(int), (*x.shape[:2], 4))
            rows = np.take_along_axis(table, places, axis=1)
        return np.tanh(rows) @ weights["B"]

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        places = torch.clip(torch.floor(2 * x[:, 0] + 3), 0, 5).long()
        return torch.tanh(torch.nn.functional.embedding(places, w["E"])) @ w["B"]


@dataclass(frozen=True)
class Tied(Network):
    """An autoencoder with one weight for both ways, and a weight that is not used."""

    name: ClassVar[str] = "tied"
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(f"{self.name}: as many outputs as inputs, got {inputs} and {outputs}")
        return [matrix("W", inputs, 3), matrix("idle", 2, 2)]

    def forward(self, weights: Weights, x: Array) -> Array:
        code = np.tanh(x @ weights["W"])
        return times_transposed(code, weights["W"])

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        return torch.tanh(x @ w["W"]) @ w["W"].T


@dataclass(frozen=True)
class Placed(Network):
    """Two hidden layers with activations of any sort in their places, the second one used twice."""

    name: ClassVar[str] = "placed"
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [4, 4]}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        first, second = (activation.width(4) for activation in self.activation)
        return [matrix("A", inputs, first), matrix("B", 4, second), matrix("C", 4, outputs)]

    def forward(self, weights: Weights, x: Array) -> Array:
        first, second = self.activation
        h = first.forward(x @ weights["A"])
        for _ in range(2):
            h = second.forward(h @ weights["B"])
        return h @ weights["C"]

    @staticmethod
    def of_torch(torch: Any, w: Mapping[str, Any], x: Any, network: Any) -> Any:
        f = OF_TORCH[network.activation[0].name]
        h = f(torch, x @ w["A"], w, 1, 0)
        for call in range(2):
            h = f(torch, h @ w["B"], w, 2, call)
        return h @ w["C"]


OF_TORCH: dict[str, Callable[..., Any]] = {
    "relu": lambda torch, z, w, place, call: torch.relu(z),
    "prelu": lambda torch, z, w, place, call: torch.nn.functional.prelu(
        z, w[f"activation{place}.slope"].reshape(-1)
    ),
    "rrelu": lambda torch, z, w, place, call: torch.where(
        z > 0, z, (1 / 8 + (1 / 3 - 1 / 8) * w[f"drawn activation{place}/{call}/"]) * z
    ),
    "glu": lambda torch, z, w, place, call: torch.nn.functional.glu(z, dim=1),
    "swiglu": lambda torch, z, w, place, call: (
        torch.nn.functional.silu(z[:, : z.shape[1] // 2]) * z[:, z.shape[1] // 2 :]
    ),
}
