"""Data set: diabetes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, bundled_numbers, hookimpl

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
DIGESTS = {
    "diabetes_data_raw.csv.gz": "7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009",
    "diabetes_target.csv.gz": "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803",
}


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
        x, y = _patients()
        return Data(x, y, "regression", features=FEATURES)


def _patients() -> tuple[Array, Array]:
    x, y = (bundled_numbers(file, digest) for file, digest in DIGESTS.items())
    if x is not None and y is not None:
        # The columns as `load_diabetes` scales them: mean 0, length 1.
        return (x - np.nanmean(x, 0)) / np.nanstd(x, 0) / len(x) ** 0.5, y[:, 0]
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    return bunch.data, bunch.target


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Diabetes]
