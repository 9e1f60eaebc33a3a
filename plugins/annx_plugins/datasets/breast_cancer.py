"""Data set: breast_cancer."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, bundled_classes, flip_labels, hookimpl, hyper, linear

FILE = "breast_cancer.csv"
DIGEST = "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed"
MEASURED = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave points", "symmetry", "fractal dimension"),
)
FEATURES = (
    *(f"mean {name}" for name in MEASURED),
    *(f"{name} error" for name in MEASURED),
    *(f"worst {name}" for name in MEASURED),
)


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
        bunch = bundled_classes(FILE, DIGEST, FEATURES)
        if bunch is None:
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
