"""Network: locally_connected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import isqrt
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Array,
    ComponentError,
    Layer,
    Network,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    ref,
)


class Tape(NamedTuple):
    """The values of a pass that `layers` shows."""

    z: Array  # of the local fields, (T, N P, filters)
    a: Array
    out: Array  # z of the output layer


@dataclass(frozen=True)
class LocallyConnected(Network):
    """Network of local fields for small square images: a convolution whose filters are not shared.

        z[p, k] = Σᵢ W[p, i, k] x[i-th pixel around p] + b[p, k]
        a = f(z)
        output = a V + d

    p runs over the places of the image that are `stride` pixels apart, i over the kernel² pixels around p;
    beyond the edge x is 0. Every place has `filters` filters of its own, where `cnn` has the same ones
    everywhere: it can find at each place what counts there, but what it learns at one place it knows at no
    other.

    Domain: inputs a square number, row by row; `filters`, `kernel` and `stride` whole numbers, stride at most
    the image's side.
    Shapes: x (T, N, side²), W (T, P kernel², filters) for P places, b (T, 1, P filters),
    V (T, P filters, outputs) with the filters running fastest, result (T, N, outputs).

    LeCun, "Generalization and Network Design Strategies", Technical Report CRG-TR-89-4, University of
    Toronto, 1989, whose Net-3 has local fields with weights of their own and whose Net-4 and Net-5 share
    them. Keras had it as LocallyConnected2D, without the zeros beyond the edge.
    """

    name: ClassVar[str] = "locally_connected"

    filters: int = hyper(8, "int [1, inf)")
    kernel: int = hyper(3, "int [1, inf)")
    stride: int = hyper(2, "int [1, inf)")
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [self.filters]}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        side = isqrt(inputs)
        if side * side != inputs:
            raise ComponentError(
                f"{self.name}: inputs must be a square image, a square number of columns, got {inputs}; use "
                "a data set of images, as digits"
            )
        if self.stride > side:
            raise ComponentError(
                f"{self.name}: stride must be at most the image's side, {side}, got {self.stride}"
            )
        sites, patch = _patches(side, self.kernel, self.stride).shape
        wide, read = self.activation[0].width(self.filters), sites * self.filters
        return [
            WeightSpec("W", (sites * patch, wide), patch, wide, place="input"),
            WeightSpec("b", (1, sites * wide), patch, wide, "bias", place="input"),
            WeightSpec("V", (read, outputs), read, outputs, place="output"),
            WeightSpec("d", (1, outputs), read, outputs, "bias", place="output"),
        ]

    def forward(self, weights: Weights, x: Array) -> tuple[Array, Tape]:
        trials, examples, pixels = x.shape
        at = _patches(isqrt(pixels), self.kernel, self.stride)
        # One more pixel, which is 0, stands for all pixels beyond the edge.
        edged = np.concatenate([x, np.zeros((trials, examples, 1), x.dtype)], axis=2)
        by_site = np.take(edged, at, axis=2).swapaxes(1, 2)  # (T, P, N, kernel²)
        filters = weights["W"].reshape(trials, *at.shape, -1)
        z = (by_site @ filters).swapaxes(1, 2).reshape(trials, examples, -1) + weights["b"]
        z = z.reshape(trials, examples * len(at), -1)
        a = self.activation[0].forward(z)
        out = dense(a.reshape(trials, examples, -1), weights["V"], weights["d"])
        return out, Tape(z, a, out)

    def layers(self, tape: Tape) -> Sequence[Layer]:
        """Return the local fields, the places of an image one after the other as examples, and the output."""
        return [
            Layer("W", tape.z, tape.a, partial(self.activation[0].slope, tape.z, tape.a)),
            Layer("V", tape.out),
        ]


@lru_cache(maxsize=16)
def _patches(side: int, kernel: int, stride: int) -> Array:
    """Return the pixels around each place, (P, kernel²); side² is a pixel beyond the edge."""
    middle = np.arange((stride - 1) // 2, side, stride)
    near = middle[:, None] + np.arange(kernel) - (kernel - 1) // 2  # (places in a row, kernel)
    inside = (near >= 0) & (near < side)
    rows, columns = near[:, None, :, None], near[None, :, None, :]
    within = inside[:, None, :, None] & inside[None, :, None, :]
    patches = np.where(within, rows * side + columns, side * side).reshape(len(middle) ** 2, kernel**2)
    patches.flags.writeable = False
    return patches


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [LocallyConnected]
