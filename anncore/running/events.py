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

INTERRUPTED, TERMINATED, OUT_OF_TIME, FAILED = "interrupted", "terminated", "max_time", "fail_fast"


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


class Progressed(NamedTuple):
    """How far the sweep is, a few times a second while trials run.

    done: trials of the phase, those that run counted by the steps they have made, of `total`. share: of the
    whole sweep's work. elapsed: seconds since the sweep began. left: seconds that the rest of the training
    may take, None while nothing tells.
    """

    phase: Phase
    done: float
    total: int
    share: float
    elapsed: float
    left: float | None


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
    """Ctrl-C, or SIGTERM: what runs is finished and kept; a second one stops at once."""

    reason: str


Event = PhaseStarted | OtherEnvironment | StackDone | Progressed | Distrusted | PhaseDone | StopRequested


class Stopper:
    """Tells whether a sweep shall stop: asked to by `request`, or out of time.

    Where it is asked to, what is running is finished and kept; at its deadline what is running ends within
    seconds, and its trials are run by the next sweep. reason: "" while nothing stops it, else "interrupted",
    "terminated", "max_time" or "fail_fast". deadline: by `time.monotonic()`, None without a limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.reason: Literal["", "interrupted", "terminated", "max_time", "fail_fast"] | str = ""
        self.deadline: float | None = None
        self.limit(seconds)

    def limit(self, seconds: float | None) -> None:
        """Stop so many seconds from now; None for no limit."""
        self.deadline = None if seconds is None else time.monotonic() + seconds

    def request(self, reason: str = INTERRUPTED) -> None:
        """Ask to stop."""
        self.reason = reason

    def settle(self) -> None:
        """Forget what asked to stop, and the limit: nothing is left that could be stopped."""
        self.reason, self.deadline = "", None

    def __call__(self) -> bool:
        """Tell whether to stop."""
        if not self.reason and self.deadline is not None and time.monotonic() >= self.deadline:
            self.reason = OUT_OF_TIME
        return bool(self.reason)


@contextlib.contextmanager
def interruptible(stopper: Stopper, on_event: Callable[[Event], None] | None = None) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM ask the stopper, and the second raise KeyboardInterrupt.

    Only in the main thread. Ctrl-C is left alone where it is ignored already, and SIGTERM where it does not
    simply end the process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reasons: dict[int, str] = {}
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):  # nohup, a background job
        reasons[signal.SIGINT] = INTERRUPTED
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        reasons[signal.SIGTERM] = TERMINATED

    def handle(number: int, frame: FrameType | None) -> None:
        if stopper.reason in (INTERRUPTED, TERMINATED):
            raise KeyboardInterrupt
        stopper.request(reasons[number])
        if on_event is not None:
            on_event(StopRequested(reasons[number]))

    before = {number: signal.signal(number, handle) for number in reasons}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
