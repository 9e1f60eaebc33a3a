"""A running sweep as others see it: events for this process, a small file for `annx status` in another one.

The file is there as long as the sweep runs. One that a killed sweep left behind is told from a running one's
by its age and by the folder's lock. It also counts the trials, for other machines that see the folder: these
cannot read along in the store, whose log lies in the memory of the machine that writes it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.errors import StoreError
from anncore.contract.events import Event, Progressed, WorkersChanged
from anncore.contract.registry import Registry
from anncore.contract.trial import Phase, Status, Trial, TrialResult
from anncore.running.database import is_taken
from anncore.running.files import replace_file
from anncore.running.pace import Meter

FILE = "running.json"
EVERY = 0.5  # seconds between two events
APART = 20  # times that a write takes lie between two writes: a slow disk must not hold up the sweep
LONGEST = 30.0  # seconds between two writes, so that others do not take the sweep for ended
FRESH = 5.0  # seconds in which a file counts as one of a running sweep without a look at the lock
FAR = 120.0  # the same of another machine, whose clock differs and whose files arrive late; it has no lock


class Progress:
    """Tells how far a sweep is: to `tell`, if there is one, and in the run folder."""

    def __init__(self, folder: Path, registry: Registry, tell: Callable[[Event], None] | None) -> None:
        self._file, self._tell = folder / FILE, tell
        self._meter = Meter(registry)
        self._phase: Phase = "tune"
        self._total, self._next, self._next_write = 0, 0.0, 0.0
        self._counts: dict[Phase, Counter[str]] = {}
        self._workers = self._lost = 0
        self._compiled = 0.0

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the file in the folder as long as the body runs."""
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def begin(self, phase: Phase, trials: Sequence[Trial], done: Mapping[str, Status], later: int) -> None:
        """Begin a phase: its trials, the status of those that have a result, how many trials follow it."""
        self._meter.begin(trials, done, later)
        self._phase, self._total = phase, len({trial.key for trial in trials})
        self._counts[phase] = Counter(done.values())
        self.show(now=True)

    def heard(self, trials: Sequence[Trial], done: float) -> None:
        """Take note that so many trials of a stack are done, parts of trials included."""
        self._meter.heard(trials, done)
        self.show()

    def finished(self, results: Sequence[TrialResult]) -> None:
        """Take note that trials have these results."""
        self._meter.finished([result.key for result in results])
        self._counts[self._phase].update(result.status for result in results)
        self.show()

    def staffed(self, workers: int, lost: int) -> None:
        """Take note of how many workers of other machines there are, and how many were lost."""
        self._workers, self._lost = workers, lost
        if self._tell is not None:
            self._tell(WorkersChanged(workers, lost))

    def compiled(self, seconds: float) -> None:
        """Take note that a worker has spent so many seconds on making kernels."""
        self._compiled += seconds
        self.show(now=True)

    def _phases(self) -> dict[str, dict[str, int]]:
        """Return the numbers of trials by phase and status, as `Store.counts` does."""
        phases: dict[str, dict[str, int]] = {phase: dict(counts) for phase, counts in self._counts.items()}
        missing = self._total - self._counts[self._phase].total() if self._counts else 0
        return {
            **phases,
            self._phase: {**phases.get(self._phase, {}), **({"missing": missing} if missing else {})},
        }

    def stack(self) -> float | None:
        """Return about how many seconds the shortest stack that runs takes; None if none has made a step."""
        return self._meter.stack()

    def show(self, *, now: bool = False) -> None:
        """Tell how far the sweep is, at most every EVERY seconds unless `now`."""
        if time.monotonic() < self._next and not now:
            return
        self._next = time.monotonic() + EVERY
        meter = self._meter
        event = Progressed(
            self._phase,
            meter.trials(),
            self._total,
            meter.share(),
            meter.elapsed(),
            meter.left(),
            self._compiled,
        )
        if now or time.monotonic() >= self._next_write:
            self._write(event)
        if self._tell is not None:
            self._tell(event)

    def _write(self, event: Progressed) -> None:
        began = time.monotonic()
        with contextlib.suppress(StoreError):  # a disk that is full is found out where it matters
            writer = {"pid": os.getpid(), "host": platform.node(), "time": time.time()}
            staff = {"workers": self._workers, "lost": self._lost, "rate": self._meter.rate()}
            content = {**writer, **dataclasses.asdict(event), **staff, "phases": self._phases()}
            replace_file(self._file, json.dumps(content).encode())
        ended = time.monotonic()
        self._next_write = ended + min(APART * (ended - began), LONGEST)


class Running(NamedTuple):
    """What a running sweep's file says.

    elsewhere: the machine that runs it, "" for this one. phases: by phase, how many trials have which status.
    workers, lost: of other machines. rate: trials per second, None while nothing tells.
    """

    event: Progressed
    elsewhere: str
    phases: dict[str, dict[str, int]]
    workers: int
    lost: int
    rate: float | None


def running(folder: Path) -> Progressed | None:
    """Return how far the sweep is that runs in a folder; None where none runs."""
    there = running_there(folder)
    return None if there is None else there.event


def running_there(folder: Path) -> Running | None:
    """Return what is known of the sweep that runs in a folder, also on another machine; None if none does."""
    try:
        content = _content(folder)
        content.setdefault("compiled", 0.0)  # an older annx writes none
        event = Progressed(**{field.name: content[field.name] for field in dataclasses.fields(Progressed)})
        pid, written = int(content["pid"]), float(content["time"])
        numbers = (
            event.done,
            event.total,
            event.share,
            event.elapsed,
            event.compiled,
            0 if event.left is None else event.left,
            0 if content.get("rate") is None else content["rate"],
        )
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            return None
        host, rate = str(content.get("host", "")), content.get("rate")
        phases = {
            str(phase): {str(status): int(count) for status, count in counts.items()}
            for phase, counts in content.get("phases", {}).items()
        }
        staff = int(content.get("workers", 0)), int(content.get("lost", 0))
        seen = Running(event, "", phases, *staff, None if rate is None else float(rate))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None
    if event.phase not in ("tune", "report"):
        return None
    age = abs(time.time() - written)
    if host and host != platform.node():
        return seen._replace(elsewhere=host) if age < FAR else None
    runs = _alive(pid) if age < FRESH else is_taken(folder)
    return seen if runs else None


def driver(folder: Path) -> int | None:
    """Return the process number that the folder's running sweep gave, on whatever machine it runs."""
    try:
        return int(_content(folder)["pid"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None


def _content(folder: Path) -> dict[str, Any]:
    """Return what the file says; raises KeyError where there is none."""
    if not (folder / FILE).is_file():  # a pipe would be waited on for ever
        raise KeyError(FILE)
    content: dict[str, Any] = json.loads((folder / FILE).read_bytes())
    return content


def _alive(pid: int) -> bool:
    """Tell whether a process of this machine may still be there; of another machine's nothing is known."""
    if os.name != "posix":  # a signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
