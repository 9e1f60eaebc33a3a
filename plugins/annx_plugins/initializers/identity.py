"""Initializer: identity."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper, linear


@dataclass(frozen=True)
class IdentityInitializer(Initializer):
    """The identity matrix: every layer begins by passing on what it gets.

        Wᵢⱼ = gain  where i = j,  0  elsewhere

    In a matrix that is not square the surplus units or inputs get zeros. In a convolution only the centre of
    the kernel is not zero (a Dirac kernel). For deep and recurrent networks with ReLU, whose signals then
    neither fade nor explode. A layer wider than its input has units of zeros alone; with ReLU and biases of 0
    they never learn.

    Domain: gain > 0. Shapes: a matrix (fan_in, fan_out), or a kernel (side², filters) with fan_out = side²
    filters.

    Le, Jaitly & Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015,
    section 3. https://arxiv.org/abs/1504.00941. PyTorch's eye_ and dirac_; Keras's Identity is for matrices
    alone.
    """

    name: ClassVar[str] = "identity"

    gain: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 2.0))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        places = _kernel(shape, fan_out)
        side = math.isqrt(places)
        centre = (side - 1) // 2 * (side + 1)
        weights = np.zeros((places, shape[0] // places, *shape[1:]))
        weights[centre] = self.gain * np.eye(shape[0] // places, shape[-1])
        return weights.reshape(shape)


def _kernel(shape: tuple[int, ...], fan_out: int) -> int:
    """Return the number of places of a convolution's kernel, 1 for a dense layer.

    A kernel's rows are its places, each with all input channels, and its fan_out counts every place.
    """
    places, rest = divmod(fan_out, shape[-1])
    return places if not rest and math.isqrt(places) ** 2 == places and shape[0] % places == 0 else 1


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [IdentityInitializer]
