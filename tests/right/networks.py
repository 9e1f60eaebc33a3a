"""Right networks: a plain one, one with an act after each step, one with all that there is, two rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import ComponentError, Layer, LearnMode, ModalNetwork, Network, RuleNetwork, WeightSpec, ref
from anncore.contract.kinds import Array


@dataclass(frozen=True)
class Shallow(Network):
    """A hidden layer of two units.

        z = f(x A) B

    Nobody, "Shallow", 2020.
    """

    name: ClassVar[str] = "shallow"
    output: Any = ref("activation", "auto")
    activation: Any = ref("activation", "tanh")

    def specs(self, inputs: int, outputs: int) -> list[WeightSpec]:
        return [WeightSpec("A", (inputs, 2), inputs, 2), WeightSpec("B", (2, outputs), 2, outputs)]

    def forward(self, weights: Any, x: Array) -> tuple[Array, Any]:
        z = x @ weights["A"]
        a = self.activation[0].forward(z)
        return a @ weights["B"], (x, z, a)

    def backward(self, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
        x, z, a = tape
        grads["B"][:] = a.swapaxes(1, 2) @ grad
        back = self.activation[0].backward(grad @ weights["B"].swapaxes(1, 2), z, a)
        grads["A"][:] = x.swapaxes(1, 2) @ back


@dataclass(frozen=True)
class Trimmed(Shallow):
    """A hidden layer of two units, whose first weights stay between -1 and 1.

        z = f(x A) B,  A ← min(1, max(-1, A)) after each step

    Nobody, "Trimmed", 2020.
    """

    name: ClassVar[str] = "trimmed"

    def after_step(self, weights: Any, mode: Any) -> None:
        np.clip(weights["A"], -1, 1, out=weights["A"])


@dataclass(frozen=True)
class Furnished(ModalNetwork):
    """A hidden layer of two units with all that there is.

        z = f(x' (A ∘ mask) - mean) B

    In training x' is x with holes and the mean is the batch's, remembered for evaluation.
    Nobody, "Interiors", 2020.
    """

    name: ClassVar[str] = "furnished"
    output: Any = ref("activation", "auto")
    activation: Any = ref("activation", "tanh")

    def places(self, inputs: int, outputs: int) -> dict[str, list[int]]:
        return {"activation": [2]}

    def specs(self, inputs: int, outputs: int) -> list[WeightSpec]:
        wide = self.activation[0].width(2)
        return [
            WeightSpec("A", (inputs, wide), inputs, wide, place="input"),
            WeightSpec("B", (2, outputs), 2, outputs, place="output"),
            WeightSpec("mask", (inputs, wide), inputs, wide, "state", 1.0),
            WeightSpec("mean", (1, wide), inputs, wide, "state"),
        ]

    def draw(self, rng: np.random.Generator, spec: WeightSpec) -> Array:
        return rng.integers(0, 2, spec.shape) if spec.name == "mask" else np.zeros(spec.shape)

    def forward(self, weights: Any, x: Array, mode: Any) -> tuple[Array, Any]:
        mean = weights["mean"]
        if mode.training:
            x = x * (mode.uniform("holes", x.shape[1:]) > 0.3)
        z = x @ (weights["A"] * weights["mask"])
        if mode.training:
            now = z.mean(axis=1, keepdims=True)
            if mode.first:
                mean[...] = 0.5 * (mean + now)
            mean = now
        centred = z - mean
        a = self.activation[0].forward(centred)
        out = a @ weights["B"]
        return out, (x, z, centred, a, out, mode.training)

    def backward(self, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
        x, _, centred, a, _, training = tape
        grads["B"][:] = a.swapaxes(1, 2) @ grad
        back = self.activation[0].backward(grad @ weights["B"].swapaxes(1, 2), centred, a)
        if training:
            back = back - back.mean(axis=1, keepdims=True)
        grads["A"][:] = x.swapaxes(1, 2) @ back * weights["mask"]

    def layers(self, tape: Any) -> list[Layer]:
        _, z, centred, a, out, _ = tape
        return [Layer("A", z, a, lambda: self.activation[0].slope(centred, a)), Layer("B", out)]


@dataclass(frozen=True)
class Wired(Network):
    """What fires together, wires together.

        A ← A + lr xᵀ y

    Nobody, "Wires", 2020.
    """

    name: ClassVar[str] = "wired"
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> list[WeightSpec]:
        return [WeightSpec("A", (inputs, outputs), inputs, outputs)]

    def forward(self, weights: Any, x: Array) -> tuple[Array, Any]:
        return x @ weights["A"], x

    def backward(self, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
        grads["A"][:] = tape.swapaxes(1, 2) @ grad

    def learn(self, weights: Any, x: Array, y: Array, grads: Any) -> None:
        grads["A"][:] = -(x.swapaxes(1, 2) @ y)


@dataclass(frozen=True)
class Pulled(RuleNetwork):
    """Prototypes that noisy examples pull to themselves, less and less.

        ŵ = the nearest prototype      W ← W + (1 - t/S) (mean of the examples nearest to W, + 0.01 ε, - W)

    Domain: as many outputs as inputs. Nobody, "Pulling", 2020.
    """

    name: ClassVar[str] = "pulled"
    measured: ClassVar[tuple[str, ...]] = ("unused_prototypes",)
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> list[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(f"pulled: as many outputs as inputs are needed, got {outputs}")
        return [WeightSpec("W", (3, inputs), 3, inputs), WeightSpec("seen", (1, 3), 1, 3, "state")]

    def _nearest(self, weights: Any, x: Array) -> Array:
        w = weights["W"]
        distances = (w * w).sum(axis=2)[:, None, :] - 2 * (x @ w.swapaxes(1, 2))
        return (distances == distances.min(axis=2, keepdims=True)).astype(x.dtype)

    def forward(self, weights: Any, x: Array) -> Array:
        return self._nearest(weights, x) @ weights["W"]

    def learn(self, weights: Any, x: Array, y: Array, grads: Any, mode: LearnMode) -> None:
        won = self._nearest(weights, x)
        count = won.sum(axis=1)[:, :, None]
        mean = (won.swapaxes(1, 2) @ x) / np.maximum(count, 1)
        pull = mean + 0.01 * mode.normal("pull", weights["W"].shape[1:]) - weights["W"]
        grads["W"][...] = -(1 - mode.step / mode.steps) * (count > 0) * pull
        weights["seen"][...] += count.swapaxes(1, 2) * (mode.uniform("half", (1, 1)) >= 0)

    def measures(self, weights: Any, x: Array) -> dict[str, Array]:
        return {"unused_prototypes": (self._nearest(weights, x).sum(axis=1) == 0).mean(axis=1)}

    def snapshot(self, weights: Any, x: Array, y: Array) -> dict[str, Array]:
        return {"prototypes": weights["W"], "back": self.forward(weights, x)}
