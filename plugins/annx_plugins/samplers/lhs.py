"""Sampler: lhs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Sampler, hookimpl


@dataclass(frozen=True)
class LatinHypercube(Sampler):
    """Latin hypercube: of n points, one in each of n equal slices of every dimension.

    Within its slice a point is uniform, and slices are paired at random. Where a batch gives too few
    different configurations, another hypercube follows.

    McKay, Beckman & Conover, "A Comparison of Three Methods for Selecting Values of Input Variables in the
    Analysis of Output from a Computer Code", Technometrics 21(2), 1979. https://doi.org/10.2307/1268522
    """

    name: ClassVar[str] = "lhs"

    def batches(self, samples: int, dimensions: int, rng: np.random.Generator) -> Iterator[Array]:
        from scipy.stats import qmc

        while True:
            try:
                sampler = qmc.LatinHypercube(dimensions, rng=rng)
            except TypeError:  # SciPy below 1.15 calls it seed
                sampler = qmc.LatinHypercube(dimensions, seed=rng)
            yield sampler.random(samples)


@hookimpl
def annx_samplers() -> list[type[Sampler]]:
    return [LatinHypercube]
