"""Data set: sequence_parity."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, hyper


@dataclass(frozen=True)
class SequenceParity(Dataset):
    """Parity of a sequence of bits: whether the number of ones so far is odd.

        pₛ = b₁ xor b₂ xor ... xor bₛ    bits b are coins

    With predict "last" an example's class is p of the last step. With "every" its targets are as many real
    numbers 0 and 1: p after every step.

    Two states of memory suffice for any length. But every bit turns the answer over, so nothing less than the
    whole sequence says anything about it: the best guess from all bits but one is a coin.

    Domain: steps at least 1. There are 2^steps sequences; of short ones, training and test share many.
    Shapes: x (n, steps) of 0 and 1; y (n,) in {0, 1}, or with predict "every" (n, steps).

    Minsky & Papert, "Perceptrons", MIT Press 1969, chapter 3. As a task for recurrent networks Bengio, Simard
    & Frasconi, "Learning Long-Term Dependencies with Gradient Descent is Difficult", IEEE Transactions on
    Neural Networks 5 (1994), 157-166, https://doi.org/10.1109/72.279181.
    """

    name: ClassVar[str] = "sequence_parity"

    n: int = hyper(500, "int [10, inf)")
    steps: int = hyper(8, "int [1, inf)")
    predict: str = hyper("last", ("last", "every"))

    def make(self, rng: np.random.Generator) -> Data:
        bits = rng.integers(0, 2, (self.n, self.steps))
        parity = bits.cumsum(axis=1) % 2
        x = bits.astype(float)
        names = tuple(f"t{step}" for step in range(1, self.steps + 1))
        if self.predict == "every":
            return Data(x, parity.astype(float), "regression", features=names)
        return Data(x, parity[:, -1], "binary", features=names)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [SequenceParity]
