"""Data set: majority."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class Majority(Dataset):
    """The vote of many bits: the class is what more than half of them say.

        y = 1 if more than half of the bits are 1, else 0    bits are coins

    Every bit says a little: one alone agrees with the vote with probability 1/2 + C(bits - 1, m) / 2^bits,
    m = (bits - 1) / 2, for an odd number. A linear model with equal weights is perfect, so that the task
    measures how fast a method averages. `parity` is its opposite: there single bits say nothing. With an
    even number of bits a draw counts as 0.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: bits at least 1; label_noise in [0, 1).
    Shapes: x (n, bits) of -1 and 1, 1 for a bit that is 1; y (n,) in {0, 1}.

    O'Donnell, "Analysis of Boolean Functions", Cambridge University Press 2014, sections 2.1 and 5.3.
    https://arxiv.org/abs/2105.10386
    """

    name: ClassVar[str] = "majority"

    n: int = hyper(500, "int [10, inf)")
    bits: int = hyper(11, "int [1, inf)")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        bits = rng.integers(0, 2, (self.n, self.bits))
        y = (2 * bits.sum(axis=1) > self.bits).astype(np.intp)
        return Data(2.0 * bits - 1, flip_labels(rng, y, self.label_noise, 2), "binary", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Majority]
