"""The checks of a sampler: points of the unit cube, without end, over all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.testing.kit import Kit, Named, Subject, must

SIZES = ((1, 1), (3, 2), (8, 1), (20, 5))  # samples and dimensions
BATCHES = 4  # looked at; a search may need 64
MANY = 400  # points that should lie everywhere


class SamplerKit(Kit):
    """Shape, range, spread, no end."""

    def exercise(self, subject: Subject, component: Any) -> Iterable[Array]:
        """Yield the first batches of every size."""
        for samples, dimensions in SIZES:
            yield from islice(_batches(component, samples, dimensions), 2)

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("points", points), ("even", even)]


def _batches(component: Any, samples: int, dimensions: int, seed: int = 0) -> Iterator[Array]:
    return iter(component.batches(samples, dimensions, np.random.default_rng(seed)))


def points(subject: Subject) -> int:
    """Every batch is an array (n, dimensions) of numbers in [0, 1), and batches do not end."""
    count = 0
    for variant in subject.variants():
        for samples, dimensions in SIZES:
            where = f"{variant.label}, {samples} samples of {dimensions} dimensions"
            batches = list(islice(_batches(subject.build(variant), samples, dimensions), BATCHES))
            must(len(batches) == BATCHES, f"{where}: it ends after {len(batches)} batches")
            for batch in batches:
                shape = np.shape(batch)
                must(len(shape) == 2 and shape[1] == dimensions, f"{where}: a batch has the shape {shape}")
                must(shape[0] > 0, f"{where}: a batch has no point")
                inside = (np.asarray(batch) >= 0) & (np.asarray(batch) < 1)
                must(inside.all(), f"{where}: a point lies outside of [0, 1)")
                count += len(batch)
    return count


def even(subject: Subject) -> int:
    """Many points reach every tenth of every dimension, and no two dimensions move together."""
    count = 0
    for variant in subject.variants():
        batches = _batches(subject.build(variant), MANY, 2)
        many = np.concatenate(list(islice(batches, BATCHES)))[:MANY]
        for dimension in range(2):
            tenths = set(np.floor(10 * many[:, dimension]).astype(int))
            missing = sorted(set(range(10)) - tenths)
            places = [tenth + 1 for tenth in missing]
            must(
                not missing, f"{variant.label}: no point of {len(many)} lies in tenth {places} of a dimension"
            )
        together = abs(float(np.corrcoef(many.T)[0, 1]))
        must(together < 0.5, f"{variant.label}: two dimensions move together (correlation {together:.2f})")
        count += len(many)
    return count
