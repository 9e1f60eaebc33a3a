"""How boundaries between classes come about: what a network predicts over a plane, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore.contract.shown import Shown
from anncore.engine.decision_maps import DecisionMap

__all__ = ["BoundaryRow", "boundary_rows"]


@dataclass(frozen=True, repr=False)
class BoundaryRow(Shown):
    """One arm on one data set: the maps of one seed by step, and when the boundary of each seed settled.

    settled: by seed, the first step from which on at most `tolerance` of the plane is in another class than
    at the end.
    """

    tolerance: ClassVar[float] = 0.05

    problem: str
    arm: str
    seed: int
    moments: Mapping[int, DecisionMap]
    settled: Mapping[int, int]

    def _facts(self) -> dict[str, object]:
        return {"problem": self.problem, "arm": self.arm, "seed": self.seed, "settled": self.typical}

    @property
    def last(self) -> int:
        """The last step."""
        return list(self.moments)[-1]

    @property
    def typical(self) -> int:
        """The median over seeds of the step from which on little changes; the later of two."""
        return sorted(self.settled.values())[len(self.settled) // 2]

    def to_go(self, step: int) -> float:
        """Return the share of the plane that is in another class than at the end."""
        return _to_go(self.moments, step)


def boundary_rows(data: Any) -> list[BoundaryRow]:
    """Return, of a `FigureInput`, a row for every data set and arm whose trials kept maps along the way.

    Data sets come in the report's order, arms from the best down. All arms of a data set have the same seed:
    the one whose final scores lie nearest to each arm's median. Arms without a map of that seed are left out.
    """
    if not data.moments:
        return []
    ranked = [row["arm"] for row in data.report["leaderboard"]["overall"]]
    trials = data.trials[(data.trials["phase"] == "report") & data.trials["key"].isin(list(data.moments))]
    rows = []
    for problem in data.report["problems"]:
        mine = trials[trials["problem"] == problem].drop_duplicates(["label", "seed"])
        seed = _typical_seed(mine, data.report["measures"][problem]["column"])
        for arm in ranked:
            own = mine.loc[mine["label"] == arm, ["seed", "key", "steps_done"]]
            by_seed = {
                int(number): _all_moments(data, str(key), int(steps))
                for number, key, steps in own.itertuples(index=False)
            }
            if seed in by_seed:
                settled = {number: _settled(moments) for number, moments in by_seed.items()}
                rows.append(BoundaryRow(problem, arm, seed, by_seed[seed], settled))
    return rows


def _typical_seed(trials: Any, column: str) -> int:
    """Return the seed whose scores lie nearest to every arm's median, by rank; of equals the first.

    -1 where there is none.
    """
    if not len(trials) or column not in trials:
        return -1
    table = trials.pivot_table(index="seed", columns="label", values=column, sort=False)
    off = (table.rank() - (table.count() + 1) / 2).abs().sum(axis=1)
    lacking = table.isna().sum(axis=1)
    return min(map(int, table.index), key=lambda seed: (int(lacking[seed]), float(off[seed])), default=-1)


def _all_moments(data: Any, key: str, steps: int) -> dict[int, DecisionMap]:
    """Return a trial's maps by step, the last one included, as far as they lie on the last one's lattice."""
    moments = dict(data.moments[key])
    if key in data.maps:
        moments.setdefault(steps, data.maps[key])
    ordered = dict(sorted(moments.items()))
    last = list(ordered.values())[-1]
    return {step: one for step, one in ordered.items() if one.levels.shape == last.levels.shape}


def _to_go(moments: Mapping[int, DecisionMap], step: int) -> float:
    last = list(moments.values())[-1]
    return float((moments[step].predicted != last.predicted).mean())


def _settled(moments: Mapping[int, DecisionMap]) -> int:
    steps = list(moments)
    first = steps[-1]
    for step in reversed(steps):
        if _to_go(moments, step) > BoundaryRow.tolerance:
            break
        first = step
    return first
