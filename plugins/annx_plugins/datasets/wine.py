"""Data set: wine."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, bundled_classes, flip_labels, hookimpl, hyper, linear

FILE = "wine_data.csv"
DIGEST = "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede"
FEATURES = (
    *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
    *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
    *("od280/od315_of_diluted_wines", "proline"),
)


@dataclass(frozen=True)
class Wine(Dataset):
    """Wines of three growers in one region of Italy, from a chemical analysis.

    178 wines: 59, 71 and 48. Real data, bundled with scikit-learn.
    Each label is replaced by another class with probability `label_noise`, 0 by default. The test split is
    scored on the original labels.

    Domain: label_noise in [0, 1).
    Shapes: x (178, 13), y (178,) in {0, 1, 2}.

    Aeberhard & Forina, "Wine", UCI Machine Learning Repository, 1991. https://doi.org/10.24432/C5PC7J
    """

    name: ClassVar[str] = "wine"

    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        bunch = bundled_classes(FILE, DIGEST, FEATURES)
        if bunch is None:
            from sklearn.datasets import load_wine

            bunch = load_wine()
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
    return [Wine]
