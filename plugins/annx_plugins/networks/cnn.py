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
    """Convolutional network for small square images or curves: convolution, pooling, a dense output layer.

        z[r, c, k] = Σᵢⱼ W[i, j, k] x[r + i - m, c + j - m] + b[k]      m = ⌊(kernel - 1) / 2⌋
        a = f(z)
        p[r, c, k] = max, or mean, of a[pool r ... pool r + pool - 1, pool c ... pool c + pool - 1, k]
        output = p V + d

    Beyond the edge x is 0. Every image is copied as its patches (im2col), one row per pixel, so that the
    convolution is one matrix product. Rows and columns that do not fill a pooling window are left out. Of
    equal maxima the first one gets the gradient, as in PyTorch.

    With layout "line" the inputs are a curve, places along a line as in `mnist1d`: then r, i and the rows of
    a window fall away, as in PyTorch's Conv1d.

    Domain: inputs with layout "square" a square number, row by row, with "line" any number; `filters`,
    `kernel` and `pool` whole numbers, pool at most the image's side or the line's length; pooling "max" or
    "mean".
    Shapes: x (T, N, side²), W (T, kernel², filters), V (T, h w filters, outputs) with h = w = ⌊side / pool⌋
    and the filters running fastest, result (T, N, outputs). On a line x (T, N, length), W (T, kernel,
    filters), h = 1 and w = ⌊length / pool⌋.

    LeCun et al., "Backpropagation Applied to Handwritten Zip Code Recognition", Neural Computation 1 (1989),
    541-551. https://doi.org/10.1162/neco.1989.1.4.541. There units are further apart, without pooling.
    Keras flattens in this order too; in PyTorch the filters run slowest.
    """

    name: ClassVar[str] = "cnn"

    filters: int = hyper(8, "int [1, inf)")
    kernel: int = hyper(3, "int [1, inf)")
    pool: int = hyper(2, "int [1, inf)")
    pooling: str = hyper("max", ("max", "mean"))
    layout: str = hyper("square", ("square", "line"))
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": [self.filters]}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        high, wide = self._size(inputs)
        if high * wide != inputs:
            raise ComponentError(
                f"{self.name}: inputs must be a square image, a square number of columns, got {inputs}; use "
                'a data set of images, as digits, or layout = "line" for curves, as mnist1d'
            )
        if self.pool > wide:
            whose = "line's length" if self.layout == "line" else "image's side"
            raise ComponentError(f"{self.name}: pool must be at most the {whose}, {wide}, got {self.pool}")
        (tall, kernel), (down, across) = self._window(self.kernel), self._window(self.pool)
        patch, pooled = tall * kernel, (high // down) * (wide // across) * self.filters
        wide = self.activation[0].width(self.filters)
        return [
            WeightSpec("W", (patch, wide), patch, patch * wide, place="input", kernel=(tall, kernel)),
            WeightSpec("b", (1, wide), patch, patch * wide, "bias", place="input"),
            WeightSpec("V", (pooled, outputs), pooled, outputs, place="output"),
            WeightSpec("d", (1, outputs), pooled, outputs, "bias", place="output"),
        ]

    def forward(self, weights: Weights, x: Array) -> Array:
        trials, examples, pixels = x.shape
        size = self._size(pixels)
        # One more pixel, which is 0, stands for all pixels beyond the edge.
        edged = np.concatenate([x, np.zeros((trials, examples, 1), x.dtype)], axis=2)
        patches = np.take(edged, _patches(size, self._window(self.kernel)), axis=2)
        patches = patches.reshape(trials, examples * pixels, -1)
        a = self.activation[0].forward(dense(patches, weights["W"], weights["b"]))
        windows = self._windows(a.reshape(trials, examples, *size, -1))
        if self.pooling == "max":
            # Not the maximum itself, whose gradient all equal maxima would share.
            chosen = windows.argmax(axis=4, keepdims=True)
            pooled = np.take_along_axis(windows, chosen, axis=4)
        else:
            pooled = windows.mean(axis=4)
        return dense(pooled.reshape(trials, examples, -1), weights["V"], weights["d"])

    def _size(self, inputs: int) -> tuple[int, int]:
        """Return the rows and columns of an image; a line is an image of one row."""
        return (1, inputs) if self.layout == "line" else (isqrt(inputs), isqrt(inputs))

    def _window(self, length: int) -> tuple[int, int]:
        """Return the rows and columns of a kernel or of a pooling window."""
        return (1, length) if self.layout == "line" else (length, length)

    def _windows(self, images: Array) -> Array:
        """Return the windows that are pooled, (T, N, h, w, pool², filters)."""
        trials, examples, rows, columns, filters = images.shape
        down, across = self._window(self.pool)
        high, wide = rows // down, columns // across
        whole = images[:, :, : high * down, : wide * across]
        parts = whole.reshape(trials, examples, high, down, wide, across, filters)
        return parts.swapaxes(3, 4).reshape(trials, examples, high, wide, down * across, filters)


@lru_cache(maxsize=16)
def _patches(size: tuple[int, int], kernel: tuple[int, int]) -> Array:
    """Return the pixels of each position's patch, (pixels, places); number `pixels` lies beyond the edge."""
    (high, wide), (tall, broad) = size, kernel
    row = (np.arange(high)[:, None] + np.arange(tall) - (tall - 1) // 2)[:, None, :, None]
    column = (np.arange(wide)[:, None] + np.arange(broad) - (broad - 1) // 2)[None, :, None, :]
    inside = (row >= 0) & (row < high) & (column >= 0) & (column < wide)
    patches = np.where(inside, row * wide + column, high * wide).reshape(high * wide, tall * broad)
    patches.flags.writeable = False
    return patches


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [CNN]
