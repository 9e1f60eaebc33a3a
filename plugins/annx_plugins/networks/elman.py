"""Network: elman."""

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
    sum_examples,
    time_steps,
    times_transposed,
)


class Tape(NamedTuple):
    """The values that the forward pass keeps for the backward pass."""

    x: Array  # all time steps as examples, (T, N S, F)
    pre: list[Array]  # z of the hidden layer at each time step
    given: list[Array]  # and its a
    read: Array  # the input of the output layer, (T, N or N S, H)
    out: Array  # the output layer's z, in the shape of the product


@dataclass(frozen=True)
class Elman(Network):
    """Simple recurrent network: the hidden layer gets the input and its own last activations.

        zₛ = xₛ Wx + aₛ₋₁ Wh + b,  aₛ = f(zₛ),  a₀ = 0,  s = 1 ... S
        outputₛ = aₛ Wy + c

    An example's inputs are a window in time: of N · S columns the first `features` are step 1, and so on.
    With read "last" the network gives outputs once, after the last step. With "every" it gives outputs after
    every step; an example then has S times as many, in the order of time.

    Backward is back-propagation through time over the whole window: with δₛ = ∂L/∂zₛ

        δₛ = (∂L/∂outputₛ Wyᵀ + δₛ₊₁ Whᵀ) ∘ f'(zₛ),  ∂L/∂Wx = Σ xₛᵀ δₛ,  ∂L/∂Wh = Σ aₛ₋₁ᵀ δₛ

    Domain: `hidden` units; inputs a multiple of `features`, and with read "every" outputs a multiple of
    the steps.
    Shapes: x (T, N, S · features), Wx (T, features, hidden), Wh (T, hidden, hidden), result (T, N, outputs).

    Elman, "Finding Structure in Time", Cognitive Science 14 (1990), 179-211.
    https://doi.org/10.1207/s15516709cog1402_1. There the context starts at 0.5 and errors go back only one
    step. Here it starts at 0, as in PyTorch, and errors go back to the beginning of the window: Rumelhart,
    Hinton & Williams, "Learning representations by back-propagating errors", Nature 323 (1986), 533-536.
    PyTorch has two biases, which are added.
    """

    name: ClassVar[str] = "elman"

    hidden: int = hyper(16, "int [1, inf)")
    features: int = hyper(1, "int [1, inf)")
    read: str = hyper("last", ("last", "every"))
    activation: Any = ref("activation", "tanh")
    output: Any = ref("activation", "auto")

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [self.hidden]}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        _, answers = time_steps(self, inputs, outputs)
        wide = self.activation[0].width(self.hidden)
        return [
            WeightSpec("Wx", (self.features, wide), self.features, wide, place="input"),
            WeightSpec("Wh", (self.hidden, wide), self.hidden, wide, place="hidden"),
            WeightSpec("b", (1, wide), self.features, wide, "bias", place="hidden"),
            WeightSpec("Wy", (self.hidden, answers), self.hidden, answers, place="output"),
            WeightSpec("c", (1, answers), self.hidden, answers, "bias", place="output"),
        ]

    def forward(self, weights: Weights, x: Array) -> tuple[Array, Tape]:
        trials, examples, columns = x.shape
        steps = columns // self.features
        x = x.reshape(trials, examples * steps, self.features)
        driven = dense(x, weights["Wx"], weights["b"]).reshape(trials, examples, steps, -1)
        pre: list[Array] = []
        given: list[Array] = []
        for step in range(steps):
            z = driven[:, :, step].copy()  # in one piece, which products and sums go through faster
            if given:
                z = z + np.matmul(given[-1], weights["Wh"])
            pre.append(z)
            given.append(self.activation[0].forward(z))
        read = read_states(self, given)
        out = dense(read, weights["Wy"], weights["c"])
        return out.reshape(trials, examples, -1), Tape(x, pre, given, read, out)

    # By hand for speed: the derived one costs 7 % more, and recording 50 time steps takes 0.25 s.
    def backward(self, weights: Weights, tape: Tape, grad: Array, grads: Weights) -> None:
        trials, examples, _ = tape.given[0].shape
        steps = len(tape.given)
        grad = grad.reshape(tape.out.shape)
        np.matmul(tape.read.swapaxes(1, 2), grad, out=grads["Wy"])
        sum_examples(grad, out=grads["c"])
        read = times_transposed(grad, weights["Wy"])
        above = read.reshape(trials, examples, steps, -1) if self.read == "every" else None
        back: list[Array] = []  # δ, from the last step to the first
        for step in range(steps - 1, -1, -1):
            below = read if above is None else np.ascontiguousarray(above[:, :, step])
            if back:
                through = times_transposed(back[-1], weights["Wh"])
                below = through if above is None else below + through
            back.append(self.activation[0].backward(below, tape.pre[step], tape.given[step]))
        every = np.stack(back[::-1], axis=2)
        deltas = every.reshape(trials, examples * steps, -1)
        np.matmul(tape.x.swapaxes(1, 2), deltas, out=grads["Wx"])
        sum_examples(deltas, out=grads["b"])
        if steps == 1:
            grads["Wh"][...] = 0
            return
        before = np.concatenate(tape.given[:-1], axis=1)
        np.matmul(before.swapaxes(1, 2), np.concatenate(back[-2::-1], axis=1), out=grads["Wh"])

    def layers(self, tape: Tape) -> Sequence[Layer]:
        """Return the hidden layer, its time steps one after the other as examples, and the output layer."""
        z, a = (np.concatenate(moments, axis=1) for moments in (tape.pre, tape.given))
        return [Layer("Wx", z, a, partial(self.activation[0].slope, z, a)), Layer("Wy", tape.out)]


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Elman]
