"""Data set: staircase."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class Staircase(Dataset):
    """A staircase function: every step builds on the one before it, so that a hard task is learned by parts.

        y = (x₁ + x₁ x₂ + ... + x₁ x₂ ··· x_height) / √height + noise · N(0, 1)    x ∈ {-1, 1}^bits, coins

    Each product is the next one's way in: once a network has x₁, x₁ x₂ is a small change. With terms "last"
    only the longest product is left, y = x₁ ··· x_height, a parity, which no part leads to. Choose the two
    side by side to see what the steps are worth. y has mean 0 and variance 1, plus noise²; who knows only the
    first k of the steps has a squared error of 1 - k / height.

    Domain: bits at least 1, height from 1 to bits; noise ≥ 0. The test split is scored on y without noise.
    Shapes: x (n, bits) of -1 and 1, y (n,).

    Abbe, Boix-Adserà, Brennan, Bresler & Nagaraj, "The staircase property: How hierarchical structure can
    guide deep learning", NeurIPS 2021. https://arxiv.org/abs/2108.10573
    """

    name: ClassVar[str] = "staircase"

    n: int = hyper(1000, "int [10, inf)")
    bits: int = hyper(20, "int [1, inf)")
    height: int = hyper(4, "int [1, inf)")
    terms: str = hyper("all", ("all", "last"))
    noise: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def validate(self) -> None:
        if self.height > self.bits:
            raise ValueError(f"height must be at most bits, {self.bits}, got {self.height}")

    def make(self, rng: np.random.Generator) -> Data:
        x = 2.0 * rng.integers(0, 2, (self.n, self.bits)) - 1
        products = np.cumprod(x[:, : self.height], axis=1)
        exact = products[:, -1] if self.terms == "last" else products.sum(axis=1) / np.sqrt(self.height)
        y = exact + self.noise * rng.standard_normal(self.n)
        return Data(x, y, "regression", clean_y=exact)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Staircase]
