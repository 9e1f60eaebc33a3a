"""Data set: additive_regression."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, add_outliers, hookimpl, hyper, linear


@dataclass(frozen=True)
class AdditiveRegression(Dataset):
    """A sum of one bent function for each feature, each next one smaller: no feature changes another's part.

        y = Σⱼ (|4 xⱼ - 2| - 1) / (1 + aⱼ) + noise · N(0, 1)
        aⱼ = (j - 1) / 2,  x uniform in [0, 1]^features

    Feature j has the variance 1 / (3 (1 + aⱼ)²), and y the sum of these. `multiplicative_regression` has the
    product of the same parts, with all its interactions: the two side by side say what interactions cost a
    network. `friedman` mixes both.

    Outliers: each target moves by ± 5 standard deviations with probability `outliers`. The test split is
    scored on the targets without outliers; `noise` is in all splits.

    Domain: features ≥ 1, noise ≥ 0, outliers in [0, 1).
    Shapes: x (n, features), y (n,).

    Stone, "Additive Regression and Other Nonparametric Models", Annals of Statistics 13 (1985), 689-705.
    https://doi.org/10.1214/aos/1176349548. The parts are those of Sobol's g-function.
    """

    name: ClassVar[str] = "additive_regression"

    n: int = hyper(500, "int [10, inf)")
    features: int = hyper(5, "int [1, inf)")
    noise: Hyper = hyper(0.1, "[0, inf)", search=linear(0.0, 0.5))
    outliers: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.2))

    def make(self, rng: np.random.Generator) -> Data:
        x = rng.random((self.n, self.features))
        parts = (np.abs(4 * x - 2) - 1) / (1 + np.arange(self.features) / 2)
        y = parts.sum(axis=1) + self.noise * rng.standard_normal(self.n)
        return Data(x, add_outliers(rng, y, self.outliers), "regression", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [AdditiveRegression]
