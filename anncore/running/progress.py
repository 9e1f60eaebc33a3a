"""A running sweep as others see it: events for this process, a small file for `annx status` in another one.

The file is there as long as the sweep runs. One that a killed sweep left behind is told from a running one's
by its age and by the folder's lock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from anncore.contract.errors import StoreError
from anncore.contract.events import Progressed
from anncore.contract.registry import Registry
from anncore.contract.trial import Phase, Trial
from anncore.running.database import is_taken
from anncore.running.files import replace_file
from anncore.running.pace import Meter

FILE = "running.json"
EVERY = 0.5  # seconds between two events
FRESH = 5.0  # seconds in which a file counts as one of a running sweep without a look at the lock


class Progress:
    """Tells how far a sweep is: to `tell`, if there is one, and in the run folder."""

    def __init__(self, folder: Path, registry: Registry, tell: Callable[[Progressed], None] | None) -> None:
        self._file, self._tell = folder / FILE, tell
        self._meter = Meter(registry)
        self._phase: Phase = "tune"
        self._total, self._next = 0, 0.0

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the file in the folder as long as the body runs."""
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def begin(self, phase: Phase, trials: Sequence[Trial], done: Iterable[str], later: int) -> None:
        """Begin a phase: its trials, the keys of those that have a result, and how many trials follow it."""
        self._meter.begin(trials, done, later)
        self._phase, self._total = phase, len({trial.key for trial in trials})
        self.show(now=True)

    def heard(self, trials: Sequence[Trial], done: float) -> None:
        """Take note that so many trials of a stack are done, parts of trials included."""
        self._meter.heard(trials, done)
        self.show()

    def finished(self, keys: Sequence[str]) -> None:
        """Take note that these trials have results."""
        self._meter.finished(keys)
        self.show()

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
            self._phase, meter.trials(), self._total, meter.share(), meter.elapsed(), meter.left()
        )
        with contextlib.suppress(StoreError):  # a disk that is full is found out where it matters
            content = {"pid": os.getpid(), "time": time.time(), **dataclasses.asdict(event)}
            replace_file(self._file, json.dumps(content).encode())
        if self._tell is not None:
            self._tell(event)


def running(folder: Path) -> Progressed | None:
    """Return how far the sweep is that runs in a folder; None where none runs."""
    try:
        content = _content(folder)
        event = Progressed(**{field.name: content[field.name] for field in dataclasses.fields(Progressed)})
        pid, written = int(content["pid"]), float(content["time"])
        numbers = (
            event.done,
            event.total,
            event.share,
            event.elapsed,
            0 if event.left is None else event.left,
        )
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    if event.phase not in ("tune", "report"):
        return None
    fresh = abs(time.time() - written) < FRESH
    return event if (fresh and _alive(pid)) or (not fresh and is_taken(folder)) else None


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
