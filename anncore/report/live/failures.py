"""Errors of a run, equal ones together."""

from __future__ import annotations

from typing import Any

from anncore.contract.trial import PlannedRow
from anncore.report.live.arms import Arms
from anncore.report.printable import printable, printable_lines

MOST = 40  # different errors that are shown
EXAMPLES = 3  # trials that are named of each

Place = tuple[str, str, str, str, int]  # phase, problem, arm, configuration, seed


class Failures:
    """Trials that did not end well, by status and the last line of what is known of them."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], dict[Place, str]] = {}
        self._group_of: dict[Place, tuple[str, str]] = {}

    def add(self, row: PlannedRow, status: str, text: str) -> None:
        """Take a trial in."""
        lines = text.strip().splitlines()
        group = (status, lines[-1] if lines else "")
        place = _place(row)
        self.remove(row)
        self._groups.setdefault(group, {})[place] = text
        self._group_of[place] = group

    def remove(self, row: PlannedRow) -> None:
        """Forget a trial, if it is one of them."""
        place = _place(row)
        group = self._group_of.pop(place, None)
        if group is not None:
            self._groups[group].pop(place)
            if not self._groups[group]:
                del self._groups[group]

    def shown(self, arms: Arms) -> dict[str, Any]:
        """Return the errors of most trials first, and how many more there are."""
        groups = sorted(self._groups.items(), key=lambda item: (item[0][0] == "diverged", -len(item[1])))
        shown = []
        for (status, line), places in groups[:MOST]:
            first = next(iter(places))
            shown.append(
                {
                    "status": status,
                    "line": printable(line)[:300],
                    "count": len(places),
                    "arms": sorted({arms.number(place[2]) for place in places}),
                    "examples": [
                        f"{printable(problem)[:80]}, {printable(config)[:80]}, seed {printable(seed)[:20]}"
                        for (_, problem, _, config, seed), _ in zip(places, range(EXAMPLES), strict=False)
                    ],
                    "text": printable_lines(places[first]),
                }
            )
        return {"groups": shown, "more": max(0, len(groups) - MOST)}


def _place(row: PlannedRow) -> Place:
    return (row.phase, row.problem, row.arm, row.config, row.seed)
