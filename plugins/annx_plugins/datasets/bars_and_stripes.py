"""Data set: bars_and_stripes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, hyper


@dataclass(frozen=True)
class BarsAndStripes(Dataset):
    """Small pictures of vertical bars or horizontal stripes, each on or off, without targets.

        toss a coin for vertical or horizontal, then one for each line: x = 1 on the lines that are on

    The empty and the full picture come up in both ways, so each is as likely as two of the others. The
    entropy of the pictures is known: for a side of 3 it is 2.599 nats, so no model has a mean log-likelihood
    above -2.599 on all of them. Leave the pixels as they are: [split] standardize = false.

    Domain: n at least 5, side at least 2. Shapes: x (n, side²), row by row.

    MacKay, "Information Theory, Inference, and Learning Algorithms", Cambridge 2003, section 43.2. Fischer &
    Igel, "Training Restricted Boltzmann Machines: An Introduction", Pattern Recognition 47 (2014), 25-39.
    https://doi.org/10.1016/j.patcog.2013.05.025
    """

    name: ClassVar[str] = "bars_and_stripes"

    n: int = hyper(500, "int [5, inf)")
    side: int = hyper(3, "int [2, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        vertical = rng.integers(2, size=(self.n, 1, 1)).astype(bool)
        lines = rng.integers(2, size=(self.n, self.side)).astype(float)
        pictures = np.where(vertical, lines[:, None, :], lines[:, :, None])
        pictures = np.broadcast_to(pictures, (self.n, self.side, self.side))
        return Data(pictures.reshape(self.n, -1), None, "unsupervised")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [BarsAndStripes]
