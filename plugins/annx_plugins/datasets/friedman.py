"""Data set: friedman."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, add_outliers, draws_known, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class Friedman(Dataset):
    """Friedman's three regression problems; `problem` chooses one.

        1:  y = 10 sin(π x₁ x₂) + 20 (x₃ - 1/2)² + 10 x₄ + 5 x₅
        2:  y = √(x₁² + (x₂ x₃ - 1 / (x₂ x₄))²)
        3:  y = arctan((x₂ x₃ - 1 / (x₂ x₄)) / x₁)

    In 1 all `features` are uniform in [0, 1], and those after the fifth are useless. In 2 and 3 there
    are four: x₁ in [0, 100], x₂ in [40π, 560π], x₃ in [0, 1], x₄ in [1, 11]. noise · N(0, 1) is added
    to y; Friedman uses 1 in problem 1, and a third of y's standard deviation in 2 (125) and 3 (0.1).

    Outliers: each target moves by ± 5 standard deviations with probability `outliers`. The test split is
    scored on the targets without outliers; `noise` is in all splits.

    Domain: noise ≥ 0, in the target's units; features ≥ 5, used by problem 1; outliers in [0, 1).
    Shapes: x (n, features), in problems 2 and 3 (n, 4); y (n,).

    Friedman, "Multivariate Adaptive Regression Splines", Annals of Statistics 19 (1991), 1-67, section 4.
    https://doi.org/10.1214/aos/1176347963. Numbered as in Breiman, "Bagging Predictors", Machine Learning
    24 (1996), 123-140, and in scikit-learn's `make_friedman1`, `2` and `3`, whose draws these are.
    """

    name: ClassVar[str] = "friedman"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(1.0, "[0, inf)", search=log(0.1, 10))
    problem: int = hyper(1, (1, 2, 3))
    features: int = hyper(10, "int [5, inf)")
    outliers: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.2))

    def make(self, rng: np.random.Generator) -> Data:
        x, exact = self._drawn(int(rng.integers(2**32)))
        y = exact + self.noise * rng.standard_normal(self.n)
        return Data(x, add_outliers(rng, y, self.outliers), "regression", clean_y=y)

    def _drawn(self, seed: int) -> tuple[Array, Array]:
        if not draws_known():
            return self._by_scikit_learn(seed)
        uniform = np.random.RandomState(seed).uniform
        if self.problem == 1:
            x = uniform(size=(self.n, self.features))
            wave = 10 * np.sin(np.pi * x[:, 0] * x[:, 1])
            return x, wave + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
        x = uniform(size=(self.n, 4))
        x[:, 0] *= 100
        x[:, 1] *= 520 * np.pi
        x[:, 1] += 40 * np.pi
        x[:, 3] *= 10
        x[:, 3] += 1
        reactance = x[:, 1] * x[:, 2] - 1 / (x[:, 1] * x[:, 3])
        if self.problem == 2:
            return x, (x[:, 0] ** 2 + reactance**2) ** 0.5
        return x, np.arctan(reactance / x[:, 0])

    def _by_scikit_learn(self, seed: int) -> tuple[Array, Array]:
        from sklearn.datasets import make_friedman1, make_friedman2, make_friedman3

        if self.problem == 1:
            return make_friedman1(self.n, n_features=self.features, random_state=seed)
        generator = make_friedman2 if self.problem == 2 else make_friedman3
        made: tuple[Array, Array] = generator(self.n, random_state=seed)
        return made


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Friedman]
