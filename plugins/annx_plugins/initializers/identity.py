"""Initializer: identity."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, ComponentError, Hyper, Initializer, WeightSpec, hookimpl, hyper, linear


@dataclass(frozen=True)
class IdentityInitializer(Initializer):
    """The identity matrix: every layer begins by passing on what it gets.

        Wᵢⱼ = gain  where i = j,  0  elsewhere

    In a matrix that is not square the surplus units or inputs get zeros. In a convolution only the centre of
    the kernel is not zero (a Dirac kernel). For deep and recurrent networks with ReLU, whose signals then
    neither fade nor explode. A layer wider than its input has units of zeros alone; with ReLU and biases of 0
    they never learn.

    `orthogonal` keeps the length of signals too, but turns them.

    Domain: gain > 0. Shapes: a matrix (fan_in, fan_out); of a convolution, which the network names by
    `kernel` in its WeightSpec, (places channels, filters).

    Le, Jaitly & Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015,
    section 3. https://arxiv.org/abs/1504.00941. PyTorch's eye_ and dirac_; Keras's Identity is for matrices
    alone.
    """

    name: ClassVar[str] = "identity"

    gain: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 2.0))

    def draw(self, rng: np.random.Generator, specs: Sequence[WeightSpec]) -> Mapping[str, Array]:
        return {
            spec.name: self._drawn(rng, spec.shape, *_places(spec, self.name))
            for spec in specs
            if spec.role == "weight"
        }

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return self._drawn(rng, shape, 1, 0)

    def _drawn(self, rng: np.random.Generator, shape: tuple[int, ...], places: int, centre: int) -> Array:
        weights = np.zeros((places, shape[0] // places, *shape[1:]))
        weights[centre] = self.gain * np.eye(shape[0] // places, shape[-1])
        return weights.reshape(shape)


def _places(spec: WeightSpec, name: str) -> tuple[int, int]:
    """Return the number of places of a kernel and which of them is its centre; (1, 0) for a dense layer."""
    places, centre = math.prod(spec.kernel), 0
    for length in spec.kernel:
        centre = centre * length + (length - 1) // 2
    if spec.shape[0] % places:
        sides = " x ".join(map(str, spec.kernel))
        raise ComponentError(
            f"{name}: the network says that {spec.name} is a kernel of {sides} places, but its "
            f"{spec.shape[0]} rows are no multiple of {places}"
        )
    return places, centre


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [IdentityInitializer]
