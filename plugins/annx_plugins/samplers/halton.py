"""Sampler: halton."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Sampler, hookimpl


@dataclass(frozen=True)
class Halton(Sampler):
    """Scrambled Halton sequence: evenly spread points, as many as one likes.

    Dimension j counts in the j-th prime base with its digits mirrored at the point, each digit permuted at
    random, so that high dimensions do not move together.

    Halton, "On the Efficiency of Certain Quasi-Random Sequences of Points in Evaluating Multi-Dimensional
    Integrals", Numerische Mathematik 2, 1960. https://doi.org/10.1007/BF01386213. Scrambled as in Owen, "A
    randomized Halton algorithm in R", 2017. https://arxiv.org/abs/1706.02808
    """

    name: ClassVar[str] = "halton"

    def batches(self, samples: int, dimensions: int, rng: np.random.Generator) -> Iterator[Array]:
        from scipy.stats import qmc

        try:
            sampler = qmc.Halton(dimensions, rng=rng)
        except TypeError:  # SciPy below 1.15 calls it seed
            sampler = qmc.Halton(dimensions, seed=rng)
        while True:
            yield sampler.random(samples)


@hookimpl
def annx_samplers() -> list[type[Sampler]]:
    return [Halton]
