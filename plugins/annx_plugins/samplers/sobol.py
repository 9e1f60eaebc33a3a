"""Sampler: sobol."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Sampler, hookimpl


@dataclass(frozen=True)
class Sobol(Sampler):
    """Scrambled Sobol' sequence: evenly spread points, balanced in blocks of a power of two.

    The first points of a block are used; 8, 16, 32 samples use whole blocks.

    Sobol', "On the Distribution of Points in a Cube and the Approximate Evaluation of Integrals", USSR
    Computational Mathematics and Mathematical Physics 7(4), 1967.
    https://doi.org/10.1016/0041-5553(67)90144-9. Scrambled as in Matoušek, "On the L2-Discrepancy for
    Anchored Boxes", Journal of Complexity 14(4), 1998.
    """

    name: ClassVar[str] = "sobol"

    def batches(self, samples: int, dimensions: int, rng: np.random.Generator) -> Iterator[Array]:
        from scipy.stats import qmc

        try:
            sampler = qmc.Sobol(dimensions, rng=rng)
        except TypeError:  # SciPy below 1.15 calls it seed
            sampler = qmc.Sobol(dimensions, seed=rng)
        block = 2 ** math.ceil(math.log2(samples))
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a later block need not begin at a power of two
                yield sampler.random(block)


@hookimpl
def annx_samplers() -> list[type[Sampler]]:
    return [Sobol]
