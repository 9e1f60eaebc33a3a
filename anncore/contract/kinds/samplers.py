"""Samplers: the points that a search takes its configurations from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np

from anncore.contract.kinds.base import Array, Component


class Sampler(Component):
    """A search method: where in the space of hyperparameters configurations are tried.

    Every arm gets the same points of the unit cube, so arms with equal spaces get equal configurations. All
    points are known before the first trial runs: a sampler sees no score, and every arm gets as many tries.
    """

    @abstractmethod
    def batches(self, samples: int, dimensions: int, rng: np.random.Generator) -> Iterator[Array]:
        """Yield batches of points, each an array (n, dimensions) of numbers in [0, 1), without end.

        samples: how many configurations are wanted, 1 or more. dimensions: how many hyperparameters vary, 1
        or more. Points are used in the order in which they come. Some are passed over because they give a
        configuration that is there already: then the next batch is asked for. Random numbers come from rng
        alone.
        """
