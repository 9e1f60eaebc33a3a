"""Right data sets, with targets and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hyper


@dataclass(frozen=True)
class Coins(Dataset):
    """Coin tosses.

    x ~ N(0, 1), y a coin. n examples.
    """

    name: ClassVar[str] = "coins"
    n: int = hyper(50, "int [10, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        return Data(rng.standard_normal((self.n, 2)), np.arange(self.n) % 2, "binary")


@dataclass(frozen=True)
class Cloud(Dataset):
    """Points without targets.

    x ~ N(0, 1). n examples.
    """

    name: ClassVar[str] = "cloud"
    n: int = hyper(50, "int [10, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        return Data(rng.standard_normal((self.n, 2)), None, "unsupervised")
