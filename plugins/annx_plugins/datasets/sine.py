"""Data set: sine."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, add_outliers, hookimpl, hyper, linear


@dataclass(frozen=True)
class Sine(Dataset):
    """A noisy sine wave, the example of textbooks for curve fitting.

        y = sin(2π frequency x) + noise · N(0, 1)    x uniform in [0, 1)

    Outliers: each target moves by ± 5 standard deviations with probability `outliers`. The test split is
    scored on the targets without outliers; `noise` is in all splits.

    Domain: noise ≥ 0, frequency > 0, in waves over the interval; outliers in [0, 1).
    Shapes: x (n, 1), y (n,).

    Bishop, "Pattern Recognition and Machine Learning", Springer 2006, section 1.1 and appendix A, with
    one wave and noise 0.3. https://link.springer.com/book/9780387310732
    """

    name: ClassVar[str] = "sine"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(0.1, "[0, inf)", search=linear(0.0, 0.5))
    frequency: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 4.0))
    outliers: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.2))

    def make(self, rng: np.random.Generator) -> Data:
        x = rng.random((self.n, 1))
        y = np.sin(2 * np.pi * self.frequency * x[:, 0]) + self.noise * rng.standard_normal(self.n)
        return Data(x, add_outliers(rng, y, self.outliers), "regression", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Sine]
