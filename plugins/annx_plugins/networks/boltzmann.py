"""Network: boltzmann."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    ComponentError,
    LearnMode,
    RuleNetwork,
    Task,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    ref,
    sum_examples,
)

MOST = 14  # units of the smaller side whose states are enumerated


@dataclass(frozen=True)
class Boltzmann(RuleNetwork):
    """Restricted Boltzmann machine: binary visible and hidden units, with connections between the two sides.

        E(v, h) = -v W hᵀ - b vᵀ - c hᵀ,   p(v, h) = exp(-E) / Z
        p(h = 1 | v) = σ(v W + c),         p(v = 1 | h) = σ(h Wᵀ + b)
        ∂ ln p(v) / ∂W = ⟨v h⟩ given v - ⟨v h⟩ of the machine, likewise for b and c

    `rule` says where the second mean comes from. "contrastive" runs k rounds of Gibbs sampling that begin at
    the examples; "exact" enumerates all states of the smaller side and gives the gradient itself. The
    optimizer descends minus their difference, and sgd applies its rate. The result is the reconstruction
    σ(σ(x W + c) Wᵀ + b), for which the output activation is the outer σ.

    Domain: inputs of 0 and 1, or probabilities: leave them as they are ([split] standardize = false). As many
    outputs as inputs, so a data set without targets. "exact" and `log_likelihood` need at most 14 units
    on one side; the latter is NaN for larger machines.
    Shapes: x and result (T, N, D), W (T, D, hidden), b (T, 1, D), c (T, 1, hidden).

    Smolensky, "Information processing in dynamical systems", in Parallel Distributed Processing 1, 1986,
    194-281. Hinton, "Training products of experts by minimizing contrastive divergence", Neural Computation
    14 (2002), 1771-1800. https://doi.org/10.1162/089976602760128018. As in Hinton's "A Practical Guide to
    Training Restricted Boltzmann Machines", 2010, section 3, the last hidden states are probabilities, and
    all other ones are drawn.
    """

    name: ClassVar[str] = "boltzmann"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    accepts: ClassVar[str] = "[0, 1]"
    measured: ClassVar[tuple[str, ...]] = ("log_likelihood",)

    hidden: int = hyper(8, "int [1, inf)")
    rule: str = hyper("contrastive", ("contrastive", "exact"))
    k: int = hyper(1, "int [1, inf)", help="rounds of Gibbs sampling in a step")
    output: Any = ref("activation", "sigmoid")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(
                f"{self.name}: it gives back its inputs, got {inputs} inputs and {outputs} outputs; use a "
                "data set without targets, for example bars_and_stripes"
            )
        if self.rule == "exact" and min(inputs, self.hidden) > MOST:
            raise ComponentError(
                f"{self.name}: the exact rule enumerates the smaller side, which may have {MOST} units, got "
                f'{min(inputs, self.hidden)}; set rule = "contrastive"'
            )
        return [
            WeightSpec("W", (inputs, self.hidden), inputs, self.hidden, place="hidden"),
            WeightSpec("b", (1, inputs), self.hidden, inputs, "bias", place="output"),
            WeightSpec("c", (1, self.hidden), inputs, self.hidden, "bias", place="hidden"),
        ]

    def forward(self, weights: Weights, x: Array) -> Array:
        return dense(self._hidden(weights, x), weights["W"].swapaxes(1, 2), weights["b"])

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights, mode: LearnMode) -> None:
        n, hidden = x.shape[1], self._hidden(weights, x)
        grads["W"][...] = -np.matmul(x.swapaxes(1, 2), hidden) / n
        grads["b"][...] = -sum_examples(x) / n
        grads["c"][...] = -sum_examples(hidden) / n
        if self.rule == "exact":
            pairs, visible, hidden = self._means(weights)
        else:
            visible, hidden = self._sampled(weights, x, hidden, mode)
            pairs = np.matmul(visible.swapaxes(1, 2), hidden) / n
            visible, hidden = sum_examples(visible) / n, sum_examples(hidden) / n
        grads["W"][...] += pairs
        grads["b"][...] += visible
        grads["c"][...] += hidden

    def measures(self, weights: Weights, x: Array) -> Mapping[str, Array]:
        if min(weights["W"].shape[1:]) > MOST:
            return {"log_likelihood": np.full(len(x), np.nan)}
        exact = {name: weight.astype(np.float64) for name, weight in weights.items()}
        free = np.matmul(x, exact["b"].swapaxes(1, 2))[:, :, 0] + self._softplus(
            dense(x, exact["W"], exact["c"])
        )
        return {"log_likelihood": free.mean(axis=1) - self._log_partition(exact)}

    def unmeasured(self, inputs: int, outputs: int) -> Mapping[str, str]:
        smaller = min(inputs, self.hidden)
        if smaller <= MOST:
            return {}
        return {"log_likelihood": f"its smaller side has {smaller} units, and {MOST} can be enumerated"}

    def snapshot(self, weights: Weights, x: Array, y: Array) -> Mapping[str, Array]:
        back = 1 / (1 + np.exp(-self.forward(weights, x)))
        return {"receptive_fields": weights["W"].swapaxes(1, 2), "reconstructions": back}

    def _hidden(self, weights: Weights, visible: Array) -> Array:
        """Return p(h = 1 | v), (T, N, hidden)."""
        return 1 / (1 + np.exp(-dense(visible, weights["W"], weights["c"])))

    def _sampled(self, weights: Weights, x: Array, hidden: Array, mode: LearnMode) -> tuple[Array, Array]:
        """Return visible states and hidden probabilities after k rounds from the examples."""
        visible = x
        for i in range(self.k):
            on = (mode.uniform(f"hidden {i}", hidden.shape[1:]) < hidden).astype(x.dtype)
            chance = 1 / (1 + np.exp(-dense(on, weights["W"].swapaxes(1, 2), weights["b"])))
            visible = (mode.uniform(f"visible {i}", x.shape[1:]) < chance).astype(x.dtype)
            hidden = self._hidden(weights, visible)
        return visible, hidden

    def _sides(self, weights: Weights) -> tuple[Array, Array, Array, Array]:
        """Return all states of the smaller side, its biases, the weights to the other side, its biases."""
        w, b, c = weights["W"], weights["b"], weights["c"]
        if w.shape[1] < w.shape[2]:
            own, across, other = b, w, c
        else:
            own, across, other = c, w.swapaxes(1, 2), b
        units = own.shape[2]
        states = (np.arange(2**units)[:, None] >> np.arange(units) & 1).astype(w.dtype)
        return np.broadcast_to(states, (len(w), *states.shape)), own, across, other

    def _log_weights(self, weights: Weights) -> tuple[Array, Array, Array]:
        """Return the states of the smaller side, ln of their weights, and the input of the other side."""
        states, own, across, other = self._sides(weights)
        inputs = dense(states, across, other)
        return states, np.matmul(states, own.swapaxes(1, 2))[:, :, 0] + self._softplus(inputs), inputs

    def _log_partition(self, weights: Weights) -> Array:
        """Return ln Z, (T,)."""
        _, logs, _ = self._log_weights(weights)
        most = logs.max(axis=1, keepdims=True)
        return most[:, 0] + np.log(np.exp(logs - most).sum(axis=1))

    def _means(self, weights: Weights) -> tuple[Array, Array, Array]:
        """Return the machine's own means of v h (T, D, hidden), of v (T, 1, D) and of h (T, 1, hidden)."""
        states, logs, inputs = self._log_weights(weights)
        chances = np.exp(logs - logs.max(axis=1, keepdims=True))
        chances = (chances / chances.sum(axis=1, keepdims=True))[:, :, None]
        others = 1 / (1 + np.exp(-inputs))
        pairs = np.matmul((chances * states).swapaxes(1, 2), others)
        one, two = (sum_examples(chances * values) for values in (states, others))
        if weights["W"].shape[1] < weights["W"].shape[2]:
            return pairs, one, two
        return pairs.swapaxes(1, 2), two, one

    def _softplus(self, z: Array) -> Array:
        """Return Σ ln(1 + exp z) over the units, (T, N)."""
        return np.logaddexp(0, z).sum(axis=2)


@hookimpl
def annx_networks() -> list[type[RuleNetwork]]:
    return [Boltzmann]
