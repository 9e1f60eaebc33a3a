"""Data set: stored_patterns."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class StoredPatterns(Dataset):
    """Random patterns of ±1 and damaged copies of them: a task for an associative memory.

        ξ_μ ~ U{-1, 1}^size                       μ = 1 ... patterns
        y = ξ_μ
        x = ξ_μ, where each bit is flipped with probability noise

    Every pattern has `copies` examples, which differ only in the flipped bits. With ten copies and three
    fifths of the examples in training, one pattern in 10,000 has none there.

    A Hopfield network needs ±1: set [split] standardize = false.

    Domain: noise in [0, 1/2).
    Shapes: x and y (patterns · copies, size).

    Hopfield, "Neural networks and physical systems with emergent collective computational abilities", PNAS
    79 (1982), 2554-2558. https://doi.org/10.1073/pnas.79.8.2554
    """

    name: ClassVar[str] = "stored_patterns"

    patterns: int = hyper(10, "int [1, inf)")
    size: int = hyper(100, "int [2, inf)")
    copies: int = hyper(10, "int [1, inf)")
    noise: Hyper = hyper(0.1, "[0, 0.5)", search=linear(0.0, 0.4))

    def make(self, rng: np.random.Generator) -> Data:
        stored = rng.choice([-1.0, 1.0], (self.patterns, self.size))
        y = np.repeat(stored, self.copies, axis=0)
        turned = rng.random(y.shape) < self.noise
        return Data(np.where(turned, -y, y), y, "regression")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [StoredPatterns]
