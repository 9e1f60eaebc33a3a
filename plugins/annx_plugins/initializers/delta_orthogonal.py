"""Initializer: delta_orthogonal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, ComponentError, Hyper, Initializer, WeightSpec, hookimpl, hyper, linear


@dataclass(frozen=True)
class DeltaOrthogonal(Initializer):
    """Delta-orthogonal kernels: orthogonal at the centre of a convolution's kernel, zero around it.

        W[centre] = gain Q,  Q uniformly distributed among matrices with orthonormal rows or columns
        W[others] = 0

    A convolution then begins as an orthogonal map at every pixel and keeps the length of signals, which let
    its authors train 10,000 layers. A dense layer has one place: there it is `orthogonal`, bit for bit.

    Domain: gain > 0. Shapes: of a convolution, which the network names by `kernel` in its WeightSpec, (places
    channels, filters); others as a matrix (fan_in, fan_out).

    Xiao, Bahri, Sohl-Dickstein, Schoenholz & Pennington, "Dynamical Isometry and a Mean Field Theory of CNNs:
    How to Train 10,000-Layer Vanilla Convolutional Neural Networks", ICML 2018, algorithm 1.
    https://arxiv.org/abs/1806.05393. JAX's delta_orthogonal refuses more inputs than filters; here the rows
    are then as long as they can be.
    """

    name: ClassVar[str] = "delta_orthogonal"

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
        drawn = rng.standard_normal(weights.shape[1:]).reshape(-1, shape[-1])
        wide = drawn.shape[0] < drawn.shape[1]
        q, r = np.linalg.qr(drawn.T if wide else drawn)
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # without these signs Q is not uniformly distributed
        weights[centre] = (self.gain * (q.T if wide else q)).reshape(weights.shape[1:])
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
    return [DeltaOrthogonal]
