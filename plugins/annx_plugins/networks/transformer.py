"""Network: transformer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Network, Weights, WeightSpec, dense, hookimpl, hyper, ref, time_steps

EPS = 1e-5  # of layer normalization
FAR = -1e30  # the score of what must not be seen


@dataclass(frozen=True)
class Transformer(Network):
    """Small transformer: in each block every step looks at all steps, then thinks by itself.

        h = xₛ E + e + Pₛ,  s = 1 ... S
        h ← h + A(N(h)) O + o
        h ← h + f(N(h) U + u) D + d                        both in each of `blocks` blocks
        output = N(h) V + v,  read after the last step, after every step, or of the mean over all steps
        A: per head softmax(q kᵀ / √m) w,  [q k w] = N(h) Q + r,  m = width / heads
        N(h) = gain (h - μ) / √(σ² + 1e-5) + shift         μ and σ² over the units

    An example's inputs are a window in time: of N · S columns the first `features` are step 1, and so on.
    With `causal`, a step looks at itself and the steps before only. Positions P are "learned",
    "sinusoidal", or "none": then, without `causal`, the steps are a set, whose order the network cannot
    know.

    Domain: `width` a multiple of `heads`, with sinusoidal positions an even number; `inner` units between U
    and D; inputs a multiple of `features`, and with read "every" outputs a multiple of the steps.
    `activation` names one for all blocks or a list of one per block.
    Shapes: x (T, N, S · features), h (T, N S, width), Q (T, width, 3 width), result (T, N, outputs).

    Vaswani et al., "Attention Is All You Need", NeurIPS 2017, https://arxiv.org/abs/1706.03762, with the
    normalization in front of each part as in Xiong et al., "On Layer Normalization in the Transformer
    Architecture", ICML 2020, https://arxiv.org/abs/2002.04745, and the activation of Hendrycks & Gimpel,
    GELU. A block computes what torch.nn.TransformerEncoderLayer with norm_first does, without dropout.
    """

    name: ClassVar[str] = "transformer"

    width: int = hyper(16, "int [1, inf)")
    heads: int = hyper(2, "int [1, inf)")
    blocks: int = hyper(1, "int [1, inf)")
    inner: int = hyper(32, "int [1, inf)")
    features: int = hyper(1, "int [1, inf)")
    positions: str = hyper("learned", ("learned", "sinusoidal", "none"))
    causal: bool = hyper(False, "bool")
    read: str = hyper("mean", ("mean", "last", "every"))
    activation: Any = ref("activation", "gelu")
    output: Any = ref("activation", "auto")

    def validate(self) -> None:
        """Refuse a width that the heads cannot divide, or a list of activations that does not fit."""
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, {self.heads}, got {self.width}")
        if self.positions == "sinusoidal" and self.width % 2:
            raise ValueError(f"width must be even with sinusoidal positions, got {self.width}")
        given = self.activation
        if isinstance(given, (list, tuple)) and len(given) not in (1, self.blocks):
            raise ValueError(
                f"activation must be one name or one per block ({self.blocks}), got {len(given)}"
            )

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [self.inner] * self.blocks}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        steps, answers = time_steps(self, inputs, outputs)
        width = self.width
        specs = _layer("E", "e", self.features, width, "input")
        if self.positions == "learned":
            specs.append(WeightSpec("P", (steps, width), width, width, place="input"))
        for i in range(1, self.blocks + 1):
            specs += [
                *_norm(f"{i}", width),
                *_layer(f"Q{i}", f"r{i}", width, 3 * width, "hidden"),
                *_layer(f"O{i}", f"o{i}", width, width, "hidden"),
                *_norm(f"{i}b", width),
                *_layer(f"U{i}", f"u{i}", width, self.activation[i - 1].width(self.inner), "hidden"),
                *_layer(f"D{i}", f"d{i}", self.inner, width, "hidden"),
            ]
        return [*specs, *_norm("", width), *_layer("V", "v", width, answers, "output")]

    def forward(self, weights: Weights, x: Array) -> Array:
        trials, examples, columns = x.shape
        steps = columns // self.features
        shape = trials, examples, steps, self.width
        h = dense(x.reshape(trials, examples * steps, self.features), weights["E"], weights["e"])
        h = self._placed(weights, h.reshape(shape)).reshape(trials, examples * steps, self.width)
        for i, activation in enumerate(self.activation, start=1):
            seen = self._attention(weights, i, _normed(weights, h, f"{i}"), shape)
            h = h + dense(seen, weights[f"O{i}"], weights[f"o{i}"])
            z = dense(_normed(weights, h, f"{i}b"), weights[f"U{i}"], weights[f"u{i}"])
            h = h + dense(activation.forward(z), weights[f"D{i}"], weights[f"d{i}"])
        h = _normed(weights, h, "")
        if self.read != "every":
            by_step = h.reshape(shape)
            h = by_step[:, :, -1] if self.read == "last" else by_step.mean(axis=2)
        return dense(h, weights["V"], weights["v"]).reshape(trials, examples, -1)

    def _placed(self, weights: Weights, h: Array) -> Array:
        """Return h (T, N, S, width) with the positions of the steps added."""
        if self.positions == "learned":
            places = weights["P"]
            return h + places.reshape(len(places), 1, *places.shape[1:])
        if self.positions == "sinusoidal":
            return h + sinusoids(h.shape[2], self.width).astype(h.dtype)
        return h

    def _attention(self, weights: Weights, i: int, h: Array, shape: tuple[int, ...]) -> Array:
        """Return what the steps see, (T, N S, width), the heads one after the other."""
        trials, examples, steps, width = shape
        size = width // self.heads
        parts = dense(h, weights[f"Q{i}"], weights[f"r{i}"])
        parts = parts.reshape(trials, examples, steps, 3, self.heads, size)
        query, key, value = (np.moveaxis(parts[:, :, :, part], 3, 2) for part in range(3))
        scores = query @ key.swapaxes(3, 4) * size**-0.5  # (T, N, heads, S, S)
        if self.causal:
            scores = np.where(np.tri(steps, dtype=bool)[None, None, None], scores, FAR)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = shares / shares.sum(axis=-1, keepdims=True)
        return np.moveaxis(shares @ value, 2, 3).reshape(trials, examples * steps, width)


def sinusoids(steps: int, width: int) -> Array:
    """Return sinusoidal positions, (1, 1, steps, width): sine and cosine of s / 10000^(2i / width)."""
    angle = np.arange(steps)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(1, 1, steps, width)


def _layer(weight: str, bias: str, below: int, units: int, place: Any) -> list[WeightSpec]:
    return [
        WeightSpec(weight, (below, units), below, units, place=place),
        WeightSpec(bias, (1, units), below, units, "bias", place=place),
    ]


def _norm(which: str, width: int) -> list[WeightSpec]:
    gain = WeightSpec(f"gain{which}", (1, width), width, width, "gain", 1.0, "hidden")
    return [gain, gain._replace(name=f"shift{which}", role="bias", initial=0.0)]


def _normed(weights: Weights, h: Array, which: str) -> Array:
    centred = h - h.mean(axis=2, keepdims=True)
    variance = (centred * centred).mean(axis=2, keepdims=True)
    return weights[f"gain{which}"] * (centred / np.sqrt(variance + EPS)) + weights[f"shift{which}"]


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Transformer]
