"""Selection rules: which of the configurations that were tried is an arm's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from anncore.contract.kinds.base import Array, Component
from anncore.contract.numeric_noise import ABSOLUTE_NOISE, RELATIVE_NOISE
from anncore.contract.shown import Shown, listed


@dataclass(frozen=True, repr=False)
class Candidates(Shown):
    """The configurations of one arm on one problem, with their scores on the tuning seeds.

    metric: the validation score, "valid_loss" or "valid_<metric>". goal: whether the lowest ("min") or the
    highest ("max") score is best. scores: by configuration, in the order of the plan, an array with a score
    for each tuning seed, NaN where the trial diverged or failed; at least one configuration has a finite
    score. values: by configuration its hyperparameters, as {"optimizer.lr": 0.1}.
    """

    problem: str
    arm: str
    metric: str
    goal: Literal["min", "max"]
    scores: Mapping[str, Array]
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def costs(self) -> dict[str, Array]:
        """The scores with the sign that makes lower better."""
        sign = -1.0 if self.goal == "max" else 1.0
        return {config: sign * scores for config, scores in self.scores.items()}

    def first_of_least(self, costs: Mapping[str, float]) -> str:
        """Return the first configuration whose cost is the least; numeric noise makes no difference.

        The first in the order of the plan. Costs are equal within one part in a million. Raises ValueError
        where there are none.
        """
        least = min(costs.values())

        def noise(cost: float) -> float:
            return max(ABSOLUTE_NOISE, RELATIVE_NOISE * max(abs(cost), abs(least)))

        return next(
            config
            for config in self.scores
            if config in costs and costs[config] - least <= noise(costs[config])
        )

    def _facts(self) -> dict[str, object]:
        return {"arm": self.arm, "on": self.problem, "by": self.metric, "configurations": listed(self.scores)}


class SelectionRule(Component):
    """How each arm's configuration is chosen on each problem, by validation scores on the tuning seeds.

    The chosen configuration runs again on fresh seeds, and every claim rests on those.
    """

    @abstractmethod
    def choose(self, candidates: Candidates) -> str:
        """Return the name of one configuration that has a finite score, a key of `candidates.scores`.

        The choice depends on scores and hyperparameters alone, never on the names of configurations or arms.
        """
