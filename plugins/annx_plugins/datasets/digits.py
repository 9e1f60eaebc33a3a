"""Data set: digits."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, bundled_numbers, flip_labels, hookimpl, hyper, linear

DIGEST = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"


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
        x, y = _images()
        return Data(
            x,
            flip_labels(rng, y, self.label_noise, 10),
            "multiclass",
            classes=tuple(map(str, range(10))),
            features=tuple(f"pixel_{pixel // 8}_{pixel % 8}" for pixel in range(64)),
            clean_y=y,
        )


def _images() -> tuple[Array, Array]:
    table = bundled_numbers("digits.csv.gz", DIGEST, ",")
    if table is not None:
        return table[:, :-1], table[:, -1].astype(int)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data, bunch.target


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Digits]
