"""Data set: parity."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class Parity(Dataset):
    """Sparse parity: whether an odd number of a few bits is 1, among bits that say nothing.

        y = x₁ xor x₂ xor ... xor x_relevant    bits x are coins

    No smaller set of bits says anything about y, and no linear model is better than chance. So gradient
    descent sees next to nothing of the answer at first: its loss stays flat for long, then falls at once.
    Each bit more in `relevant` multiplies that time. With relevant = bits it is the full parity. `xor` has
    clouds around the corners and parity of all bits, `sequence_parity` one bit after the other.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: bits at least 1, relevant from 1 to bits; label_noise in [0, 1).
    Shapes: x (n, bits) of -1 and 1, 1 for a bit that is 1; y (n,) in {0, 1}.

    Barak, Edelman, Goel, Kakade, Malach & Zhang, "Hidden Progress in Deep Learning: SGD Learns Parities Near
    the Computational Limit", NeurIPS 2022. https://arxiv.org/abs/2207.08799
    """

    name: ClassVar[str] = "parity"

    n: int = hyper(1000, "int [10, inf)")
    bits: int = hyper(20, "int [1, inf)")
    relevant: int = hyper(3, "int [1, inf)")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def validate(self) -> None:
        if self.relevant > self.bits:
            raise ValueError(f"relevant must be at most bits, {self.bits}, got {self.relevant}")

    def make(self, rng: np.random.Generator) -> Data:
        bits = rng.integers(0, 2, (self.n, self.bits))
        y = bits[:, : self.relevant].sum(axis=1) % 2
        return Data(2.0 * bits - 1, flip_labels(rng, y, self.label_noise, 2), "binary", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Parity]
