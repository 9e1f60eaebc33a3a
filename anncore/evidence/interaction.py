"""Whether the effect of one factor depends on the level of another, tested on blocks.

A block is a seed on one data set, and a data set over all. In every block the table of costs, a row per level
of the first factor and a column per level of the second, is centred by rows and by columns. What is left are
the interaction residuals of that block, whatever the block's own level and own main effects are:

    g = y - row means - column means + mean

Without an interaction their mean over blocks is 0 in every cell. The statistic is the F of the analysis of
variance with repeated measures, n |mean g|² / trace of the covariance of g, and its p-value is the share of
all ways to turn the signs of whole blocks that give at least as large an F. So no normal distribution, no
equal variances and no equal correlations are assumed. The test is exact where g and -g are equally likely.
They are not where the errors of a few cells are much larger than those of others, and skewed. So the blocks'
residuals along their mean must bear it out too, by `mean_p`, which allows for skewness: the p-value is the
larger of the two.

Winkler, Ridgway, Webster, Smith & Nichols, "Permutation inference for the general linear model", NeuroImage
92, 2014, 381-397 (turned signs). Friedrich, Konietschke & Pauly, "A wild bootstrap approach for nonparametric
repeated measurements", Computational Statistics & Data Analysis 113, 2017, 38-52 (random signs of whole
blocks with such a statistic). Higgins & Tashtoush, "An aligned rank transform test for interaction",
Nonlinear World 1, 1994, 201-211, align in the same way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence.mean_difference import mean_p
from anncore.evidence.stats import ABSOLUTE_NOISE, RELATIVE_NOISE

EXACT = 12  # blocks up to which all signs are tried
DRAWN = 9_999  # signs, where there are more blocks
NOISE = 1e-12  # of all squares, below which what is left is rounding


class Interaction(NamedTuple):
    """The test of one interaction: F with its degrees of freedom, and the p-value of the module.

    f and p are NaN where there are fewer than two blocks; p is 1 where all residuals are rounding. smallest:
    the least p-value that so many blocks can give.
    """

    n: int
    f: float
    df1: int
    df2: int
    p: float
    smallest: float


def residuals(costs: Array) -> Array:
    """Return what is left of costs (blocks, rows, columns) without means of rows and columns."""
    y = np.asarray(costs, dtype=float)
    rows, columns = y.mean(axis=2, keepdims=True), y.mean(axis=1, keepdims=True)
    left: Array = y - rows - columns + y.mean(axis=(1, 2), keepdims=True)
    return left


def interaction(costs: Array) -> Interaction:
    """Test whether the effect of the columns depends on the row.

    costs: (blocks, rows, columns), finite, at least two rows and columns.
    """
    y = np.asarray(costs, dtype=float)
    n, rows, columns = y.shape
    df1 = (rows - 1) * (columns - 1)
    smallest = 2.0 ** (1 - n) if n else 1.0
    if n < 2:
        return Interaction(n, math.nan, df1, 0, math.nan, smallest)
    g = residuals(y).reshape(n, -1)
    # As `stats.differences` does, in every block: below that, residuals are numeric noise.
    size = np.abs(y).max(axis=(1, 2))[:, None]
    g = np.where(np.abs(g) <= np.maximum(ABSOLUTE_NOISE, RELATIVE_NOISE * size), 0.0, g)
    total = float((g * g).sum())
    if total == 0:
        return Interaction(n, 0.0, df1, df1 * (n - 1), 1.0, smallest)
    explained = n * float((g.mean(axis=0) ** 2).sum())
    left = total - explained
    f = explained / (left / (n - 1)) if left > NOISE * total else math.inf
    p = max(_turned(g @ g.T), mean_p(g @ g.mean(axis=0)))
    return Interaction(n, f, df1, df1 * (n - 1), p, smallest)


def _turned(products: Array) -> float:
    """Return the share of signs s, also turned all together, with s' P s at least that of no sign turned.

    As |g|² stays the same under signs, F grows with it. Signs that are drawn count the observed ones too.
    """
    n = len(products)
    observed = float(products.sum())
    least = observed - 1e-9 * float(np.abs(products).sum())
    if n <= EXACT:
        numbers = np.arange(2 ** (n - 1))[:, None]
        signs = np.where(numbers >> np.arange(n) & 1, -1.0, 1.0)
        return float(np.mean(((signs @ products) * signs).sum(axis=1) >= least))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (DRAWN, n))
    hits = int((((signs @ products) * signs).sum(axis=1) >= least).sum())
    return (hits + 1) / (DRAWN + 1)
