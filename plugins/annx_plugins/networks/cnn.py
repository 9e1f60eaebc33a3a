"""Network: cnn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    ComponentError,
    Network,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    ref,
)


@dataclass(frozen=True)
class CNN(Network):
    """Convolutional network for small square images: convolution, pooling, a dense output layer.

        z[r, c, k] = Σᵢⱼ W[i, j, k] x[r + i - m, c + j - m] + b[k]      m = ⌊(kernel - 1) / 2⌋
        a = f(z)
        p[r, c, k] = max, or mean, of a[pool r ... pool r + pool - 1, pool c ... pool c + pool - 1, k]
        output = p V + d

    Beyond the edge x is 0. Every image is copied as its patches (im2col), one row per pixel, so that the
    convolution is one matrix product. Rows and columns that do not fill a pooling window are left out. Of
    equal maxima the first one gets the gradient, as in PyTorch.

    Domain: inputs a square number, row by row; `filters`, `kernel` and `pool` whole numbers, pool at most
    the image's side; pooling "max" or "mean".
    Shapes: x (T, N, side²), W (T, kernel², filters), V (T, h w filters, outputs) with h = w = ⌊side / pool⌋
    and the filters running fastest, result (T, N, outputs).

    LeCun et al., "Backpropagation Applied to Handwritten Zip Code Recognition", Neural Computation 1 (1989),
    541-551. https://doi.org/10.1162/neco.1989.1.4.541. There units are further apart, without pooling.
    Keras flattens in this order too; in PyTorch the filters run slowest.
    """

    name: ClassVar[str] = "cnn"

    filters: int = hyper(8, "int [1, inf)")
    kernel: int = hyper(3, "int [1, inf)")
    pool: int = hyper(2, "int [1, inf)")
    pooling: str = hyper("max", ("max", "mean"))
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
        if self.pool > side:
            raise ComponentError(
                f"{self.name}: pool must be at most the image's side, {side}, got {self.pool}"
            )
        wide = self.activation[0].width(self.filters)
        patch, pooled = self.kernel**2, (side // self.pool) ** 2 * self.filters
        return [
            WeightSpec("W", (patch, wide), patch, patch * wide, place="input"),
            WeightSpec("b", (1, wide), patch, patch * wide, "bias", place="input"),
            WeightSpec("V", (pooled, outputs), pooled, outputs, place="output"),
            WeightSpec("d", (1, outputs), pooled, outputs, "bias", place="output"),
        ]

    def forward(self, weights: Weights, x: Array) -> Array:
        trials, examples, pixels = x.shape
        side = isqrt(pixels)
        # One more pixel, which is 0, stands for all pixels beyond the edge.
        edged = np.concatenate([x, np.zeros((trials, examples, 1), x.dtype)], axis=2)
        patches = np.take(edged, _patches(side, self.kernel), axis=2)
        patches = patches.reshape(trials, examples * pixels, -1)
        a = self.activation[0].forward(dense(patches, weights["W"], weights["b"]))
        windows = self._windows(a.reshape(trials, examples, side, side, -1))
        if self.pooling == "max":
            # Not the maximum itself, whose gradient all equal maxima would share.
            chosen = windows.argmax(axis=4, keepdims=True)
            pooled = np.take_along_axis(windows, chosen, axis=4)
        else:
            pooled = windows.mean(axis=4)
        return dense(pooled.reshape(trials, examples, -1), weights["V"], weights["d"])

    def _windows(self, images: Array) -> Array:
        """Return the windows that are pooled, (T, N, h, w, pool², filters)."""
        trials, examples, side, _, filters = images.shape
        pool, high = self.pool, side // self.pool
        whole = images[:, :, : high * pool, : high * pool]
        parts = whole.reshape(trials, examples, high, pool, high, pool, filters)
        return parts.swapaxes(3, 4).reshape(trials, examples, high, high, pool * pool, filters)


@lru_cache(maxsize=16)
def _patches(side: int, kernel: int) -> Array:
    """Return the pixels of each position's patch, (side², kernel²); side² is a pixel beyond the edge."""
    at = np.arange(side)[:, None] + np.arange(kernel) - (kernel - 1) // 2  # (side, kernel)
    inside = (at >= 0) & (at < side)
    rows, columns = at[:, None, :, None], at[None, :, None, :]
    patches = np.where(
        inside[:, None, :, None] & inside[None, :, None, :], rows * side + columns, side * side
    )
    patches = patches.reshape(side * side, kernel * kernel)
    patches.flags.writeable = False
    return patches


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [CNN]
