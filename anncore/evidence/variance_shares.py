"""What share of the variance of scores each factor makes: the factors, their interactions, the data, luck.

Of costs y with a cell per combination of levels, on P problems with seeds each, the cells' means on every
problem are divided into orthogonal parts, as the analysis of variance does: main effects, interactions, the
problem's own level and what changes from problem to problem. The rest is luck: the variance between seeds.

    V of a part = its mean square over all cells and problems - what luck alone adds to that
    share = V / (all V + luck)

Luck adds the variance of the part's own means over seeds, divided by their number: the analysis of variance
with repeated measures takes the same for its error, as seeds are blocks. So a factor without an effect has a
share of about 0, however many levels it has. Shares below 0 are cut there. The sums of squares are those of
a classic analysis of variance, which adds nothing and takes nothing away.

The interval is the jackknife's over seeds, with Student's distribution: the levels and the problems are those
at hand, only the seeds are a sample. It is found for the share and for the logarithm of its odds, and reaches
to the farther of both ends. Tukey's pseudo-values: Miller, "The Jackknife - A Review", Biometrika
61(1), 1974, 1-15. Parts of variance on a grid are those of functional ANOVA: Hutter, Hoos & Leyton-Brown, "An
Efficient Approach for Assessing Hyperparameter Importance", ICML 2014. Shares without the part of luck are
Hays' omega squared: Olejnik & Algina, "Generalized Eta and Omega Squared Statistics", Psychological Methods
8(4), 2003, 434-447.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence.stats import LEVEL

DATA, LUCK = "data", "luck"
Part = tuple[str, ...]  # names of factors, with DATA first where it changes with the data; (LUCK,)


class Share(NamedTuple):
    """One part's share of the variance, with its interval, degrees of freedom and sum of squares.

    share is cut at 0, low and high are inside of 0 and 1; low and high are NaN where some problem has fewer
    than three seeds. squares is NaN where problems have unlike numbers of seeds.
    """

    part: Part
    share: float
    low: float
    high: float
    df: int
    squares: float


class Lead(NamedTuple):
    """The part with the largest share, the one with the second largest, and whether they are told apart.

    apart: whether the largest exceeds every other one, by an interval of the difference and one of the ratio.
    """

    first: Part
    second: Part
    apart: bool


class _Problem(NamedTuple):
    """One problem by parts: the projected means of cells, and what luck adds to their squares."""

    means: dict[Part, Array]
    added: dict[Part, float]
    luck: float
    n: int


def parts_of(factors: Sequence[str]) -> list[Part]:
    """Return the parts that factors make: none, alone, two together, three together, ..."""
    return [part for size in range(len(factors) + 1) for part in combinations(factors, size)]


def variance_shares(
    tables: Sequence[Array], factors: Sequence[str], level: float = LEVEL, *, of_data: bool = True
) -> tuple[list[Share], Lead | None]:
    """Return the shares of all parts, luck last, and who leads; nothing where nothing varies.

    tables: by problem the costs (seeds, levels of the first factor, of the second, ...), all finite, at least
    two seeds each. of_data: whether the problems' own levels can be compared, and count as a part.
    """
    problems = [_problem(table, factors) for table in tables]
    parts, values = _components(problems, factors, of_data)
    if not values.sum() > 0:
        return [], None
    shares, raw = _cut(values), _raw(values)
    squares = _squares(tables, problems, parts, factors)
    levels = dict(zip(factors, tables[0].shape[1:], strict=True))
    low = high = np.full(len(parts), math.nan)
    lead = None
    if all(one.n > 2 for one in problems):
        jackknife = _Jackknife(_left_out(tables, problems, factors, of_data), level)
        ends = np.stack([*jackknife.interval(raw, _same), *jackknife.interval(raw, _logit, _share)])
        low, high = np.clip(ends.min(axis=0), 0, 1), np.clip(ends.max(axis=0), 0, 1)
        lead = _lead(parts, raw, jackknife)
    rows = [
        Share(
            part,
            float(shares[i]),
            float(low[i]),
            float(high[i]),
            _freedom(part, levels, tables),
            squares[i],
        )
        for i, part in enumerate(parts)
    ]
    return rows, lead


def _left_out(
    tables: Sequence[Array], problems: Sequence[_Problem], factors: Sequence[str], of_data: bool
) -> list[Array]:
    """Return by problem the shares without each of its seeds, (seeds, parts)."""
    without = []
    for place, table in enumerate(tables):
        rows = []
        for seed in range(len(table)):
            fewer = _problem(np.delete(table, seed, axis=0), factors)
            changed = [*problems[:place], fewer, *problems[place + 1 :]]
            rows.append(_raw(_components(changed, factors, of_data)[1]))
        without.append(np.array(rows))
    return without


class _Jackknife:
    """Standard errors of functions of the shares, by leaving out one seed at a time on each problem."""

    def __init__(self, without: Sequence[Array], level: float) -> None:
        from scipy import special

        self.without = without
        df = sum(len(rows) - 1 for rows in without)
        self.t = float(special.stdtrit(df, (1 + level) / 2))

    def margin(self, function: Callable[[Array], Array]) -> Array:
        """Return half the width of the interval of a function of the shares."""
        variance: Any = 0.0
        for rows in self.without:
            values = function(rows)
            gaps = values - values.mean(axis=0)
            variance = variance + (len(rows) - 1) / len(rows) * (gaps**2).sum(axis=0)
        margin: Array = self.t * np.sqrt(variance)
        return margin

    def interval(
        self, shares: Array, function: Callable[[Array], Array], back: Callable[[Array], Array] | None = None
    ) -> tuple[Array, Array]:
        """Return the ends of the intervals of shares, found on the scale of a function."""
        centre, margin = function(shares), self.margin(function)
        back = back or _same
        return back(centre - margin), back(centre + margin)


LEAST = 1e-3  # a share of which no logarithm is taken


def _same(shares: Array) -> Array:
    return shares


def _logit(shares: Array) -> Array:
    inside = np.clip(shares, LEAST, 1 - LEAST)
    odds: Array = np.log(inside / (1 - inside))
    return odds


def _share(odds: Array) -> Array:
    share: Array = 1 / (1 + np.exp(-odds))
    return np.where(share <= LEAST, 0.0, np.where(share >= 1 - LEAST, 1.0, share))


def _lead(parts: Sequence[Part], raw: Array, jackknife: _Jackknife) -> Lead:
    """Compare the largest share with each other one, by their difference and by their ratio."""
    order = [int(place) for place in np.argsort(-raw, kind="stable")]
    first = order[0]

    def above(i: int) -> bool:
        def difference(shares: Array) -> Array:
            gap: Array = shares[..., first] - shares[..., i]
            return gap

        def ratio(shares: Array) -> Array:
            logarithms = np.log(np.maximum(shares, LEAST))
            gap: Array = logarithms[..., first] - logarithms[..., i]
            return gap

        return all(bool(one(raw) > jackknife.margin(one)) for one in (difference, ratio))

    return Lead(parts[first], parts[order[1]], all(above(i) for i in order[1:]))


def _problem(table: Array, factors: Sequence[str]) -> _Problem:
    y = np.asarray(table, dtype=float)
    n, cells = len(y), math.prod(y.shape[1:])
    mean = y.mean(axis=0)
    deviations = y - mean
    means, added = {}, {}
    for part in parts_of(factors):
        means[part] = _projected(mean[None], factors, part)[0]
        own = np.broadcast_to(_projected(deviations, factors, part), y.shape)
        added[part] = float((own**2).sum()) / (n - 1) / n / cells
    return _Problem(means, added, float((deviations**2).sum()) / (n - 1) / cells, n)


def _projected(y: Array, factors: Sequence[str], part: Part) -> Array:
    """Return the part of y (blocks, levels, ...) that belongs to some factors together; axes kept."""
    result = y
    for axis, name in enumerate(factors, start=1):
        average = result.mean(axis=axis, keepdims=True)
        result = result - average if name in part else average
    return result


def _components(
    problems: Sequence[_Problem], factors: Sequence[str], of_data: bool
) -> tuple[list[Part], Array]:
    """Return the parts with their mean squares, less what luck adds; luck is the last."""
    several = len(problems) > 1
    parts: list[Part] = []
    values: list[float] = []
    for part in parts_of(factors):
        stacked = np.stack([one.means[part] for one in problems])
        added = sum(one.added[part] for one in problems) / len(problems)
        if part:
            parts.append(part)
            values.append(float((stacked.mean(axis=0) ** 2).mean()) - added / len(problems))
        if several and (part or of_data):
            parts.append((DATA, *part))
            changes = stacked - stacked.mean(axis=0)
            values.append(float((changes**2).mean()) - added * (1 - 1 / len(problems)))
    parts.append((LUCK,))
    values.append(float(np.mean([one.luck for one in problems])))
    order = sorted(range(len(parts)), key=lambda i: (parts[i] == (LUCK,), len(parts[i]), i))
    return [parts[i] for i in order], np.array([values[i] for i in order])


def _raw(values: Array) -> Array:
    total = values.sum()
    return values / total if total > 0 else np.zeros_like(values)


def _cut(values: Array) -> Array:
    return _raw(np.maximum(values, 0.0))


def _freedom(part: Part, levels: dict[str, int], tables: Sequence[Array]) -> int:
    """Return a part's degrees of freedom, those of luck as all that seeds add."""
    if part == (LUCK,):
        return sum(len(table) - 1 for table in tables) * math.prod(levels.values())
    return math.prod(len(tables) - 1 if name == DATA else levels[name] - 1 for name in part)


def _squares(
    tables: Sequence[Array], problems: Sequence[_Problem], parts: Sequence[Part], factors: Sequence[str]
) -> list[float]:
    """Return the classic sums of squares, where all problems have as many seeds."""
    if len({one.n for one in problems}) > 1:
        return [math.nan] * len(parts)
    n, cells = problems[0].n, math.prod(tables[0].shape[1:])
    squares = []
    for part in parts:
        if part == (LUCK,):
            squares.append(sum(one.luck * (one.n - 1) * cells for one in problems))
            continue
        stacked = np.stack([one.means[tuple(name for name in part if name != DATA)] for one in problems])
        mean = stacked.mean(axis=0)
        own = stacked - mean if part[0] == DATA else np.broadcast_to(mean, stacked.shape)
        squares.append(float((own**2).mean()) * n * cells * len(problems))
    return squares
