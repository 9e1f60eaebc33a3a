"""Data set: digits."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class Digits(Dataset):
    """Handwritten digits as images of 8 x 8 grey values from 0 to 16.

    1797 digits, 174 to 183 of each. Real data, bundled with scikit-learn: the test part of the UCI set.
    Each label is replaced by another class with probability `label_noise`, 0 by default. The test split is
    scored on the original labels.

    Domain: label_noise in [0, 1).
    Shapes: x (1797, 64), row by row; y (1797,) in {0, ..., 9}.

    Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
    https://doi.org/10.24432/C50P49
    """

    name: ClassVar[str] = "digits"

    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        return Data(
            bunch.data,
            flip_labels(rng, bunch.target, self.label_noise, 10),
            "multiclass",
            classes=tuple(map(str, bunch.target_names)),
            features=tuple(map(str, bunch.feature_names)),
            clean_y=bunch.target,
        )


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Digits]
