"""Initializer: delta_orthogonal."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper, linear


@dataclass(frozen=True)
class DeltaOrthogonal(Initializer):
    """Delta-orthogonal kernels: orthogonal at the centre of a convolution's kernel, zero around it.

        W[centre] = gain Q,  Q uniformly distributed among matrices with orthonormal rows or columns
        W[others] = 0

    A convolution then begins as an orthogonal map at every pixel and keeps the length of signals, which let
    its authors train 10,000 layers. A dense layer has one place: there it is `orthogonal`, bit for bit.

    Domain: gain > 0. Shapes: a kernel (side², filters) with fan_out = side² filters; others as a matrix
    (fan_in, fan_out).

    Xiao, Bahri, Sohl-Dickstein, Schoenholz & Pennington, "Dynamical Isometry and a Mean Field Theory of CNNs:
    How to Train 10,000-Layer Vanilla Convolutional Neural Networks", ICML 2018, algorithm 1.
    https://arxiv.org/abs/1806.05393. JAX's delta_orthogonal refuses more inputs than filters; here the rows
    are then as long as they can be.
    """

    name: ClassVar[str] = "delta_orthogonal"

    gain: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 2.0))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        places = _kernel(shape, fan_out)
        side = math.isqrt(places)
        centre = (side - 1) // 2 * (side + 1)
        weights = np.zeros((places, shape[0] // places, *shape[1:]))
        drawn = rng.standard_normal(weights.shape[1:]).reshape(-1, shape[-1])
        wide = drawn.shape[0] < drawn.shape[1]
        q, r = np.linalg.qr(drawn.T if wide else drawn)
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # without these signs Q is not uniformly distributed
        weights[centre] = (self.gain * (q.T if wide else q)).reshape(weights.shape[1:])
        return weights.reshape(shape)


def _kernel(shape: tuple[int, ...], fan_out: int) -> int:
    """Return the number of places of a convolution's kernel, 1 for a dense layer.

    A kernel's rows are its places, each with all input channels, and its fan_out counts every place.
    """
    places, rest = divmod(fan_out, shape[-1])
    return places if not rest and math.isqrt(places) ** 2 == places and shape[0] % places == 0 else 1


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [DeltaOrthogonal]
