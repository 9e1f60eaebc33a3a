"""What a tuning budget buys: the best of k configurations, from N that were tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anncore.contract.kinds import Array
from anncore.evidence import stats
from anncore.evidence.frame import GOALS, refuse_other_frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BudgetCurve", "best_of_k", "budget_curve"]


class BudgetCurve(NamedTuple):
    """Arrays over k, by default 1..N: the best of k's expectation and median, each with its band's ends."""

    expected: Array
    expected_low: Array
    expected_high: Array
    median: Array
    median_low: Array
    median_high: Array


def best_of_k(
    costs: Array | Sequence[float],
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    level: float = stats.LEVEL,
    sizes: Sequence[int] | None = None,
) -> BudgetCurve:
    """Return the cost of the best of k configurations drawn from where these N came from, k = 1..N.

    sizes: these k alone; of thousands of configurations each k takes a pass over all of them.

        E(k) = Σ_i C(i-1, k-1) / C(N, k) v_(i)        v_(1) ≥ ... ≥ v_(N), worst to best

    the mean over all subsets of k: unbiased (Tang et al., "Showing Your Work Doesn't Always Work", ACL
    2020, arXiv:2004.13705). The median is that of the same subsets. An infinite cost counts: E
    is infinite until every subset holds a finite one.

    Bands hold for all k at once with probability `level`, whatever the distribution. They carry the
    Dvoretzky-Kiefer-Wolfowitz band of the distribution function, F ± √(log(2 / (1 - level)) / 2N) (Massart,
    Annals of Probability 18(3), 1990), through 1 - (1 - F)^k, as Lourie, Cho & He do ("Show Your Work with
    Confidence", NAACL 2024, arXiv:2311.09480). Beyond the data the band knows nothing but `bounds`, the
    least and the greatest cost there can be: an end that rests on them equals them, or is infinite.
    """
    v = np.sort(np.asarray(costs, dtype=float))[::-1]
    n = len(v)
    k = tuple(range(1, n + 1) if sizes is None else sizes)
    if not k or np.isnan(v).any():
        empty = np.full(len(k), math.nan)
        return BudgetCurve(*[empty] * 6)
    weights = _weights(n, k)
    with np.errstate(invalid="ignore"):
        expected = np.where(weights > 0, weights * v, 0.0).sum(axis=1)
    # The smallest value that at least half of the subsets' best ones do not exceed.
    from_best = np.cumsum(weights[:, ::-1], axis=1)
    middle = v[::-1][np.argmax(from_best >= 0.5 - 1e-12, axis=1)]

    ordered, share = v[::-1], np.arange(1, n + 1) / n
    reach = math.sqrt(math.log(2 / (1 - level)) / (2 * n))
    least, most = bounds
    optimistic = np.concatenate([[min(1.0, reach)], np.minimum(1.0, share + reach)])
    pessimistic = np.concatenate([np.maximum(0.0, share - reach), [1.0]])
    lower = (np.concatenate([[least], ordered]), optimistic)
    upper = (np.concatenate([ordered, [most]]), pessimistic)
    return BudgetCurve(
        expected,
        np.array([_mean_of_best(*lower, size) for size in k]),
        np.array([_mean_of_best(*upper, size) for size in k]),
        middle,
        np.array([_median_of_best(*lower, size) for size in k]),
        np.array([_median_of_best(*upper, size) for size in k]),
    )


@lru_cache(maxsize=4)
def _weights(n: int, sizes: tuple[int, ...]) -> Array:
    """Return P(the best of a subset of k is v_(i)), (k, i); nearly every arm tries as many configurations."""
    weights = np.array([_subset_shares(n, k) for k in sizes])
    weights.flags.writeable = False
    return weights


def _subset_shares(n: int, k: int) -> Array:
    """Return C(i-1, k-1) / C(n, k) for i = 1..n, without the factorials of large numbers."""
    shares = np.zeros(n)
    shares[n - 1] = k / n
    for i in range(n - 1, k - 1, -1):  # C(i-1, k-1) = C(i, k-1) (i - k + 1) / i
        shares[i - 1] = shares[i] * (i - k + 1) / i
    return shares


def _mean_of_best(values: Array, share: Array, k: int) -> float:
    """Return the mean of the least of k draws from the distribution that reaches `share` at each value."""
    mass = np.diff(1 - (1 - share) ** k, prepend=0.0)
    there = mass > 0
    if np.isneginf(values[there]).any():  # also where some are +inf: nothing can be said from below
        return -math.inf
    return float(np.sum(values[there] * mass[there]))


def _median_of_best(values: Array, share: Array, k: int) -> float:
    return float(values[np.argmax(1 - (1 - share) ** k >= 0.5 - 1e-12)])


def budget_curve(
    frame: pd.DataFrame,
    *,
    goal: str | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    level: float = stats.LEVEL,
    sizes: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return, per problem and arm, what the best of k configurations scores: a row for each k = 1..N.

    sizes: rows for N and those of these k that are below it, in order.

    frame: a row per trial with problem, arm, score, and config where several seeds share a configuration,
    such as `tuning_scores` gives; a configuration's score is its mean over seeds, the worst there is where
    a seed has none. Columns problem, arm, k, n, and those of `BudgetCurve`, which are on the score's own
    scale with low ≤ high; see `best_of_k` for what they mean. bounds: the least and greatest score there
    can be, such as (0, 1) for an accuracy. Configurations must have been drawn at random, or at least in no
    order of merit: the curve of a grid describes drawing from that grid.
    """
    import pandas as pd

    refuse_other_frames(frame, ("problem", "arm", "score"), "tuning_scores")
    goal = goal or (frame["goal"].iloc[0] if "goal" in frame and len(frame) else "min")
    if goal not in GOALS:
        raise ValueError(f"goal must be one of {', '.join(GOALS)}, got {goal!r}")
    sign = -1.0 if goal == "max" else 1.0
    limits = bounds if goal == "min" else (-bounds[1], -bounds[0])
    score = frame["score"].astype(float)
    costed = frame.assign(cost=(sign * score).where(np.isfinite(score), math.inf))
    if "config" not in costed:
        costed["config"] = np.arange(len(costed))
    costs = costed.groupby(["problem", "arm", "config"], sort=False)["cost"].mean()
    pairs, curves = [], []
    for (problem, arm), values in costs.groupby(["problem", "arm"], sort=False):
        n = len(values)
        some = range(1, n + 1) if sizes is None else sorted({n, *(k for k in sizes if 1 <= k < n)})
        curve = best_of_k(values.to_numpy(float), bounds=limits, level=level, sizes=some)
        if goal == "max":
            e, e_low, e_high, m, m_low, m_high = (-column for column in curve)
            curve = BudgetCurve(e, e_high, e_low, m, m_high, m_low)
        pairs += [(problem, arm, k, n) for k in some]
        curves.append(curve)
    if not curves:
        return pd.DataFrame(columns=["problem", "arm", "k", "n", *BudgetCurve._fields])
    same = pd.DataFrame(pairs, columns=["problem", "arm", "k", "n"])
    return same.assign(
        **dict(zip(BudgetCurve._fields, map(np.concatenate, zip(*curves, strict=True)), strict=True))
    )
