"""What is compared: the labels of the arms, or of their configurations where nothing chose among these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anncore.contract.trial import PlannedRow

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Labels:
    """The labels under comparison.

    places: the problem, arm and configuration of every report trial, in plan order. several: the arms whose
    configurations are arms of their own.
    """

    places: tuple[tuple[str, str, str], ...]
    several: frozenset[str]

    @classmethod
    def of(cls, planned: Iterable[PlannedRow] | None, trials: pd.DataFrame, tuned: bool) -> Labels:
        """Return the labels of a plan, or, where it is not kept, of the trials that have run."""
        if planned is not None:
            rows = [(row.problem, row.arm, row.config) for row in planned if row.phase == "report"]
        else:
            ran = trials[trials["phase"] == "report"]
            rows = list(zip(ran["problem"], ran["arm"], ran["config"], strict=True))
        places = tuple(dict.fromkeys(rows))
        counts = Counter((problem, arm) for problem, arm, _ in places)
        several = () if tuned else (arm for (_, arm), count in counts.items() if count > 1)
        return cls(places, frozenset(several))

    def label(self, arm: str, config: str) -> str:
        """Return the arm, or "arm (lr 0.1)" where its configurations are compared."""
        return f"{arm} ({config})" if arm in self.several and config else arm

    def in_order(self, arms: Sequence[str]) -> tuple[str, ...]:
        """Return the labels in the order of their arms; an arm without report trials is its own label."""
        by_arm: dict[str, dict[str, None]] = {}
        for _, arm, config in self.places:
            by_arm.setdefault(arm, {})[self.label(arm, config)] = None
        return tuple(dict.fromkeys(label for arm in arms for label in by_arm.get(arm, [arm])))

    def pairs(self) -> set[tuple[str, str]]:
        """Return the problem and label of every report trial."""
        return {(problem, self.label(arm, config)) for problem, arm, config in self.places}
