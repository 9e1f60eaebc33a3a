"""Selector: best_mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Candidates, SelectionRule, hookimpl


@dataclass(frozen=True)
class BestMean(SelectionRule):
    """The best mean score over the tuning seeds, among the configurations that lost the fewest seeds.

    A seed that diverged or failed is worse than any score. Means that differ by numeric noise only (one part
    in a million) are equal; of these the first in the plan is taken.
    """

    name: ClassVar[str] = "best_mean"
    default: ClassVar[bool] = True

    def choose(self, candidates: Candidates) -> str:
        finished = {config: costs for config, costs in candidates.costs.items() if not np.isnan(costs).all()}
        lost = {config: int(np.isnan(costs).sum()) for config, costs in finished.items()}
        fewest = min(lost.values())
        means = {
            config: float(costs[~np.isnan(costs)].mean())
            for config, costs in finished.items()
            if lost[config] == fewest
        }
        return candidates.first_of_least(means)


@hookimpl
def annx_selectors() -> list[type[SelectionRule]]:
    return [BestMean]
