"""Drawing configurations: so many for every arm, from points that are the same for every arm.

The points depend on the sampler, the number of dimensions and the sweep's seed alone, never on a label
or on the order of a file, so that arms searched over equal spaces get equal configurations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from anncore.contract.counts import counted
from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array, Sampler
from anncore.contract.streams import stream
from anncore.experiment.model import Axis, Range
from anncore.experiment.points import tidy

MOST_BATCHES = 64
DIGITS = 6  # of a drawn number: what is reported is exactly what was run


def draw(
    sampler: Sampler, samples: int, axes: Sequence[Axis], sweep_seed: int
) -> list[tuple[tuple[Any, ...], ...]]:
    """Return `samples` different points, each one row per axis, in an order that never varies.

    A finite axis is drawn from evenly, a log range evenly in its logarithm. Where the axes have no more
    points than were asked for, all of them are returned, in the order of the grid. Raises ComponentError for
    a sampler that gives no points, or not enough different ones.
    """
    size = math.prod(map(extent, axes))
    if size <= samples:
        return list(product(*(_every(axis) for axis in axes)))
    drawn: dict[str, tuple[tuple[Any, ...], ...]] = {}
    batches = _batches(sampler, samples, len(axes), sweep_seed)
    for _, batch in zip(range(MOST_BATCHES), batches, strict=False):
        for point in batch:
            row = tuple(at(axis, float(share)) for axis, share in zip(axes, point, strict=True))
            drawn.setdefault(repr(row), row)
            if len(drawn) == samples:
                return list(drawn.values())
    if size != math.inf:  # rare points were left: take them in the grid's order
        for row in product(*(_every(axis) for axis in axes)):
            drawn.setdefault(repr(row), row)
            if len(drawn) == samples:
                break
    if len(drawn) < samples:
        raise ComponentError(
            f"sampler {sampler.name!r} gives {counted(len(drawn), 'different configurations')} in "
            f"{MOST_BATCHES} batches, where {samples} are asked for."
        )
    return list(drawn.values())


def extent(axis: Axis) -> float:
    """Return the number of different values of an axis."""
    if isinstance(axis, Range):
        low, high = axis.search.values
        return high - low + 1 if axis.integer else math.inf
    return len(axis.rows)


def distinct_points(axis: Axis) -> float:
    """Return how many different values an axis has, of real numbers roughly those of six digits."""
    if not isinstance(axis, Range) or axis.integer:
        return extent(axis)
    low, high = axis.search.values
    largest = max(abs(low), abs(high)) * (1 - 1e-12)  # below 1, not 1 itself
    spacing = 10.0 ** (math.floor(math.log10(largest)) + 1 - DIGITS)
    evenly = max(1.0, (high - low) / spacing) if spacing else math.inf
    decades = math.log10(high) - math.log10(low) if axis.search.how == "log" else 0.0
    return max(evenly, decades * 9 * 10 ** (DIGITS - 1))


def _every(axis: Axis) -> Iterator[tuple[Any, ...]]:
    if isinstance(axis, Range):
        low, high = axis.search.values
        return ((value,) for value in range(low, high + 1))
    return iter(axis.rows)


def at(axis: Axis, share: float) -> tuple[Any, ...]:
    """Return an axis' row at a share in [0, 1): the quantile of its distribution."""
    if not isinstance(axis, Range):
        return axis.rows[min(int(share * len(axis.rows)), len(axis.rows) - 1)]
    low, high = axis.search.values
    # Whole numbers get bins of equal width around them, the ends too.
    below, above = (low - 0.5, high + 0.5) if axis.integer else (low, high)
    if axis.search.how == "log":
        value = math.exp(math.log(below) + share * (math.log(above) - math.log(below)))
    else:
        value = below + share * (above - below)
    if axis.integer:
        return (min(max(math.floor(value + 0.5), low), high),)
    return (min(max(tidy(value, DIGITS), low), high),)


def _batches(sampler: Sampler, samples: int, dimensions: int, sweep_seed: int) -> Iterator[Array]:
    """Yield a sampler's batches; raises ComponentError for what are no points of the unit cube."""
    rng = stream(sweep_seed, 0, "search")
    for batch in sampler.batches(samples, dimensions, rng):
        points = np.asarray(batch, dtype=float)
        if points.ndim != 2 or points.shape[1] != dimensions:
            raise ComponentError(
                f"sampler {sampler.name!r} must yield arrays (n, {dimensions}), got one of {points.shape}."
            )
        if not ((points >= 0) & (points < 1)).all():
            raise ComponentError(f"sampler {sampler.name!r} must yield numbers in [0, 1), got others.")
        yield points
