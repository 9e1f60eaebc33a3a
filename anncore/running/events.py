"""What a sweep tells while it runs, and how it is asked to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Literal, NamedTuple

from anncore.contract.trial import Phase, TrialResult

INTERRUPTED, OUT_OF_TIME, FAILED = "interrupted", "max_time", "fail_fast"


class PhaseStarted(NamedTuple):
    """A phase begins: `total` different trials, of which `done` have results already, by status."""

    phase: Phase
    total: int
    done: Mapping[str, int]

    @property
    def todo(self) -> int:
        """The number of trials to run."""
        return self.total - sum(self.done.values())


class OtherEnvironment(NamedTuple):
    """Trials of the plan ran elsewhere already, where last digits may differ from those of this process.

    here: this process's environment (`numeric_environment`). there: the others, with their numbers of trials.
    """

    here: str
    there: Mapping[str, int]


class StackDone(NamedTuple):
    """The results of a stack are in the store. counts: by status, all of the phase so far."""

    phase: Phase
    results: tuple[TrialResult, ...]
    counts: Mapping[str, int]


class Distrusted(NamedTuple):
    """Components gave other bits alone than in a stack, so all their trials are failed.

    components: by full name, what was found. trials: how many are failed.
    """

    components: Mapping[str, str]
    trials: int


class PhaseDone(NamedTuple):
    """A phase ends. counts: by status; stopped: why before its end, else ""."""

    phase: Phase
    counts: Mapping[str, int]
    stopped: str


class StopRequested(NamedTuple):
    """The user pressed Ctrl-C: what runs is finished and kept; a second one stops at once."""

    reason: str


Event = PhaseStarted | OtherEnvironment | StackDone | Distrusted | PhaseDone | StopRequested


class Stopper:
    """Tells whether a sweep shall stop: asked to by `request`, or out of time.

    What is running is finished and kept. reason: "" while nothing stops it, else "interrupted", "max_time"
    or "fail_fast".
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.reason: Literal["", "interrupted", "max_time", "fail_fast"] | str = ""
        self.limit(seconds)

    def limit(self, seconds: float | None) -> None:
        """Stop so many seconds from now; None for no limit."""
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def request(self, reason: str = INTERRUPTED) -> None:
        """Ask to stop."""
        self.reason = reason

    def __call__(self) -> bool:
        """Tell whether to stop."""
        if not self.reason and self._deadline is not None and time.monotonic() >= self._deadline:
            self.reason = OUT_OF_TIME
        return bool(self.reason)


@contextlib.contextmanager
def interruptible(stopper: Stopper, on_event: Callable[[Event], None] | None = None) -> Iterator[None]:
    """Let the first Ctrl-C ask the stopper, and the second raise KeyboardInterrupt.

    Only in the main thread, and only where Ctrl-C is not ignored already; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before in (signal.SIG_IGN, None):  # nohup, a background job: not for us to change
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stopper.reason == INTERRUPTED:
            raise KeyboardInterrupt
        stopper.request()
        if on_event is not None:
            on_event(StopRequested(INTERRUPTED))

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
