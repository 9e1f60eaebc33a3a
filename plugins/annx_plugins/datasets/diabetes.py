"""Data set: diabetes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl


@dataclass(frozen=True)
class Diabetes(Dataset):
    """Progress of diabetes after a year, from age, sex, body mass, blood pressure and serum.

    442 patients; the target is a number from 25 to 346. Real data, bundled with scikit-learn;
    each feature is centred and scaled to unit length.

    Domain: no hyperparameters.
    Shapes: x (442, 10), y (442,).

    Efron, Hastie, Johnstone & Tibshirani, "Least Angle Regression", Annals of Statistics 32 (2004),
    407-499. https://doi.org/10.1214/009053604000000067
    """

    name: ClassVar[str] = "diabetes"

    def make(self, rng: np.random.Generator) -> Data:
        from sklearn.datasets import load_diabetes

        bunch = load_diabetes()
        features = tuple(map(str, bunch.feature_names))
        return Data(bunch.data, bunch.target, "regression", features=features)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Diabetes]
