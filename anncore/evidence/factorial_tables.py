"""Costs by the levels of factors: averaged over other factors, and compared with the average level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence.factorial_parts import Cell, Marginal
from anncore.evidence.factors import Factor, Grid
from anncore.evidence.mean_difference import mean_difference

if TYPE_CHECKING:
    import pandas as pd


class Draft(NamedTuple):
    """What an analysis begins with: costs by block and level, on one problem or over all (where = "")."""

    where: str
    unit: str
    scale: str
    grid: Grid
    table: Array  # (blocks, levels, ...)
    costs: pd.DataFrame  # by block and arm, those of levels that are left out too
    rope: float | None


def averaged(table: Array, axes: Sequence[int]) -> Array:
    """Return a table averaged over all factors but those at some axes, which keep their order."""
    others = tuple(axis for axis in range(1, table.ndim) if axis not in axes)
    averaged: Array = table.mean(axis=others)
    return averaged if list(axes) == sorted(axes) else averaged.swapaxes(1, 2)


def axes_of(factors: Sequence[Factor]) -> list[tuple[int, int]]:
    """Return the axes of each two factors; the one with an order comes first, where one has an order."""
    pairs = []
    for i, j in combinations(range(len(factors)), 2):
        turned = bool(factors[j].values) and not factors[i].values
        pairs.append((j + 1, i + 1) if turned else (i + 1, j + 1))
    return pairs


def marginals_of(draft: Draft) -> tuple[Marginal, ...]:
    """Return how much better than the average level each level is."""
    rows = []
    for axis, factor in enumerate(draft.grid.factors, start=1):
        costs = averaged(draft.table, [axis])
        gaps = costs.mean(axis=1, keepdims=True) - costs
        for i, level in enumerate(factor.levels):
            rows.append(Marginal(factor.name, level, *centre_of(gaps[:, i])))
    return tuple(rows)


def centre_of(gaps: Array) -> tuple[float, float, float]:
    """Return the mean over blocks with its interval."""
    estimate = mean_difference(gaps)
    return estimate.value, estimate.low, estimate.high


def cells_of(
    table: Array, factors: Sequence[Factor], arms: Mapping[tuple[str, ...], str]
) -> tuple[Cell, ...]:
    """Return every combination of levels with its cost and how much better than the average one it is."""
    average = table.reshape(len(table), -1).mean(axis=1)
    cells = []
    for place in np.ndindex(*table.shape[1:]):
        levels = tuple(factor.levels[i] for factor, i in zip(factors, place, strict=True))
        costs = table[(slice(None), *place)]
        centre = centre_of(average - costs)
        cells.append(Cell(levels, arms.get(levels, ""), float(costs.mean()), *centre))
    return tuple(cells)
