"""Data set: sequential_digits."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, bundled_numbers, flip_labels, hookimpl, hyper, linear

PERMUTATION_SEED = 8
DIGEST = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"  # of the file with the images


@dataclass(frozen=True)
class SequentialDigits(Dataset):
    """Handwritten digits, pixel after pixel: an image as a sequence whose class is asked at its end.

        order "rows"       row by row, from the top
        order "columns"    column by column, from the left
        order "permuted"   in an order that is random but the same for all images and seeds

    A recurrent network with one of its `features` reads 64 steps of one pixel, with eight it reads eight rows
    or columns. Permuted pixels that belong together lie far apart, so that what the network must remember
    grows. For a network that sees all columns at once, an mlp, all orders are the same task. The images are
    those of `digits`: 1797, 8 x 8 grey values from 0 to 16. Real data, bundled with scikit-learn.
    Each label is replaced by another class with probability `label_noise`, 0 by default. The test split is
    scored on the original labels.

    Domain: label_noise in [0, 1).
    Shapes: x (1797, 64), in the order of time; y (1797,) in {0, ..., 9}.

    Le, Jaitly & Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015,
    section 4.2, with MNIST, plain and permuted. https://arxiv.org/abs/1504.00941. Images: Alpaydin & Kaynak,
    "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
    https://doi.org/10.24432/C50P49
    """

    name: ClassVar[str] = "sequential_digits"

    order: str = hyper("rows", ("rows", "columns", "permuted"))
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        x, y = _images()
        order = np.arange(64)
        if self.order == "columns":
            order = order.reshape(8, 8).T.ravel()
        elif self.order == "permuted":
            order = np.random.default_rng(PERMUTATION_SEED).permutation(64)
        return Data(
            x[:, order],
            flip_labels(rng, y, self.label_noise, 10),
            "multiclass",
            classes=tuple(map(str, range(10))),
            features=tuple(f"pixel_{pixel // 8}_{pixel % 8}" for pixel in order),
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
    return [SequentialDigits]
