"""Data set: multiplicative_regression."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, add_outliers, hookimpl, hyper, linear


@dataclass(frozen=True)
class MultiplicativeRegression(Dataset):
    """A product of one bent function for each feature: every feature changes what all others do.

        y = Πⱼ (|4 xⱼ - 2| + aⱼ) / (1 + aⱼ) + noise · N(0, 1)
        aⱼ = (j - 1) / 2,  x uniform in [0, 1]^features

    y has mean 1 and variance Πⱼ (1 + Vⱼ) - 1, Vⱼ = 1 / (3 (1 + aⱼ)²); Σ Vⱼ of it is what the features do by
    themselves, the rest are interactions. `additive_regression` has the same parts without interactions.

    Outliers: each target moves by ± 5 standard deviations with probability `outliers`. The test split is
    scored on the targets without outliers; `noise` is in all splits.

    Domain: features ≥ 1, noise ≥ 0, outliers in [0, 1).
    Shapes: x (n, features), y (n,).

    Sobol's g-function: Saltelli & Sobol', "About the use of rank transformation in sensitivity analysis of
    model output", Reliability Engineering & System Safety 50 (1995), 225-239.
    https://doi.org/10.1016/0951-8320(95)00099-2
    """

    name: ClassVar[str] = "multiplicative_regression"

    n: int = hyper(500, "int [10, inf)")
    features: int = hyper(5, "int [1, inf)")
    noise: Hyper = hyper(0.1, "[0, inf)", search=linear(0.0, 0.5))
    outliers: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.2))

    def make(self, rng: np.random.Generator) -> Data:
        x = rng.random((self.n, self.features))
        a = np.arange(self.features) / 2
        exact = ((np.abs(4 * x - 2) + a) / (1 + a)).prod(axis=1)
        y = exact + self.noise * rng.standard_normal(self.n)
        return Data(x, add_outliers(rng, y, self.outliers), "regression", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [MultiplicativeRegression]
