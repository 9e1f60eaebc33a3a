"""Data set: covariate_shift."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class CovariateShift(Dataset):
    """A curve to be learned in one place and used in another: the test's inputs lie elsewhere.

        y = sin(π x) / (π x) + noise · N(0, 1)
        x ~ N(1, 1/4) in training and validation,  x ~ N(1 + shift, 1/16) in test

    The curve is the same everywhere, only the inputs move. So validation says less of the test than it seems
    to: what is chosen on it is chosen for another place. With shift = 0 the test's inputs only lie closer
    together. Choose it to see which arms hold beyond their data; all other sets draw their test from the same
    place. The test split is a fifth of the examples, fixed by the set: [split] test has no effect.

    Domain: shift real, noise ≥ 0.
    Shapes: x (n, 1), y (n,).

    Sugiyama, Krauledat & Müller, "Covariate Shift Adaptation by Importance Weighted Cross Validation",
    Journal of Machine Learning Research 8 (2007), 985-1005, section 5.1, with shift 1 and noise 1/4.
    https://jmlr.org/papers/v8/sugiyama07a.html
    """

    name: ClassVar[str] = "covariate_shift"

    n: int = hyper(500, "int [10, inf)")
    shift: Hyper = hyper(1.0, "(-inf, inf)", search=linear(0.0, 2.0))
    noise: Hyper = hyper(0.25, "[0, inf)", search=linear(0.0, 0.5))

    def make(self, rng: np.random.Generator) -> Data:
        normal = rng.standard_normal(self.n)
        test = np.arange(self.n) >= self.n - self.n // 5
        x = np.where(test, 1 + self.shift + normal / 4, 1 + normal / 2)
        y = np.sinc(x) + self.noise * rng.standard_normal(self.n)
        return Data(x[:, None], y, "regression", test_index=np.flatnonzero(test))


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [CovariateShift]
