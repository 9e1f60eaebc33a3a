"""Data set: checkerboard."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class Checkerboard(Dataset):
    """A checkerboard; the colour of a square is the class of its points.

        u uniform in [0, cells)²    y = (⌊u₁⌋ + ⌊u₂⌋) mod 2    x = u + noise · N(0, I)

    The noise moves a point after its class is set, so the classes overlap near the edges of the squares.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: noise ≥ 0, in sides of a square; label_noise in [0, 1).
    Shapes: x (n, 2), y (n,) in {0, 1}.

    Ho & Kleinberg, "Building projectable classifiers of arbitrary complexity", ICPR 1996, 880-885,
    with 4 x 4 squares; a copy is at ftp://ftp.cs.wisc.edu/math-prog/cpo-dataset/machine-learn/checker
    """

    name: ClassVar[str] = "checkerboard"

    n: int = hyper(1000, "int [10, inf)")
    noise: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.2))
    cells: int = hyper(4, "int [2, inf)")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        u = rng.uniform(0, self.cells, (self.n, 2))
        y = np.floor(u).astype(np.intp).sum(axis=1) % 2
        x = u + self.noise * rng.standard_normal(u.shape)
        return Data(x, flip_labels(rng, y, self.label_noise, 2), "binary", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Checkerboard]
