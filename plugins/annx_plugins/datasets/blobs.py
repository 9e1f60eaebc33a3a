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

    Domain: noise ≥ 0, the clouds' standard deviation; label_noise in [0, 1).
    Shapes: x (n, features), y (n,) in {0, ..., classes - 1}; the classes' sizes differ by at most 1.

    scikit-learn, `make_blobs`, where noise is called cluster_std.
    https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_blobs.html
    """

    name: ClassVar[str] = "blobs"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(1.0, "[0, inf)", search=linear(0.5, 4.0))
    classes: int = hyper(3, "int [2, inf)")
    features: int = hyper(2, "int [1, inf)")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        from sklearn.datasets import make_blobs

        x, y = make_blobs(
            self.n,
            n_features=self.features,
            centers=self.classes,
            cluster_std=self.noise,
            random_state=int(rng.integers(2**32)),
        )
        noisy = flip_labels(rng, y, self.label_noise, self.classes)
        return Data(x, noisy, "binary" if self.classes == 2 else "multiclass", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Blobs]
