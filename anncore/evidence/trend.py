"""Whether scores rise or fall along an ordered factor: Page's test, borne out by a fitted line.

Page's L is the sum over levels of their place times their sum of ranks within blocks, and large where ranks
rise with the place. It is taken both ways, so the p-value is doubled. A trend is claimed where the line that
is fitted to the levels' places in every block has a slope that agrees: over seeds by its mean, over data sets
by the signed ranks, as two arms are compared. The p-value is the larger one of both.

Page, "Ordered Hypotheses for Multiple Treatments: A Significance Test for Linear Ranks", JASA 58, 1963.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.factors import Factor
from anncore.evidence.mean_difference import mean_difference, mean_p


class Trend(NamedTuple):
    """The trend of costs along a factor's levels, on average or where another factor is at `within`.

    gain with low and high: by how much the last level is better than the first one, by the fitted line, on
    the scale of costs. p: after Holm; verdict: "falls" where the cost does, "rises", "undecided" or
    "too_few".
    """

    factor: str
    within: str
    first: str
    last: str
    n: int
    gain: float
    low: float
    high: float
    statistic: float
    p: float
    verdict: str = "undecided"

    def adjusted(self, p: float, least: int) -> Trend:
        """Return the trend with its adjusted p-value and its verdict; least: the fewest blocks for one."""
        if self.n < least:
            return self._replace(p=p, verdict="too_few")
        way = "falls" if self.gain > 0 else "rises"
        return self._replace(p=p, verdict=way if p <= stats.ALPHA else "undecided")


def trend(costs: Array, factor: Factor, within: str, *, by_mean: bool) -> Trend:
    """Test costs (blocks, levels in order) for a trend; by_mean: by the mean slope, else by signed ranks."""
    n, levels = costs.shape
    places = np.arange(levels) - (levels - 1) / 2
    gains = -(costs @ places) * (levels - 1) / float(places @ places)
    gains = np.where(np.abs(gains) <= 1e-12 * float(np.abs(costs).max(initial=0.0)), 0.0, gains)
    estimate = mean_difference(gains) if by_mean else stats.pseudomedian(gains)
    statistic, p = page(costs)
    p = max(p, mean_p(gains) if by_mean else stats.wilcoxon(gains)) if estimate.value else 1.0
    # Ranks that fall where the line rises are no trend.
    middle = n * levels * (levels + 1) ** 2 / 4
    p = p if (statistic - middle) * estimate.value <= 0 else 1.0
    return Trend(factor.name, within, factor.levels[0], factor.levels[-1], n, *estimate[:3], statistic, p)


def page(costs: Array) -> tuple[float, float]:
    """Return Page's L for costs (blocks, levels), which rises with them, and its two-sided p-value."""
    from scipy.stats import page_trend_test

    if len(costs) < 2:
        return float("nan"), 1.0
    ranks = np.stack([stats.ranks(block) for block in costs])
    rising = page_trend_test(ranks, ranked=True)
    falling = page_trend_test(ranks[:, ::-1], ranked=True)
    return float(rising.statistic), min(1.0, 2 * float(min(rising.pvalue, falling.pvalue)))
