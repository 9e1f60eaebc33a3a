"""Data set: outlier_regression."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class OutlierRegression(Dataset):
    """A straight line; some targets are far too high.

        y = 2 x + 1 + noise · N(0, 1)    x ~ N(0, 1)

    With probability `outliers` the target is y + shift instead. Least squares then finds an intercept near
    1 + outliers · shift, least absolute deviations one near 1. The test split is scored on the targets
    without the shift; `noise` is in all splits.

    Domain: noise ≥ 0, outliers in [0, 1), shift real.
    Shapes: x (n, 1), y (n,).

    Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964),
    73-101: the gross error model, here one-sided. https://doi.org/10.1214/aoms/1177703732
    """

    name: ClassVar[str] = "outlier_regression"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(0.5, "[0, inf)", search=log(0.1, 2))
    outliers: Hyper = hyper(0.1, "[0, 1)", search=linear(0.0, 0.3))
    shift: Hyper = hyper(20.0, "(-inf, inf)", search=linear(5, 50))

    def make(self, rng: np.random.Generator) -> Data:
        x = rng.standard_normal((self.n, 1))
        y = 2 * x[:, 0] + 1 + self.noise * rng.standard_normal(self.n)
        high = rng.random(self.n) < self.outliers
        return Data(x, np.where(high, y + self.shift, y), "regression", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [OutlierRegression]
