"""Sampler: random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Sampler, hookimpl


@dataclass(frozen=True)
class RandomSearch(Sampler):
    """Random search: independent points, uniform in the unit cube.

    Points may lie close together and leave gaps; any part of them is again a random search.

    Bergstra & Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13, 2012.
    https://www.jmlr.org/papers/v13/bergstra12a.html
    """

    name: ClassVar[str] = "random"

    def batches(self, samples: int, dimensions: int, rng: np.random.Generator) -> Iterator[Array]:
        while True:
            yield rng.random((samples, dimensions))


@hookimpl
def annx_samplers() -> list[type[Sampler]]:
    return [RandomSearch]
