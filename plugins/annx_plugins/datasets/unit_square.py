"""Data set: unit_square."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, hyper


@dataclass(frozen=True)
class UnitSquare(Dataset):
    """Points spread evenly over the unit square, or a cube of more sides, without targets.

        x ~ U[0, 1)^features

    A map of 8 x 8 units that has unfolded over the square has a quantization error of about 0.048.

    Domain: n at least 5, features at least 1. Shapes: x (n, features).

    Kohonen, "Self-organized formation of topologically correct feature maps", Biological Cybernetics 43
    (1982), 59-69, figure 2. https://doi.org/10.1007/BF00337288
    """

    name: ClassVar[str] = "unit_square"

    n: int = hyper(1000, "int [5, inf)")
    features: int = hyper(2, "int [1, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        return Data(rng.random((self.n, self.features)), None, "unsupervised")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [UnitSquare]
