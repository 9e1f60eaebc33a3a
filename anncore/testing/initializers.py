"""What an initializer must keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from anncore.testing.kit import Kit, Named, Subject, must
from anncore.types import Array

SHAPES = ((1, 1), (3, 8), (64, 32))


class InitializerKit(Kit):
    """Shape, dtype, finiteness."""

    def exercise(self, subject: Subject, component: Any) -> Iterable[Array]:
        """Draw weights of several shapes from one generator."""
        rng = np.random.default_rng(0)
        for shape in SHAPES:
            yield component.sample(rng, shape, *shape)

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("weights", weights)]


def weights(subject: Subject) -> int:
    """Weights have the shape asked for, are finite float64 and an array of their own."""
    count = 0
    for variant in subject.variants():
        component = subject.build(variant)
        for shape in SHAPES:
            drawn = component.sample(np.random.default_rng(1), shape, *shape)
            must(drawn.shape == shape, f"{variant.label}: shape {drawn.shape} where {shape} was asked for")
            must(drawn.dtype == np.float64, f"{variant.label}: {drawn.dtype}, not float64")
            must(np.isfinite(drawn).all(), f"{variant.label}: weights that are not finite")
            again = component.sample(np.random.default_rng(1), shape, *shape)
            must(not np.shares_memory(drawn, again), f"{variant.label}: two draws share their memory")
            count += 1
    return count
