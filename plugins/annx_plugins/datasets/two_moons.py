"""Data set: two_moons."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class TwoMoons(Dataset):
    """Two interleaving half circles, one per class.

        class 0:  (cos φ, sin φ)              φ evenly spaced in [0, π]
        class 1:  (1 - cos φ, 1/2 - sin φ)    each point plus noise · N(0, I)

    With a ratio above 1 the second moon is rare: round(n / (1 + ratio)) points, at least 1.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: noise ≥ 0, label_noise in [0, 1); ratio ≥ 1, points of class 0 for each of class 1.
    Shapes: x (n, 2), y (n,) in {0, 1}; with a ratio of 1 the classes' sizes differ by at most 1.

    The same numbers as of scikit-learn, `make_moons`.
    https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_moons.html
    """

    name: ClassVar[str] = "two_moons"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(0.1, "[0, inf)", search=linear(0.0, 0.4))
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))
    ratio: Hyper = hyper(1.0, "[1, inf)", search=log(1, 100))

    def make(self, rng: np.random.Generator) -> Data:
        # The draws of make_moons, bit for bit. scikit-learn takes every new process two seconds to import.
        legacy = np.random.RandomState(int(rng.integers(2**32)))
        rare = self.n - self.n // 2 if self.ratio == 1 else max(1, round(self.n / (1 + self.ratio)))
        sizes = self.n - rare, rare
        outer, inner = (np.linspace(0, np.pi, size) for size in sizes)
        order = np.arange(self.n)
        legacy.shuffle(order)
        x = np.column_stack(
            [np.append(np.cos(outer), 1 - np.cos(inner)), np.append(np.sin(outer), 1 - np.sin(inner) - 0.5)]
        )[order]
        x += legacy.normal(scale=self.noise, size=x.shape)
        y = np.repeat([0, 1], sizes)[order]
        return Data(x, flip_labels(rng, y, self.label_noise, 2), "binary", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [TwoMoons]
