"""Over data sets: ranks, Friedman's test, normalised scores. The data set is the unit, never the seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anncore.evidence import stats
from anncore.evidence.frame import Words, prepared, unit_costs_of
from anncore.evidence.verdicts import FEWEST_DATA_SETS

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Friedman",
    "aggregate_scores",
    "average_ranks",
    "data_set_costs",
    "friedman_test",
    "normalized_scores",
]


class Friedman(NamedTuple):
    """Friedman's test in Iman and Davenport's form: F with its degrees of freedom and p-value."""

    f: float
    df1: int
    df2: int
    p: float
    data_sets: int
    arms: int


def data_set_costs(frame: pd.DataFrame, *, goal: Words = None, scale: Words = None) -> pd.DataFrame:
    """Return mean costs by data set (rows) and arm (columns): seeds averaged first, then variants.

    Lower is better. Costs are on the problems' common scale; where that is none, on "range": 0 the best
    arm's mean and 1 the worst's. One diverged seed makes a cost infinite, a missing one makes it NaN.
    """
    return unit_costs_of(prepared(frame, goal, scale))[0]


def average_ranks(frame: pd.DataFrame, *, goal: Words = None, scale: Words = None) -> pd.DataFrame:
    """Return one row per arm, best first: arm, mean_rank, wins (ties for the first rank count), data_sets.

    Ranks are from 1 (best) within each data set, ties shared. A data set on which an arm failed or has not
    run is left out for all; `data_sets` says how many are left.
    """
    import pandas as pd

    costs = data_set_costs(frame, goal=goal, scale=scale)
    arms = [str(arm) for arm in costs.columns]
    whole = costs.to_numpy(float)
    whole = whole[~np.isnan(whole).any(axis=1)]
    ranks = np.array([stats.ranks(row) for row in whole]).reshape(-1, len(arms))
    best = ranks == ranks.min(axis=1, keepdims=True) if len(ranks) else ranks
    mean = ranks.mean(axis=0) if len(ranks) else np.full(len(arms), math.nan)
    table = pd.DataFrame(
        {"arm": arms, "mean_rank": mean, "wins": best.sum(axis=0).astype(int), "data_sets": len(ranks)}
    )
    return table.sort_values("mean_rank", kind="stable", ignore_index=True)


def friedman_test(frame: pd.DataFrame, *, goal: Words = None, scale: Words = None) -> Friedman:
    """Return `stats.friedman` over the data sets on which every arm has a cost; p is NaN below two of them.

    A small p says that some arms differ; `compare_arms(frame, over="data sets")` says which. With fewer
    than six data sets it should not be read as a test at all, and with fewer than ten it has little power.
    """
    costs = data_set_costs(frame, goal=goal, scale=scale).to_numpy(float)
    whole = costs[~np.isnan(costs).any(axis=1)]
    return Friedman(*stats.friedman(whole), *whole.shape)


def normalized_scores(frame: pd.DataFrame, *, goal: Words = None, scale: Words = None) -> pd.DataFrame:
    """Return the long frame with `normalized`: on each problem 1 is the best arm's mean, 0 the worst one's.

        (worst mean - cost) / (worst mean - best mean)

    Means are over the seeds that finished; a single seed may lie outside of [0, 1]. A diverged trial is
    -inf, one that is lost NaN; where all arms are equal, every finished trial is 1. The numbers depend on
    who takes part: an arm that is far worse than the rest squeezes them together.
    """
    long = prepared(frame, goal, scale)
    cost = long["cost"].where(np.isfinite(long["cost"]))
    means = cost.groupby([long["problem"], long["arm"]]).transform("mean")
    worst = means.groupby(long["problem"]).transform("max")
    best = means.groupby(long["problem"]).transform("min")
    width = (worst - best).to_numpy(float)
    level = width <= stats.RELATIVE_NOISE * np.maximum(np.abs(worst), np.abs(best))
    share = (worst - long["cost"]).to_numpy(float) / np.where(level, 1.0, width)
    finite = np.isfinite(share)
    long["normalized"] = np.where(level & finite, 1.0, share)
    nobody = worst.isna() & np.isinf(long["cost"])  # every trial of the problem diverged
    long.loc[nobody, "normalized"] = -math.inf
    return long


def aggregate_scores(
    frame: pd.DataFrame, *, level: float = stats.LEVEL, goal: Words = None, scale: Words = None
) -> pd.DataFrame:
    """Return each arm's interquartile mean of `normalized_scores`: one row per arm, best first.

    iqm, low, high: of the data sets' means, with Tukey and McLaughlin's interval (`stats.iqm_interval`),
    which asks how another draw of data sets would have come out; NaN below six data sets. iqm_runs: of all
    trials pooled, as Agarwal et al. take it (NeurIPS 2021, section 4.3), which a few diverged trials do not
    drown; it has no interval here, since trials of one data set are not independent. NaN where failures
    reach into the middle half. data_sets: how many there are.
    """
    import pandas as pd

    normalized = normalized_scores(frame, goal=goal, scale=scale)
    rows = []
    for arm, mine in normalized.groupby("arm", sort=False):
        scores = mine["normalized"].to_numpy(float)
        with np.errstate(invalid="ignore"):
            by_problem = mine.groupby(["data_set", "problem"], sort=False)["normalized"].apply(
                lambda values: values.mean(skipna=False)
            )
        units = by_problem.groupby("data_set", sort=False).mean().to_numpy(float)
        got = stats.iqm_interval(-units, level)  # as costs: what diverged sorts last
        few = len(units) < FEWEST_DATA_SETS
        pooled = -stats.iqm(-scores)
        rows.append(
            {
                "arm": arm,
                "iqm": -got.value if math.isfinite(got.value) else math.nan,
                "low": math.nan if few else -got.high,
                "high": math.nan if few else -got.low,
                "iqm_runs": pooled if math.isfinite(pooled) else math.nan,
                "data_sets": len(units),
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values("iqm", ascending=False, kind="stable", ignore_index=True) if rows else table
