"""Data set: blobs."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class Blobs(Dataset):
    """Round Gaussian clouds, one per class, around centres drawn at random.

        x | class c ~ N(μ_c, noise² I)    μ_c uniform in [-10, 10]^features

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: noise ≥ 0, the clouds' standard deviation; classes from 2 to n; label_noise in [0, 1).
    Shapes: x (n, features), y (n,) in {0, ..., classes - 1}; the classes' sizes differ by at most 1.

    The same numbers as of scikit-learn, `make_blobs`, where noise is called cluster_std.
    https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_blobs.html
    """

    name: ClassVar[str] = "blobs"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(1.0, "[0, inf)", search=linear(0.5, 4.0))
    classes: int = hyper(3, "int [2, inf)")
    features: int = hyper(2, "int [1, inf)")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def validate(self) -> None:
        if self.classes > self.n:
            raise ValueError(f"classes must be at most n, {self.n}, got {self.classes}")

    def make(self, rng: np.random.Generator) -> Data:
        # The draws of make_blobs, bit for bit. scikit-learn takes every new process two seconds to import.
        legacy = np.random.RandomState(int(rng.integers(2**32)))
        centres = legacy.uniform(-10.0, 10.0, size=(self.classes, self.features))
        sizes = [self.n // self.classes + (c < self.n % self.classes) for c in range(self.classes)]
        clouds = [
            legacy.normal(centre, self.noise, size=(size, self.features))
            for centre, size in zip(centres, sizes, strict=True)
        ]
        order = np.arange(self.n)
        legacy.shuffle(order)
        x, y = np.concatenate(clouds)[order], np.repeat(np.arange(self.classes), sizes)[order]
        noisy = flip_labels(rng, y, self.label_noise, self.classes)
        return Data(x, noisy, "binary" if self.classes == 2 else "multiclass", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Blobs]
