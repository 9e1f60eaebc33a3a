"""Network: echo_state."""

from collections.abc import Sequence
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
    eigh,
    hookimpl,
    hyper,
    linear,
    log,
    read_states,
    ref,
    sum_examples,
    time_steps,
)


@dataclass(frozen=True)
class EchoState(Network):
    """Echo state network: a fixed random reservoir remembers its inputs, and a linear read-out is fitted.

        hₛ = (1 - leak) hₛ₋₁ + leak · f(xₛ Wx + hₛ₋₁ Wh + b),  h₀ = 0,  s = 1 ... S
        output = h_S Wy + d
        Wy = (HᵀH + ridge · I)⁻¹ Hᵀ Y,  d = ȳ - h̄ Wy           H and Y: states and targets minus their means

    Wx and b are drawn from U[-1, 1) times input_scale and bias_scale. Of each column of Wh a share
    `density` is drawn from U[-1, 1), the rest is 0; then Wh is scaled to the spectral radius `radius`. None
    of them is trained. Below a radius of 1 the reservoir usually forgets how it started (echo state
    property).

    The read-out is fitted by a learning rule and not by a gradient: the optimizer descends W - W_ridge, so
    one step of sgd with lr 1 on the full batch is the ridge regression of the targets, whatever the loss.
    Further steps change nothing. With classes, use loss mse and output identity.

    An example's inputs are a window in time: of N · S columns the first `features` are step 1, and so on.
    With read "last" the network gives outputs once, after the last step. With "every" it gives outputs after
    every step, also of those when the reservoir is still filling.

    Domain: `hidden` units; radius ≥ 0, leak in (0, 1], density in (0, 1], ridge > 0, the scales ≥ 0; inputs a
    multiple of `features`, and with read "every" outputs a multiple of the steps.
    Shapes: x (T, N, S · features), Wx (T, features, hidden), Wh (T, hidden, hidden), result (T, N, outputs).

    Jaeger, "The 'echo state' approach to analysing and training recurrent neural networks", GMD Report 148,
    2001. https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf. Leak and ridge as in Lukoševičius, "A
    Practical Guide to Applying Echo State Networks", 2012, https://doi.org/10.1007/978-3-642-35289-8_36,
    which feeds the inputs to the read-out too and shrinks its bias; here, as in scikit-learn's Ridge, the
    bias is left alone.
    """

    name: ClassVar[str] = "echo_state"

    hidden: int = hyper(100, "int [1, inf)")
    features: int = hyper(1, "int [1, inf)")
    radius: Hyper = hyper(0.9, "[0, inf)", search=linear(0.5, 1.2))
    leak: Hyper = hyper(1.0, "(0, 1]", search=linear(0.1, 1.0))
    density: Hyper = hyper(0.1, "(0, 1]")
    input_scale: Hyper = hyper(1.0, "[0, inf)", search=log(0.1, 2.0))
    bias_scale: Hyper = hyper(0.2, "[0, inf)")
    ridge: Hyper = hyper(1e-6, "(0, inf)", search=log(1e-8, 1e-1))
    read: str = hyper("last", ("last", "every"))
    activation: Any = ref("activation", "tanh")
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        _, answers = time_steps(self, inputs, outputs)
        features, units = self.features, self.hidden
        return [
            WeightSpec("Wx", (features, units), features, units, "state", place="input"),
            WeightSpec("Wh", (units, units), units, units, "state", place="hidden"),
            WeightSpec("b", (1, units), features, units, "state", place="hidden"),
            WeightSpec("Wy", (units, answers), units, answers, place="output"),
            WeightSpec("d", (1, answers), units, answers, "bias", place="output"),
        ]

    def draw(self, rng: np.random.Generator, spec: WeightSpec) -> Array:
        drawn = rng.uniform(-1, 1, spec.shape)
        if spec.name != "Wh":
            return drawn * (self.input_scale if spec.name == "Wx" else self.bias_scale)
        # Every unit has at least one connection, so that there is a circle of them and a radius to scale.
        rank = np.argsort(rng.random(spec.shape), axis=0)
        drawn = np.where(rank < max(1, round(self.density * self.hidden)), drawn, 0)
        return drawn * (self.radius / np.abs(np.linalg.eigvals(drawn)).max())

    def forward(self, weights: Weights, x: Array) -> Array:
        read = self._read(weights, x)
        return dense(read, weights["Wy"], weights["d"]).reshape(*x.shape[:2], -1)

    def _read(self, weights: Weights, x: Array) -> Array:
        """Return the states that are read, (T, N, hidden), with read "every" (T, N S, hidden)."""
        trials, examples, columns = x.shape
        steps = columns // self.features
        driven = dense(x.reshape(trials, examples * steps, self.features), weights["Wx"], weights["b"])
        driven = driven.reshape(trials, examples, steps, self.hidden)
        states = [self.leak * self.activation[0].forward(driven[:, :, 0])]
        for step in range(1, steps):
            new = self.activation[0].forward(driven[:, :, step] + states[-1] @ weights["Wh"])
            states.append((1 - self.leak) * states[-1] + self.leak * new)
        return read_states(self, states)

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights) -> None:
        # In float64: the squares of states that are nearly equal need the digits.
        states = self._read(weights, x).astype(float)
        targets = y.reshape(len(y), states.shape[1], -1).astype(float)
        mean_state, mean_target = (sum_examples(values) / states.shape[1] for values in (states, targets))
        centred = states - mean_state
        values, vectors = eigh(centred.swapaxes(1, 2) @ centred)
        products = vectors.swapaxes(1, 2) @ (centred.swapaxes(1, 2) @ (targets - mean_target))
        solution = vectors @ (products / (np.maximum(values, 0)[:, :, None] + self.ridge))
        grads["Wy"][...] = weights["Wy"] - solution
        grads["d"][...] = weights["d"] - (mean_target - mean_state @ solution)


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [EchoState]
