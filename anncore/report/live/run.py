"""One run folder on the page: what its store, plan and report say, kept up to date by what is new in them.

What the page gets are parts, each a JSON value under a name:

    head       the state of the sweep, how far it is, counts by phase and status, the report
    shape      the experiment's name, arms and problems
    failures   errors, with how many trials have them
    machine    load, memory and processes
    problem/P  of the problem with that number: counts by phase and arm, the line of each arm
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from anncore.contract.errors import StoreError
from anncore.contract.trial import Phase
from anncore.report.live.arms import MOST, Arms
from anncore.report.live.finished import FinishedReport
from anncore.report.live.machine import Workers, machine
from anncore.report.live.table import shown_trials
from anncore.report.live.tally import Tally, short
from anncore.report.printable import printable
from anncore.running.following import NOTHING, PHASES, Follower, stated
from anncore.running.progress import Running, driver, running_there
from anncore.running.progress_line import compiled, staff
from anncore.running.stored_plan import read_plan

JUST_NOW = 10.0  # seconds: a sweep tells of itself only from its first trial to its last


class LiveRun:
    """A run folder that is looked at again and again; safe for several threads."""

    def __init__(self, folder: Path, name: str, arms: Arms) -> None:
        self.folder, self.name, self._arms = folder, printable(name), arms
        self.parts: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._tally = Tally(arms)
        self._follower = Follower(folder)
        self._report = FinishedReport(folder)
        self._workers = Workers(folder)
        self._plan: dict[str, Any] = {}
        self._plan_stated: object = None
        self._trouble = ""
        self._was_there = False
        self._news = True  # whether counts and errors are to be made anew
        self._counts: dict[Phase, Counter[str]] = {phase: Counter() for phase in PHASES}

    def update(self, enough: Callable[[], bool], *, anyway: bool = False) -> bool:
        """Take in what is new and make the parts of it; tell whether there is more to do at once.

        enough: tells when to leave the rest for the next call. anyway: look into the store even if its file
        seems to be the same.
        """
        with self._lock:
            try:
                return self._updated(enough, anyway)
            except OSError as error:  # such as a folder above it that may not be read
                words = printable(f"{error.filename or self.folder}: {error.strerror or error}")
                self.parts["head"] = self._nothing() | {"state": "damaged", "words": words}
                return False

    def _updated(self, enough: Callable[[], bool], anyway: bool) -> bool:
        self._look_at_plan()
        if self._look_at_store(enough, anyway):
            # Half of the trials would be no picture of them.
            self.parts.setdefault("head", self._nothing())
            return True
        if self._news or "shape" not in self.parts:
            self._news = False
            self._counts = {phase: self._tally.counts(phase) for phase in PHASES}
            self.parts["shape"] = self._shape()
            self.parts["failures"] = self._tally.failures.shown(self._arms)
        self.parts["head"] = self._head()
        self.parts["machine"] = self._machine()
        return self._draw(enough)

    def trials(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of the table of trials; see `shown_trials`."""
        with self._lock:
            return shown_trials(self._tally, self._arms, wanted)

    def _look_at_plan(self) -> None:
        """Read plan.json when it is another one."""
        signature = stated(self.folder / "plan.json")
        if signature == self._plan_stated:
            return
        self._plan_stated = signature
        try:
            self._plan = read_plan(self.folder)
        except StoreError:  # not there yet, or damaged: the store says what trials there are
            self._plan = {}
        self._number_all()

    def _number_all(self) -> None:
        """Number arms and problems in the order of the experiment."""
        self._news = True
        for arm in self._plan.get("arms", ()):
            self._arms.number(arm)
        for problem in self._plan.get("problems", ()):
            self._tally.number(problem)

    def _look_at_store(self, enough: Callable[[], bool], anyway: bool) -> bool:
        """Read what is new in the store; tell whether there is more."""
        if not self._follower.path.is_file():
            self._begin_anew()
            return False
        self._was_there = True
        try:
            brought = self._follower.look(enough, anyway=anyway)
        except StoreError as error:
            self._trouble = printable(error)
            return False
        if brought.forget:
            self._begin_anew()
        if brought is NOTHING:
            return False
        self._news, self._trouble = True, ""
        self._tally.take(brought, self._select("metric", "valid_loss"))
        return brought.more

    def _begin_anew(self) -> None:
        """Forget what the store said."""
        self._trouble, self._news = "", True
        if not self._tally.rows["tune"] and not self._tally.rows["report"]:
            return
        self._tally = Tally(self._arms)
        self._number_all()
        for name in [name for name in self.parts if name.startswith("problem/")]:
            del self.parts[name]

    def _draw(self, enough: Callable[[], bool]) -> bool:
        """Make the parts of problems that changed; tell whether some are left."""
        metric, goal = self._select("metric", "valid_loss"), self._select("goal", "min")
        while self._tally.changed:
            problem = self._tally.changed.pop()
            part = self._tally.problem(problem, metric, goal)
            self.parts[f"problem/{self._tally.number(problem)}"] = part
            if enough():
                break
        return bool(self._tally.changed)

    def _select(self, key: str, otherwise: str) -> str:
        """Return what selects configurations: its metric or its goal."""
        return str(self._plan.get("select", {}).get(key, otherwise))

    def _nothing(self) -> dict[str, Any]:
        """Return the head of a folder of which nothing is known yet."""
        empty = {"phases": {}, "done": 0, "planned": 0, "running": None, "staff": "", "report": None}
        return {"name": self.name, "state": "reading", "words": "", **empty}

    def _head(self) -> dict[str, Any]:
        phases = self._counts
        done = {phase: counts.total() - counts["missing"] for phase, counts in phases.items()}
        there = running_there(self.folder)
        now = None if there is None else there.event
        state, words = self._state(phases, now is not None)
        planned = self._plan.get("counts", {})
        return {
            "name": self.name,
            "state": state,
            "words": words,
            "phases": {phase: dict(counts) for phase, counts in phases.items() if counts},
            "done": sum(done.values()),
            # A phase that is not planned yet has as many trials as the plan foresees.
            "planned": sum(counts.total() or planned.get(phase, 0) for phase, counts in phases.items()),
            "running": None if now is None else dataclasses.asdict(now),
            "staff": "" if there is None else _staff(there),
            "report": self._report.look(done, now),
        }

    def _state(self, phases: Mapping[Phase, Counter[str]], runs: bool) -> tuple[str, str]:
        """Return the state of the folder in one word, and what is to say of it."""
        if not self._follower.path.is_file():
            if self._was_there:
                return "gone", "The folder, or its trials.sqlite, is gone."
            return "waiting", "No sweep has begun here yet; it is shown when it begins."
        if self._trouble:
            return "damaged", self._trouble
        if runs:
            return "running", ""
        unplanned = not phases["report"] and self._plan.get("counts", {}).get("report", 1)
        if unplanned or any(counts["missing"] for counts in phases.values()):
            if time.time() - self._follower.written() < JUST_NOW:
                return "between", "Results were written a moment ago: the sweep starts, or it has stopped."
            return "stopped", "The sweep is not at its end and does not run; the same command resumes it."
        there = (self.folder / "report.html").is_file()
        return "finished", "" if there else "All trials have ended; there is no report yet."

    def _shape(self) -> dict[str, Any]:
        arms = [*self._plan.get("arms", ()), *self._tally.arms()]
        numbers = [self._arms.number(arm) for arm in dict.fromkeys(arms)]
        return {
            "experiment": short(self._plan.get("name", "")),
            "arms": [number for number in numbers if number < MOST],
            "arms_left": sum(number >= MOST for number in numbers),
            "problems": [short(problem) for problem in self._tally.problems],
        }

    def _machine(self) -> dict[str, Any]:
        number = driver(self.folder)
        return machine(self.folder) | {"processes": [] if number is None else self._workers.look(number)}


def _staff(there: Running) -> str:
    """Say who runs a sweep elsewhere, how many workers of a cluster, and what kernels took; "" for none."""
    words = [f"The sweep runs on {short(there.elsewhere)}, another machine."] if there.elsewhere else []
    if there.workers or there.lost:
        words.append(f"Workers of the cluster: {staff(there.workers, there.lost, there.rate)}.")
    if kernels := compiled(there.event.compiled):
        words.append(f"Workers took {kernels.removeprefix(', ')}.")
    return " ".join(words)
