"""Data set: iris."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, bundled_classes, flip_labels, hookimpl, hyper, linear

FILE = "iris.csv"
DIGEST = "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449"
FEATURES = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")


@dataclass(frozen=True)
class Iris(Dataset):
    """Fisher's irises: three species, from the lengths and widths of sepals and petals.

    150 flowers, 50 of each species. Real data, bundled with scikit-learn in the version of R. It
    differs from the UCI repository's in two flowers.
    Each label is replaced by another class with probability `label_noise`, 0 by default. The test split is
    scored on the original labels.

    Domain: label_noise in [0, 1).
    Shapes: x (150, 4) in cm, y (150,) in {0, 1, 2}: setosa, versicolor, virginica.

    Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936),
    179-188. https://doi.org/10.1111/j.1469-1809.1936.tb02137.x
    """

    name: ClassVar[str] = "iris"

    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        bunch = bundled_classes(FILE, DIGEST, FEATURES)
        if bunch is None:
            from sklearn.datasets import load_iris

            bunch = load_iris()
        return Data(
            bunch.data,
            flip_labels(rng, bunch.target, self.label_noise, 3),
            "multiclass",
            classes=tuple(map(str, bunch.target_names)),
            features=tuple(map(str, bunch.feature_names)),
            clean_y=bunch.target,
        )


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Iris]
