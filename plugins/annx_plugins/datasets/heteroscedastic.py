"""Data set: heteroscedastic."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class Heteroscedastic(Dataset):
    """A wave under noise that grows along the way: some examples can be trusted more than others.

        y = sin(2π x) + noise · x · N(0, 1)    x uniform in [0, 1)

    The standard deviation goes from 0 to `noise`; its mean square is noise² / 3. A loss that knows only the
    mean (`mse`) lets the loud examples on the right pull as much as the quiet ones; one that learns a
    variance (`gaussian_nll`) or a quantile (`quantile`) can tell them apart, and the quantile of level q is
    sin(2π x) + noise x Φ⁻¹(q). In `sine` the noise is equal everywhere.

    Domain: noise ≥ 0. The test split is scored on y with its noise, as the task is to tell how large it is.
    Shapes: x (n, 1), y (n,).

    Nix & Weigend, "Estimating the mean and variance of the target probability distribution", IEEE
    International Conference on Neural Networks 1994, 55-60. https://doi.org/10.1109/ICNN.1994.374138
    """

    name: ClassVar[str] = "heteroscedastic"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(0.5, "[0, inf)", search=linear(0.0, 1.0))

    def make(self, rng: np.random.Generator) -> Data:
        x = rng.random((self.n, 1))
        spread = self.noise * x[:, 0]
        return Data(x, np.sin(2 * np.pi * x[:, 0]) + spread * rng.standard_normal(self.n), "regression")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Heteroscedastic]
