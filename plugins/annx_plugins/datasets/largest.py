"""Data set: largest."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, hyper


@dataclass(frozen=True)
class Largest(Dataset):
    """Which of several numbers is the largest: the task of winner-take-all networks.

        x ~ U[0, 1]^inputs
        y = the place of the largest

    The gap between the largest two is 1 / (inputs + 1) on average, and as small as luck makes it.

    A network with fixed inhibition needs numbers that are not negative: set [split] standardize = false.

    Domain: inputs ≥ 3. Shapes: x (n, inputs), y (n,) in 0 ... inputs - 1.

    Lippmann, "An Introduction to Computing with Neural Nets", IEEE ASSP Magazine 4 (1987), 4-22, has
    MAXNET as a part of the Hamming net. https://doi.org/10.1109/MASSP.1987.1165576. Gap: Arnold, Balakrishnan
    & Nagaraja, "A First Course in Order Statistics", SIAM 2008, section 2.2.
    """

    name: ClassVar[str] = "largest"

    n: int = hyper(500, "int [10, inf)")
    inputs: int = hyper(8, "int [3, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        x = rng.random((self.n, self.inputs))
        # Every place wins equally often, so that each class has examples.
        winner, best = rng.permutation(self.n) % self.inputs, x.argmax(axis=1)
        rows = np.arange(self.n)
        x[rows, winner], x[rows, best] = x[rows, best], x[rows, winner]
        return Data(x, winner, "multiclass")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Largest]
