"""Data set: pixel_shapes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class PixelShapes(Dataset):
    """Small pictures of random shapes in ±1, and what to make of them: clean, edges, or filled.

        g = noise on a grid, averaged twice over 3 x 3 pixels
        shape = 1 (ink) where g is above its middle, else -1 (paper)

    wanted says what x and y are:

        "clean"    x = the shape,                              y = the shape
        "edges"    x = the shape,                              y = its ink that touches paper
        "filled"   x = its ink that touches paper, an outline, y = the outline and all that it encloses

    In each, a pixel of x is flipped with probability noise; y is made before. Touching is by sides and
    corners, and beyond the grid is paper. "edges" follow from 3 x 3 pixels. What an outline encloses does not
    follow from any small window, but from many small steps.

    A network of ±1 needs them as they are: set [split] standardize = false.

    Domain: noise in [0, 1/2), side ≥ 4.
    Shapes: x and y (n, side²), row by row from the top left.

    The tasks are those of Chua & Yang, "Cellular Neural Networks: Applications", IEEE Transactions on
    Circuits and Systems 35 (1988), 1273-1290. https://doi.org/10.1109/31.7601. The shapes are our own.
    """

    name: ClassVar[str] = "pixel_shapes"

    n: int = hyper(200, "int [10, inf)")
    side: int = hyper(10, "int [4, inf)")
    wanted: str = hyper("clean", ("clean", "edges", "filled"))
    noise: Hyper = hyper(0.1, "[0, 0.5)", search=linear(0.0, 0.3))

    def make(self, rng: np.random.Generator) -> Data:
        smooth = _averaged(_averaged(rng.standard_normal((self.n, self.side, self.side))))
        ink = smooth > np.median(smooth, axis=(1, 2), keepdims=True)
        # Where ink and all pixels around it are ink, it is no edge.
        edges = ink & ~(_around(ink, beyond=False).all(axis=0))
        shown = edges if self.wanted == "filled" else ink
        wanted = {"clean": ink, "edges": edges, "filled": ~_outside(edges)}[self.wanted]
        flipped = rng.random(shown.shape) < self.noise
        x, y = (np.where(picture, 1.0, -1.0) for picture in (shown ^ flipped, wanted))
        return Data(x.reshape(self.n, -1), y.reshape(self.n, -1), "regression")


def _around(pictures: Array, *, beyond: bool | float) -> Array:
    """Return every pixel's 3 x 3 neighbourhood along a first axis of 9; beyond the grid is one value."""
    side = pictures.shape[1]
    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), constant_values=beyond)
    return np.stack([wide[:, i : i + side, j : j + side] for i in range(3) for j in range(3)])


def _averaged(pictures: Array) -> Array:
    return _around(pictures, beyond=0.0).mean(axis=0)


def _outside(walls: Array) -> Array:
    """Return the pixels that a path from beyond the grid reaches by sides without crossing a wall."""
    reached = np.zeros_like(walls)
    while True:
        around = _around(reached, beyond=True)
        # Of the nine, those above, to the left, itself, to the right and below.
        grown = around[1::2].any(axis=0) | around[4]
        grown &= ~walls
        if np.array_equal(grown, reached):
            return reached
        reached = grown


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [PixelShapes]
