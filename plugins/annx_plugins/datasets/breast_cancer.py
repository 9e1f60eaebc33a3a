"""Data set: breast_cancer."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class BreastCancer(Dataset):
    """Breast tumours, malignant or benign, from the shapes of cell nuclei in an image.

    569 tumours: 212 malignant (class 0), 357 benign (class 1). Real data, bundled with scikit-learn:
    the Wisconsin Diagnostic set.
    Each label is replaced by another class with probability `label_noise`, 0 by default. The test split is
    scored on the original labels.

    Domain: label_noise in [0, 1).
    Shapes: x (569, 30), y (569,) in {0, 1}.

    Street, Wolberg & Mangasarian, "Nuclear feature extraction for breast tumor diagnosis", Proc. SPIE 1905
    (1993), 861-870; UCI Machine Learning Repository. https://doi.org/10.24432/C5DW2B
    """

    name: ClassVar[str] = "breast_cancer"

    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        from sklearn.datasets import load_breast_cancer

        bunch = load_breast_cancer()
        return Data(
            bunch.data,
            flip_labels(rng, bunch.target, self.label_noise, 2),
            "binary",
            classes=tuple(map(str, bunch.target_names)),
            features=tuple(map(str, bunch.feature_names)),
            clean_y=bunch.target,
        )


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [BreastCancer]
