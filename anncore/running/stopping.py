"""How a sweep is asked to stop: by a caller, a signal, or its time."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Literal

from anncore.contract.events import Event, StopRequested
from anncore.engine.process import NOTICES

INTERRUPTED, TERMINATED, OUT_OF_TIME, FAILED = "interrupted", "terminated", "max_time", "fail_fast"


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
    """Let the first Ctrl-C, SIGTERM or SIGHUP ask the stopper, and the second raise KeyboardInterrupt.

    A notice that the job ends soon (SIGUSR1, SIGUSR2, SIGXCPU: `NOTICES`) asks the stopper too, and never
    raises; nor does the SIGTERM that a scheduler sends after it.

    Only in the main thread. Ctrl-C is left alone where it is ignored already, and the others where they do
    not simply end the process: nohup ignores SIGHUP, which a terminal sends when it closes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reasons: dict[int, str] = {}
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):  # nohup, a background job
        reasons[signal.SIGINT] = INTERRUPTED
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM), *NOTICES):
        if signal.getsignal(number) is signal.SIG_DFL:
            reasons[number] = TERMINATED

    noticed = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal noticed
        expected, noticed = noticed and number != signal.SIGINT, number in NOTICES
        if stopper.reason in (INTERRUPTED, TERMINATED):
            if noticed or expected:
                return
            raise KeyboardInterrupt
        stopper.request(reasons[number])
        _leave_closed_terminal()
        if on_event is not None:
            on_event(StopRequested(reasons[number]))

    before = {number: signal.signal(number, handle) for number in reasons}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_closed_terminal() -> None:
    """Let what is still printed go nowhere if the terminal was closed, where it would be an error."""
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode) and not os.isatty(stream):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream)
                os.close(nowhere)
