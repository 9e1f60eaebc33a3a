"""Initializer: initial_biases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, ComponentError, Hyper, Initializer, WeightSpec, hookimpl, hyper, linear, ref


@dataclass(frozen=True)
class InitialBiases(Initializer):
    """Initial biases of your choice, beside the weights of another initializer.

        b = value                                           distribution "constant"
        b ~ U(-value / √fan_in, value / √fan_in)            distribution "uniform"

    `weights` names the initializer of the weights. A small positive value keeps ReLUs from starting dead; the
    logarithm of the odds of a rare class as the bias of the output (`layers` = "output") saves the first
    updates; "uniform" with value = 1 is the start of PyTorch's linear layers. It sets all that the network
    calls a bias in `layers`: "all", "hidden" (all but the output's) or "output", whatever the network's own
    start is (such as 1 for an LSTM's forget gate).

    Domain: value real, above 0 for "uniform". An initializer that looks at layers, as `lsuv`, goes around
    this one: start = "initial_biases".

    LeCun, Bottou, Orr & Müller, "Efficient BackProp", Neural Networks: Tricks of the Trade (1998), section
    4.6. https://doi.org/10.1007/3-540-49430-8_2. PyTorch's start of linear layers:
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
    """

    name: ClassVar[str] = "initial_biases"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"value": 1.0, "distribution": "uniform"},
    }

    value: Hyper = hyper(0.1, "(-inf, inf)", search=linear(0.0, 1.0))
    distribution: str = hyper("constant", ("constant", "uniform"))
    layers: str = hyper("all", ("all", "hidden", "output"))
    weights: Any = ref("initializer", "glorot_uniform")

    def validate(self) -> None:
        """Refuse an interval that is empty."""
        if self.distribution == "uniform" and self.value <= 0:
            raise ValueError(f"value must be above 0 for the distribution 'uniform', got {self.value:g}")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return self.weights[0].sample(rng, shape, fan_in, fan_out)

    def draw(self, rng: np.random.Generator, specs: Sequence[WeightSpec]) -> Mapping[str, Array]:
        inside = self.weights[0]
        if type(inside).adjust is not Initializer.adjust:
            raise ComponentError(
                f"{self.name}: weights cannot be {inside.name}, which looks at layers; use {inside.name} "
                f"with start = '{self.name}'"
            )
        drawn = dict(inside.draw(rng, specs))
        for spec in specs:
            if spec.role == "bias" and self.layers in (
                "all",
                "output" if spec.place == "output" else "hidden",
            ):
                drawn[spec.name] = self._biases(rng, spec)
        return drawn

    def _biases(self, rng: np.random.Generator, spec: WeightSpec) -> Array:
        if self.distribution == "constant":
            return np.full(spec.shape, float(self.value))
        bound = self.value / np.sqrt(spec.fan_in)
        return rng.uniform(-bound, bound, spec.shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [InitialBiases]
