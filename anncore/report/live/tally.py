"""What is known of a run's trials: counts by phase, problem and arm, learning curves, errors."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from anncore.contract.trial import STATUSES, Phase, PlannedRow, TrialResult
from anncore.report.live.arms import MOST, Arms
from anncore.report.live.curves import Configuration, Curve, best_of, curve_of, metric_of, rounded
from anncore.report.live.failures import Failures
from anncore.report.printable import printable
from anncore.running.following import PHASES, Slice

LONGEST_ERROR = 4000  # characters of an error that are kept
LONGEST_NAME = 200  # characters of a name that are shown
Pair = tuple[Phase, str, str]
"""Phase, problem and arm."""


class Kept(NamedTuple):
    """What is kept of a result: score is the last value of its curve."""

    status: str
    error: str
    steps: int
    seconds: float
    score: float | None


class Tally:
    """The trials of one run. `rows` and `results` are for reading."""

    def __init__(self, arms: Arms) -> None:
        self._arms = arms
        self.rows: dict[Phase, list[PlannedRow]] = {phase: [] for phase in PHASES}
        self.results: dict[str, Kept] = {}
        self.problems: dict[str, int] = {}
        self.changed: set[str] = set()
        """Problems of which something new is known."""
        self.failures = Failures()
        self._places: dict[str, list[PlannedRow]] = {}  # by key
        self._curves: dict[str, tuple[str, Curve]] = {}  # by key, with the metric
        self._counts: dict[Pair, Counter[str]] = {}
        self._totals: Counter[Pair] = Counter()
        self._configurations: dict[Pair, dict[str, Configuration]] = {}
        self._metrics: dict[str, str] = {}  # by problem

    def number(self, problem: str) -> int:
        """Return the number of a problem, in the order in which they come."""
        return self.problems.setdefault(problem, len(self.problems))

    def take(self, brought: Slice, metric: str) -> None:
        """Take in what a look at the store brings. metric: the curve to keep, where a result has it."""
        for phase in brought.replaced:
            self._void(phase)
        for row in brought.rows:
            self._take_row(row)
        for result in brought.results:
            self._take_result(result, metric)

    def _void(self, phase: Phase) -> None:
        """Forget the plan of a phase."""
        for row in self.rows[phase]:
            self._places[row.key] = [place for place in self._places[row.key] if place.phase != phase]
            self.failures.remove(row)
            self.changed.add(row.problem)
        self.rows[phase] = []
        self._counts = {pair: held for pair, held in self._counts.items() if pair[0] != phase}
        self._totals = Counter({pair: count for pair, count in self._totals.items() if pair[0] != phase})
        self._configurations = {p: held for p, held in self._configurations.items() if p[0] != phase}

    def _take_row(self, row: PlannedRow) -> None:
        self.number(row.problem)
        self.rows[row.phase].append(row)
        self._places.setdefault(row.key, []).append(row)
        self._totals[row.phase, row.problem, row.arm] += 1
        self.changed.add(row.problem)
        if row.key in self.results:
            self._count(row, self.results[row.key])

    def _take_result(self, result: TrialResult, metric: str) -> None:
        places = self._places.get(result.key, ())
        before = self.results.get(result.key)
        if before is not None:
            for row in places:
                self._uncount(row, before)
        self._curves.pop(result.key, None)
        name = metric_of(result, metric)
        curve = curve_of(result, name)
        score = None
        if curve is not None:
            self._curves[result.key] = (name, curve)
            score = rounded(curve.values[-1:])[0]
        text = _cut(result.error or result.stopped)
        kept = Kept(result.status, text, result.steps_done, result.train_seconds, score)
        self.results[result.key] = kept
        for row in places:
            self._count(row, kept)

    def _count(self, row: PlannedRow, kept: Kept) -> None:
        pair = (row.phase, row.problem, row.arm)
        self._counts.setdefault(pair, Counter())[kept.status] += 1
        self.changed.add(row.problem)
        if kept.status != "ok":
            self.failures.add(row, kept.status, kept.error)
        if row.key in self._curves:
            metric, curve = self._curves[row.key]
            self._metrics.setdefault(row.problem, metric)
            by_config = self._configurations.setdefault(pair, {})
            by_config.setdefault(row.config, Configuration()).curves[row.key] = curve

    def _uncount(self, row: PlannedRow, kept: Kept) -> None:
        pair = (row.phase, row.problem, row.arm)
        self._counts[pair][kept.status] -= 1
        self.failures.remove(row)
        with contextlib.suppress(KeyError):
            del self._configurations[pair][row.config].curves[row.key]

    # What it comes to

    def arms(self) -> list[str]:
        """Return the arms of the plan, in the order in which they come."""
        return list(dict.fromkeys(arm for _, _, arm in self._totals))

    def counts(self, phase: Phase) -> Counter[str]:
        """Return the trials of a phase by status; "missing" are those without a result."""
        counts: Counter[str] = Counter()
        for pair, total in self._totals.items():
            if pair[0] == phase:
                there = self._counts.get(pair, Counter())
                counts.update(there)
                counts["missing"] += total - sum(there.values())
        return counts

    def problem(self, problem: str, metric: str, goal: str) -> dict[str, Any]:
        """Return counts by phase and arm of one problem, and the line of each arm.

        metric, goal: the metric that selects configurations, and which end of it is good. The lines are those
        of the final runs as soon as one of these has ended.
        """
        cells: dict[str, list[list[int]]] = {}
        for pair, total in self._totals.items():
            if pair[1] == problem and self._arms.number(pair[2]) < MOST:
                counts = self._counts.get(pair, Counter())
                numbers = [self._arms.number(pair[2]), total, *(counts[status] for status in STATUSES)]
                cells.setdefault(pair[0], []).append(numbers)
        drawn = self._metrics.get(problem, "")
        way = goal if drawn == metric else "min"
        final = list(self._lines("report", problem, way))
        return {
            "cells": cells,
            "phase": "report" if final else "tune",
            "metric": printable(drawn),
            "goal": way,
            "lines": final or list(self._lines("tune", problem, way)),
        }

    def _lines(self, phase: Phase, problem: str, goal: str) -> Iterator[dict[str, Any]]:
        """Yield the line of each arm: the median over seeds of its best configuration so far."""
        for pair, configurations in self._configurations.items():
            best = best_of(configurations, goal) if pair[:2] == (phase, problem) else None
            if best is None or self._arms.number(pair[2]) >= MOST:
                continue
            line = configurations[best].line()
            yield {
                "arm": self._arms.number(pair[2]),
                "config": short(best),
                "seeds": len(configurations[best].curves),
                "steps": line.steps.tolist(),
                "values": rounded(line.values),
            }


def short(text: object) -> str:
    """Return a name as it is shown: printable, and of no more than LONGEST_NAME characters."""
    line = printable(text)
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"


def _cut(text: str) -> str:
    """Return the begin and the end of a long text: an error's last line is what it says."""
    half = LONGEST_ERROR // 2
    return text if len(text) <= LONGEST_ERROR else f"{text[:half]}\n…\n{text[-half:]}"
