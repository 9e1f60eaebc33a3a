"""Data set: xor."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class XOR(Dataset):
    """Exclusive or: Gaussian clouds at the corners of a square; with more bits parity, on a cube.

        x = v + noise · N(0, I)    v in {-1, 1}^bits, every corner equally often
        y = 1 if an odd number of v's coordinates is 1, else 0

    Two bits are the classical exclusive or; more are the parity problem. No linear model does better
    than chance on either.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: noise ≥ 0, label_noise in [0, 1).
    Shapes: x (n, bits), y (n,) in {0, 1}; the corners' sizes differ by at most 1.

    Minsky & Papert, "Perceptrons", MIT Press 1969, chapters 2 and 3; as a test of hidden units, Rumelhart,
    Hinton & Williams, "Learning internal representations by error propagation", in "Parallel
    Distributed Processing" 1, MIT Press 1986, 318-362. https://doi.org/10.21236/ADA164453
    """

    name: ClassVar[str] = "xor"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(0.3, "[0, inf)", search=linear(0.1, 0.6))
    bits: int = hyper(2, "int [2, 16]")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        # Corner k has the binary digits of k as coordinates.
        corner = rng.permutation(self.n) % 2**self.bits
        digits = corner[:, None] >> np.arange(self.bits) & 1
        y = digits.sum(axis=1) % 2
        x = 2.0 * digits - 1 + self.noise * rng.standard_normal(digits.shape)
        return Data(x, flip_labels(rng, y, self.label_noise, 2), "binary", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [XOR]
