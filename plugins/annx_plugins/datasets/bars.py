"""Data set: bars."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, hookimpl, hyper, linear

SIZE = 3  # pixels of a patch's side


@dataclass(frozen=True)
class Bars(Dataset):
    """Small images of patches, whose two classes look the same everywhere or differently at every place.

        image = patches of 3 x 3 pixels, side by side,  patch = ± pattern + noise · N(0, 1)

    Each patch is bright or dark by a coin of its own, so that no single pixel says anything about the
    class. With statistics "same" the patterns are bars: the middle row for class 0, the middle column for
    class 1, in every patch; then the whole image is moved by 0 to 2 pixels down and right, round the edge.
    With "local" every patch has two patterns of its own, the same in all images of a seed: random signs on
    its 9 pixels. There nothing moves.

    Shared filters (`cnn`) suit the first, filters of every place (`locally_connected`) the second.

    Domain: `patches` in a row and in a column; noise ≥ 0.
    Shapes: x (n, (3 · patches)²), row by row; y (n,) in {0, 1}.

    LeCun, "Generalization and Network Design Strategies", Technical Report CRG-TR-89-4, University of
    Toronto, 1989, section 4, on when weights can be shared.
    """

    name: ClassVar[str] = "bars"

    n: int = hyper(500, "int [10, inf)")
    patches: int = hyper(3, "int [1, inf)")
    noise: Hyper = hyper(0.5, "[0, inf)", search=linear(0.0, 1.5))
    statistics: str = hyper("same", ("same", "local"))

    def make(self, rng: np.random.Generator) -> Data:
        y = rng.integers(0, 2, self.n)
        count = self.patches
        signs = rng.choice([-1.0, 1.0], (self.n, count, count, 1, 1))
        shown = signs * self._patterns(rng)[y]
        side = SIZE * count
        images = shown.swapaxes(2, 3).reshape(self.n, side, side)
        images = images + self.noise * rng.standard_normal(images.shape)
        if self.statistics == "same":
            images = _moved(images, rng.integers(0, SIZE, (self.n, 2)))
        names = tuple(f"{row},{column}" for row in range(1, side + 1) for column in range(1, side + 1))
        return Data(images.reshape(self.n, side * side), y, "binary", features=names)

    def _patterns(self, rng: np.random.Generator) -> Array:
        """Return the patterns of both classes at every place, (2, patches, patches, 3, 3)."""
        count = self.patches
        if self.statistics == "local":
            return rng.choice([-1.0, 1.0], (2, count, count, SIZE, SIZE))
        row = np.zeros((SIZE, SIZE))
        row[SIZE // 2] = 1
        both = np.stack([row, row.T])[:, None, None]
        return np.broadcast_to(both, (2, count, count, SIZE, SIZE))


def _moved(images: Array, by: Array) -> Array:
    """Return images (n, side, side), each moved down and right by its two numbers in `by`, (n, 2)."""
    n, side, _ = images.shape
    rows, columns = (np.arange(side) - by[:, [axis]] for axis in (0, 1))
    return images[np.arange(n)[:, None, None], rows[:, :, None] % side, columns[:, None, :] % side]


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Bars]
