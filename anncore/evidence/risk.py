"""How surely: the score that nine of ten runs of an arm reach, and where it orders arms unlike the mean does.

The worst decile is the 90 % quantile of the costs over seeds: one run in ten ends worse. It is an order
statistic of the scores at hand, so a diverged run counts as the worst whatever its size; of fewer than ten
runs there is none. Its interval is the distribution-free one:

    [x_(l), x_(u)],   P(B < l) ≤ (1 - level)/2,   P(B ≥ u) ≤ (1 - level)/2,   B binomial (n, 0.9)

Below 36 runs no sample says how bad the worst tenth can be: the upper end does not exist at 95 %. Conover,
"Practical Nonparametric Statistics", 3rd ed., section 3.2.

Two arms are told apart where their intervals do not meet, at a level that makes all intervals of a report
hold together: 1 - 0.05 over the number of arms and problems. So a false order stands in 5 % of reports at
most, whatever the scores are and however the arms' seeds are paired. It takes many seeds: 42 for two arms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.levels import score_of
from anncore.evidence.sources import remembered
from anncore.evidence.stats import Estimate
from anncore.evidence.study import Study, blocked_arms

SHARE = 0.9  # of the runs end at the worst decile or better
FEWEST = 10  # runs of which one is a tenth


class Risk(NamedTuple):
    """The score that nine of ten of an arm's `n` runs on a problem reach, with its interval.

    value, low and high are scores, low the better end. value is infinite where a tenth of the runs diverged,
    NaN below ten runs. low and high are NaN where the runs do not tell; diverged: whether value is.
    """

    problem: str
    arm: str
    n: int
    value: float
    low: float
    high: float
    diverged: bool


class Reversal(NamedTuple):
    """An arm that has the better mean on a problem and, told apart, the worse worst decile than another."""

    problem: str
    better_mean: str
    better_decile: str
    beats: float  # the decile of `better_decile`
    loses: float  # that of `better_mean`


def worst_decile(costs: Array | Sequence[float], level: float = stats.LEVEL) -> Estimate:
    """Return the cost that nine of ten runs do not exceed, with its interval; see the module.

    costs: without NaN; +inf for a diverged run. The value is the ⌈0.9 n⌉-th smallest; NaN below ten costs. An
    end that the sample does not give is NaN.
    """
    from scipy import special

    x = np.sort(np.asarray(costs, dtype=float))
    n = len(x)
    if n < FEWEST:
        return Estimate(math.nan, math.nan, math.nan, n)
    tail = (1 - level) / 2 * (1 + 1e-12)
    up_to = special.bdtr(np.arange(n + 1), n, SHARE)  # P(B ≤ j)
    lower = int(np.searchsorted(up_to, tail, side="right"))  # the largest l with P(B ≤ l - 1) ≤ tail
    beyond = np.flatnonzero(1 - up_to[:-1] <= tail)  # P(B ≥ u) is 1 - P(B ≤ u - 1)
    low = float(x[lower - 1]) if lower else math.nan
    high = float(x[beyond[0]]) if len(beyond) else math.nan
    return Estimate(float(x[math.ceil(SHARE * n - 1e-9) - 1]), low, high, n)


def risks(study: Study) -> list[Risk]:
    """Return every arm's worst decile, by problem and arm in the experiment's order."""
    rows = []
    for problem in study.problems:
        measure = study.measures[problem]
        for arm in study.arms:
            estimate = worst_decile(_known(study, problem, arm), study.level)
            value, low, high = (score_of(cost, measure) for cost in estimate[:3])
            rows.append(Risk(problem, arm, estimate.n, value, low, high, math.isinf(estimate.value)))
    return rows


def _known(study: Study, problem: str, arm: str) -> Array:
    costs = study.costs(problem)[arm].to_numpy(float)
    return costs[~np.isnan(costs)]


def reversals(study: Study) -> list[Reversal]:
    """Return the pairs of arms that mean and worst decile order differently, where the decile is told apart.

    Arms of which trials failed or have not run take no part; nor do sweeps in rounds, whose number of seeds
    depends on the scores.
    """
    known: list[Reversal] = remembered(study.memory, reversals, lambda: _reversals(study))
    return known


def _reversals(study: Study) -> list[Reversal]:
    if study.sequential:
        return []
    level = 1 - stats.ALPHA / max(1, len(study.arms) * len(study.problems))
    result = []
    for problem in study.problems:
        measure, blocked = study.measures[problem], blocked_arms(study, problem)
        costs = {arm: _known(study, problem, arm) for arm in study.arms if arm not in blocked}
        deciles = {arm: worst_decile(own, level) for arm, own in costs.items()}
        for first, mean in ((arm, float(own.mean())) for arm, own in costs.items() if len(own)):
            for other, own in costs.items():
                if len(own) and mean < own.mean() and deciles[first].low > deciles[other].high:
                    ends = (score_of(deciles[arm].value, measure) for arm in (other, first))
                    result.append(Reversal(problem, first, other, *ends))
    return result
