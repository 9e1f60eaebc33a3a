"""Network: jordan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    ComponentError,
    Hyper,
    ModalNetwork,
    Mode,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    linear,
    ref,
)


@dataclass(frozen=True)
class Jordan(ModalNetwork):
    """Jordan's network: outputs come back as context, so that it produces a sequence from a plan.

        aₛ = f(uₛ Wx + cₛ Wc + b),  outputₛ = aₛ Wy + d,  s = 1 ... S
        c₁ = y₀,  cₛ = μ cₛ₋₁ + yₛ₋₁                         μ = decay

    What comes back as y is the teacher's output in training (teacher forcing), so that an early mistake does
    not spoil the steps behind it, and the network's own in evaluation, where there is no teacher (free
    running). With teacher = false it is the network's own in both, and the gradient goes back through it to
    the first step.

    The teacher's outputs are columns of the data: an example has `features` columns u and then those of the
    output before, for each step. Those of step 1 are y₀, from where the sequence starts, which both modes
    see; the others are seen in training only. (Any other network would find the answers in them.) The
    network's own output is `feedback` of z, which must be the function that `output` is.

    Domain: `hidden` units; at least 2 steps; decay in [0, 1).
    Shapes: x (T, N, S · (features + K)), Wx (T, features, hidden), Wc (T, K, hidden), Wy (T, hidden, K),
    result (T, N, S · K), in the order of time.

    Jordan, "Attractor dynamics and parallelism in a connectionist sequential machine", Proceedings of the 8th
    Annual Conference of the Cognitive Science Society, 1986, 531-546, with sigmoid units. Teacher forcing:
    Williams & Zipser, "A Learning Algorithm for Continually Running Fully Recurrent Neural Networks", Neural
    Computation 1 (1989), 270-280. https://doi.org/10.1162/neco.1989.1.2.270
    """

    name: ClassVar[str] = "jordan"

    hidden: int = hyper(16, "int [1, inf)")
    features: int = hyper(1, "int [1, inf)")
    decay: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.9))
    teacher: bool = hyper(True, "bool")
    activation: Any = ref("activation", "tanh")
    feedback: str = hyper("identity", ("identity", "sigmoid", "tanh"))
    output: Any = ref("activation", "auto")

    @property
    def modes(self) -> bool:
        """Whether training differs from evaluation."""
        return self.teacher

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [self.hidden]}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        steps, rest = divmod(inputs - outputs, self.features)
        if rest or steps < 2 or outputs % steps:
            raise ComponentError(
                f"{self.name}: each of at least 2 steps needs {self.features} columns (features) and those "
                f"of the output before, got {inputs} inputs and {outputs} outputs; use a data set of "
                "sequences to produce, for example circling"
            )
        answers = outputs // steps
        wide = self.activation[0].width(self.hidden)
        return [
            WeightSpec("Wx", (self.features, wide), self.features, wide, place="input"),
            WeightSpec("Wc", (answers, wide), answers, wide, place="hidden"),
            WeightSpec("b", (1, wide), self.features, wide, "bias", place="hidden"),
            WeightSpec("Wy", (self.hidden, answers), self.hidden, answers, place="output"),
            WeightSpec("d", (1, answers), self.hidden, answers, "bias", place="output"),
        ]

    def forward(self, weights: Weights, x: Array, mode: Mode | None = None) -> Array:
        trials, examples, columns = x.shape
        columns_of_a_step = self.features + weights["Wy"].shape[2]
        by_step = x.reshape(trials, examples, columns // columns_of_a_step, columns_of_a_step)
        plan, before = by_step[..., : self.features], by_step[..., self.features :]
        forced = self.teacher and mode is not None and mode.training
        context = before[:, :, 0]
        outputs: list[Array] = []
        for step in range(by_step.shape[2]):
            if step > 0:
                context = self.decay * context + (before[:, :, step] if forced else self._own(outputs[-1]))
            z = dense(plan[:, :, step], weights["Wx"], weights["b"]) + context @ weights["Wc"]
            outputs.append(dense(self.activation[0].forward(z), weights["Wy"], weights["d"]))
        return np.concatenate(outputs, axis=2)

    def _own(self, z: Array) -> Array:
        """Return what comes back of the network's own output."""
        if self.feedback == "sigmoid":
            return 0.5 * np.tanh(0.5 * z) + 0.5
        return np.tanh(z) if self.feedback == "tanh" else z


@hookimpl
def annx_networks() -> list[type[ModalNetwork]]:
    return [Jordan]
