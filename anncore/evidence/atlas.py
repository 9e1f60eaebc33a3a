"""The failure atlas: which pathologies an optimizer stands, counted over starts.

A trial succeeds where its value after the last step is at most the limit that the protocol states; one that
diverged has not. An arm passes a problem where at least nine tenths of its starts succeed, and fails it
where at most one tenth does; between these it passes sometimes. Each share has the exact interval of Clopper
and Pearson.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from anncore.evidence import stats

if TYPE_CHECKING:
    import pandas as pd

TENTHS = 9  # of the starts, from which on an arm passes

Outcome = Literal["passes", "sometimes", "fails", "none"]


class Cell(NamedTuple):
    """An arm on a pathology: of `n` starts so many succeed, with the exact interval of the share.

    config: what was chosen for it. diverged: whether it diverged at every rate as it was tuned, so that no
    start was tried; then it fails. outcome: "none" where the arm cannot be trained there.
    """

    arm: str
    problem: str
    n: int
    successes: int
    low: float
    high: float
    config: str
    diverged: bool = False

    @property
    def outcome(self) -> Outcome:
        """Whether the arm passes."""
        if not self.n:
            return "fails" if self.diverged else "none"
        if 10 * self.successes >= TENTHS * self.n:
            return "passes"
        return "fails" if 10 * self.successes <= (10 - TENTHS) * self.n else "sometimes"


class Atlas(NamedTuple):
    """All cells by arm and problem; arms are ordered by how many pathologies they pass, best first."""

    arms: tuple[str, ...]
    problems: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    def number(self, arm: str, outcome: Outcome) -> int:
        """Return on how many pathologies an arm has an outcome."""
        return sum(self.cells[arm, problem].outcome == outcome for problem in self.problems)

    @property
    def leaders(self) -> tuple[str, ...]:
        """The arms that pass the most pathologies; none where no arm passes any."""
        most = max((self.number(arm, "passes") for arm in self.arms), default=0)
        return tuple(arm for arm in self.arms if most and self.number(arm, "passes") == most)

    def passed_by(self, problem: str) -> int:
        """Return how many arms pass a pathology."""
        return sum(self.cells[arm, problem].outcome == "passes" for arm in self.arms)


def atlas(
    trials: pd.DataFrame,
    limits: Mapping[str, float],
    problems: Sequence[str],
    skipped: Mapping[str, Collection[str]] | None = None,
) -> Atlas:
    """Count successes.

    trials: a row per trial with arm, problem, config, status and test_loss, the value. limits: by problem.
    skipped: by arm the problems on which it cannot be trained; on others without a row it diverged.
    """
    cells = {}
    arms = list(dict.fromkeys(trials["arm"]))
    grouped = dict(tuple(trials.groupby(["arm", "problem"], sort=False)))
    for arm in arms:
        for problem in problems:
            rows = grouped.get((arm, problem))
            n = 0 if rows is None else len(rows)
            if rows is None:
                lost = problem not in (skipped or {}).get(arm, ())
                cells[arm, problem] = Cell(arm, problem, 0, 0, math.nan, math.nan, "", lost)
                continue
            reached = (rows["status"] == "ok") & (rows["test_loss"] <= limits[problem])
            successes = int(reached.sum())
            _, low, high, _ = stats.clopper_pearson(successes, n)
            cells[arm, problem] = Cell(arm, problem, n, successes, low, high, rows["config"].iloc[0])
    whole = Atlas(tuple(arms), tuple(problems), cells)
    order = sorted(arms, key=lambda arm: (-whole.number(arm, "passes"), -whole.number(arm, "sometimes"), arm))
    return whole._replace(arms=tuple(order))
