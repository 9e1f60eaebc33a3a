"""Data set: adding."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, hyper


@dataclass(frozen=True)
class Adding(Dataset):
    """The adding problem: the sum of two numbers that lie far apart in a sequence.

        x = v₁ m₁  v₂ m₂ ...    v ~ U[0, 1), the markers m are 1 twice and else 0
        y = Σₛ mₛ vₛ

    One marker lies anywhere in the first half of the steps, the other one anywhere in the second half. A
    network that does not look back knows nothing of the sum but its mean, 1; its squared error is the sum's
    variance, 1/6.

    A network needs two `features`. With [split] standardize = false losses are in units of the sum, so that
    1/6 is the bar; otherwise the bar is 1.

    Domain: steps at least 2.
    Shapes: x (n, 2 · steps), y (n,) in [0, 2).

    Hochreiter & Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997), 1735-1780, experiment
    4, with numbers in [-1, 1], sequences of various lengths and 0.5 + the sum / 4 as target.
    https://doi.org/10.1162/neco.1997.9.8.1735. The form here, with the bar 1/6, is that of Le, Jaitly &
    Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015,
    https://arxiv.org/abs/1504.00941; one marker in each half as in Arjovsky, Shah & Bengio, "Unitary
    Evolution Recurrent Neural Networks", ICML 2016, https://arxiv.org/abs/1511.06464.
    """

    name: ClassVar[str] = "adding"

    n: int = hyper(500, "int [10, inf)")
    steps: int = hyper(20, "int [2, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        values = rng.random((self.n, self.steps))
        half = self.steps // 2
        markers = np.zeros_like(values)
        rows = np.arange(self.n)
        markers[rows, rng.integers(0, half, self.n)] = 1
        markers[rows, rng.integers(half, self.steps, self.n)] = 1
        x = np.stack([values, markers], axis=2).reshape(self.n, 2 * self.steps)
        names = tuple(f"{what}{step}" for step in range(1, self.steps + 1) for what in "vm")
        return Data(x, (values * markers).sum(axis=1), "regression", features=names)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Adding]
