"""What the analysis of a factorial is made of; `anncore.evidence.factorial` makes it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from anncore.evidence.factors import Factor, Grid
from anncore.evidence.interaction import Interaction
from anncore.evidence.pair_tests import FEWEST_DATA_SETS
from anncore.evidence.trend import Trend
from anncore.evidence.variance_shares import Lead, Share
from anncore.evidence.verdicts import Comparison

Depends = Literal["depends", "undecided", "additive", "none", "too_few", "rounds"]


class Marginal(NamedTuple):
    """A level of a factor: its cost on average over all other factors, less than that of the average level.

    effect with low and high is on the scale of the metric, positive where the level is better than average.
    It is the mean over the blocks, with `mean_difference`'s interval, over data sets too: what is compared
    with an average is an average. The typical distance of a skewed cost from the average of several is not 0
    even where all levels are alike, so that the interval of it would find differences that are none.
    """

    factor: str
    level: str
    effect: float
    low: float
    high: float


class Row(NamedTuple):
    """The levels of one factor where another is at `level`: the best so far, and who is not beaten.

    best: of those that are not beaten the one with the lowest mean cost. unbeaten: the levels that no other
    one beats there, best first; beaten: all others. tested: whether any of them could be told apart.
    """

    level: str
    best: str
    unbeaten: tuple[str, ...]
    beaten: tuple[str, ...]
    tested: bool


class Cell(NamedTuple):
    """A combination of levels with its mean cost, and how much better than the average one it is.

    arm: "" where it is an average over the levels of other factors. gain with low and high as the effect of a
    `Marginal`.
    """

    levels: tuple[str, ...]
    arm: str
    cost: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Together:
    """Two factors together: does the effect of `second` depend on `first`?

    verdict: "depends" (the interaction shows), "additive" (every difference of differences is smaller than
    what is worth having), "none" (nothing but rounding), "undecided", "too_few" blocks, or "rounds", where no
    test is valid. p: of `interaction`, after Holm. rows: by level of `first`. common: the levels of `second`
    that no other one beats at any level of `first`; where the verdict is "depends" and there is none, the
    best level of `second` depends on `first`. comparisons: those inside of the rows, by level of `first`.
    cells: the table of both, averaged over all other factors, row by row.
    """

    first: str
    second: str
    verdict: Depends
    test: Interaction
    p: float | None
    needed: int | None
    rows: tuple[Row, ...]
    common: tuple[str, ...]
    comparisons: Mapping[str, Sequence[Comparison]]
    cells: tuple[Cell, ...]

    @property
    def best_changes(self) -> bool:
        """Whether no level of the second factor can be the best at every level of the first."""
        return self.verdict == "depends" and not self.common


class Best(NamedTuple):
    """The combination with the lowest mean cost, which others it beats, and which it does not.

    Of all arms, those included whose levels are left out of the rest. lost: the arms without a mean cost, as
    trials failed.
    """

    arm: str
    beaten: tuple[str, ...]
    alike: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Analysis:
    """The factorial on one problem, where the unit is the seed, or over all, where it is the data set.

    note: why there is no analysis; then all else is empty. scale: of costs. rope: the smallest difference
    worth having, on the scale; NaN where none is stated.
    """

    where: str
    unit: str
    n: int
    scale: str
    grid: Grid
    rope: float = math.nan
    note: str = ""
    best: Best | None = None
    cells: tuple[Cell, ...] = ()
    marginals: tuple[Marginal, ...] = ()
    comparisons: Mapping[str, Sequence[Comparison]] = field(default_factory=dict)
    together: tuple[Together, ...] = ()
    trends: tuple[Trend, ...] = ()


@dataclass(frozen=True)
class Factorial:
    """All that is known of factors varied together.

    over_all: None where there is one data set only. shares: of variance, over the levels that are complete on
    all problems, with who leads. of_data: whether the data's own level counts among the shares.
    """

    factors: tuple[Factor, ...]
    over_all: Analysis | None
    problems: Mapping[str, Analysis]
    shares: tuple[Share, ...]
    lead: Lead | None
    of_data: bool
    grid: Grid
    note: str = ""

    @property
    def deciding(self) -> Analysis | None:
        """The analysis that answers: over all data sets where they are enough, else of the only problem."""
        if self.over_all is not None and self.over_all.n >= FEWEST_DATA_SETS and not self.over_all.note:
            return self.over_all
        return next(iter(self.problems.values())) if len(self.problems) == 1 else None
