"""Data set: linear_regression."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import (
    Array,
    Data,
    Dataset,
    Hyper,
    add_outliers,
    draws_known,
    hookimpl,
    hyper,
    linear,
    log,
    shuffled,
)


@dataclass(frozen=True)
class LinearRegression(Dataset):
    """A linear function of some of the features.

        y = x·w + noise · N(0, 1)    x ~ N(0, I)

    `informative` weights are uniform in [0, 100), the others 0; which ones are not 0 is random. With the
    default ten informative features y has a standard deviation of about 180.

    Outliers: each target moves by ± 5 standard deviations with probability `outliers`. The test split is
    scored on the targets without outliers; `noise` is in all splits.

    Domain: noise ≥ 0, in the target's units; outliers in [0, 1); informative ≤ features.
    Shapes: x (n, features), y (n,).

    scikit-learn, `make_regression`, where 100 features are the default.
    https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_regression.html
    """

    name: ClassVar[str] = "linear_regression"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(10.0, "[0, inf)", search=log(1, 100))
    features: int = hyper(10, "int [1, inf)")
    informative: int = hyper(10, "int [1, inf)")
    outliers: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.2))

    def validate(self) -> None:
        if self.informative > self.features:
            raise ValueError(f"informative must be at most features, {self.features}, got {self.informative}")

    def make(self, rng: np.random.Generator) -> Data:
        x, exact = self._drawn(int(rng.integers(2**32)))
        y = exact + self.noise * rng.standard_normal(self.n)
        return Data(x, add_outliers(rng, y, self.outliers), "regression", clean_y=y)

    def _drawn(self, seed: int) -> tuple[Array, Array]:
        if not draws_known():
            return self._by_scikit_learn(seed)
        random = np.random.RandomState(seed)
        x, weights = random.standard_normal(size=(self.n, self.features)), np.zeros((self.features, 1))
        weights[: self.informative] = 100 * random.uniform(size=(self.informative, 1))
        x, y = shuffled(x, np.dot(x, weights), random)
        return x, y[:, 0]

    def _by_scikit_learn(self, seed: int) -> tuple[Array, Array]:
        from sklearn.datasets import make_regression

        made: tuple[Array, Array] = make_regression(
            self.n,
            n_features=self.features,
            n_informative=self.informative,
            noise=0.0,
            random_state=seed,
        )
        return made


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [LinearRegression]
