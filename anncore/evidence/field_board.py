"""The arms of a field by tiers: who beats whom over data sets, and in which order that puts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.evidence import stats
from anncore.evidence.measures import shared_rope
from anncore.evidence.study import Study, blocked_arms, by_data_set
from anncore.evidence.tiers import tiers_of
from anncore.evidence.verdicts import compare

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Board:
    """Arms by tier, and within a tier by mean rank.

    tier: from 1. beaten_by: by arm those that beat it. circles: arms that beat one another in turn and so
    share a tier. without: arms that have no tier, with the reason. diverged: how many of an arm's trials
    did. units: how many data sets; pairs: how many comparisons. reference: the arm that the others are
    compared with, where data sets are too few to compare all with all; None where all are. names: then what
    each tier is. needed: how many data sets the comparisons need; fewer tell nothing apart.
    """

    arms: tuple[str, ...]
    tier: Mapping[str, int]
    mean_rank: Mapping[str, float]
    beaten_by: Mapping[str, tuple[str, ...]]
    circles: tuple[tuple[str, ...], ...]
    without: Mapping[str, str]
    diverged: Mapping[str, int]
    metrics: tuple[str, ...]
    units: int
    pairs: int
    reference: str | None = None
    names: tuple[str, ...] = ()
    needed: int = 0

    @property
    def too_few(self) -> bool:
        """Whether no result on so few data sets could have told any two arms apart."""
        return self.pairs > 0 and self.units < self.needed


def board_of(study: Study, reference: str = "") -> Board:
    """Return the arms of a study by tier.

    reference: the arm that the others are compared with where no result could tell apart any two of all.
    Whether it is needed follows from the numbers of arms and data sets alone, not from scores.
    """
    costs, scale = by_data_set(study)
    without: dict[str, str] = {}
    for problem in study.problems:
        for arm, reason in blocked_arms(study, problem).items():
            without.setdefault(arm, f"{reason} on {problem}")
    placed = [arm for arm in study.arms if arm not in without]
    rope = shared_rope(list(study.measures.values()), scale)
    all_pairs = len(placed) * (len(placed) - 1) // 2
    control = reference if reference in placed and len(costs) < stats.pairs_needed(all_pairs) else None
    pairs = compare(costs[placed], unit=study.unit, scale=scale, rope=rope, control=control)
    mean_rank = dict(zip(placed, _mean_ranks(costs[placed]), strict=True))
    table = tiers_of(sorted(placed, key=lambda arm: (mean_rank[arm], arm)), pairs, {}, control)
    trials = study.trials
    diverged = trials[trials["status"] == "diverged"].groupby("label").size().to_dict()
    return Board(
        tuple(table.order),
        {arm: number for number, tier in enumerate(table.tiers, 1) for arm in tier},
        mean_rank,
        table.beaten_by,
        table.circles,
        without,
        {arm: int(diverged.get(arm, 0)) for arm in table.order},
        tuple(dict.fromkeys(measure.label for measure in study.measures.values())),
        len(costs),
        len(pairs),
        control,
        table.names,
        stats.pairs_needed(len(pairs)) if pairs else 0,
    )


def _mean_ranks(costs: pd.DataFrame) -> list[float]:
    rows: Any = [stats.ranks(row) for row in costs.to_numpy(float)]
    return [float(rank) for rank in np.mean(rows, axis=0)]
