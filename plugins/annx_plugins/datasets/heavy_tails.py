"""Data set: heavy_tails."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class HeavyTails(Dataset):
    """A linear function under noise with heavy tails: now and then an error is larger than all others.

        y = x·w + noise · t_df    x ~ N(0, I),  w ~ N(0, I / features), one for each seed

    t_df is Student's distribution: for df ≤ 2 its variance is infinite, so that the mean squared error of a
    batch and its gradient have no finite variance either; with df = 1 it is Cauchy's and has no mean. With
    growing df it becomes normal. Choose it for what clipping, sign methods and robust losses are made for; in
    `outlier_regression` a share of the targets is wrong by one amount.

    Domain: df ≥ 0.5, noise ≥ 0, features ≥ 1. The test split is scored on y without noise: with it the score
    would be that of the one largest error.
    Shapes: x (n, features), y (n,).

    Lange, Little & Taylor, "Robust Statistical Modeling Using the t Distribution", Journal of the American
    Statistical Association 84 (1989), 881-896. https://doi.org/10.1080/01621459.1989.10478852. In training:
    Zhang, Karimireddy, Veit, Kim, Reddi, Kumar & Sra, "Why are Adaptive Methods Good for Attention Models?",
    NeurIPS 2020. https://arxiv.org/abs/1912.03194
    """

    name: ClassVar[str] = "heavy_tails"

    n: int = hyper(500, "int [10, inf)")
    features: int = hyper(5, "int [1, inf)")
    noise: Hyper = hyper(0.5, "[0, inf)", search=linear(0.0, 1.0))
    df: Hyper = hyper(2.0, "[0.5, inf)", search=log(1.0, 30.0))

    def make(self, rng: np.random.Generator) -> Data:
        x = rng.standard_normal((self.n, self.features))
        weights = rng.standard_normal(self.features) / np.sqrt(self.features)
        exact = x @ weights
        y = exact + self.noise * rng.standard_t(self.df, self.n)
        return Data(x, y, "regression", clean_y=exact)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [HeavyTails]
