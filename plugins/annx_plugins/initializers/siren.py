"""Initializer: siren."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, WeightSpec, hookimpl, hyper, log


@dataclass(frozen=True)
class Siren(Initializer):
    """The start that sine activations need (SIREN).

        W ~ U(-1 / fan_in, 1 / fan_in)              first layer
        W ~ U(-b, b),  b = √(6 / fan_in) / omega    other layers

    With the activation `sine` of the same omega, pre-activations then have variance 1 in every layer,
    whatever the depth, and the first layer covers many periods of inputs in [-1, 1]. It makes no sense with
    other activations. The first layer is the one that the network places at its input.

    Domain: omega > 0.

    Sitzmann, Martel, Bergman, Lindell & Wetzstein, "Implicit Neural Representations with Periodic Activation
    Functions", NeurIPS 2020, section 3.2, with omega = 30. https://arxiv.org/abs/2006.09661. The authors'
    code draws biases too, as PyTorch's layers do: see `initial_biases`.
    """

    name: ClassVar[str] = "siren"

    omega: Hyper = hyper(30.0, "(0, inf)", search=log(1.0, 60.0))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        bound = np.sqrt(6 / fan_in) / self.omega
        return rng.uniform(-bound, bound, shape)

    def draw(self, rng: np.random.Generator, specs: Sequence[WeightSpec]) -> Mapping[str, Array]:
        return {
            spec.name: rng.uniform(-1 / spec.fan_in, 1 / spec.fan_in, spec.shape)
            if spec.place == "input"
            else self.sample(rng, spec.shape, spec.fan_in, spec.fan_out)
            for spec in specs
            if spec.role == "weight"
        }


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [Siren]
