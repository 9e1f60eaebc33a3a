"""Progress in words, and as one line on standard error for sweeps that are started from Python."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING

from anncore.contract.counts import agreeing

if TYPE_CHECKING:  # the command line imports this before it knows whether it needs NumPy
    from anncore.contract.events import Event, Progressed

PHASES = {"tune": "Tuning", "report": "Final runs"}
STARTING = "starting workers"  # which import, make data and compile formulas before the first step
APART = 10.0  # seconds between two lines where a line cannot be written over


class ProgressLine:
    """Takes a sweep's events and shows how far it is: in place on a terminal and in a notebook.

    Elsewhere, such as in a log, it writes a line every ten seconds.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty() or "ipykernel" in sys.modules
        self._before = 0  # how many trials of the phase were done when it began
        self._width, self._last = 0, -APART

    def __call__(self, event: Event) -> None:
        """Show what an event says of the sweep's progress."""
        from anncore.contract.events import (
            PhaseDone,
            PhaseStarted,
            Progressed,
            TablesStarted,
            TooShort,
            WorkersChanged,
        )

        if isinstance(event, PhaseStarted):
            self._before = sum(event.done.values())
            if event.todo:
                self._show(f"{PHASES[event.phase]}: {self._before}/{event.total} trials, {STARTING}")
        elif isinstance(event, Progressed):
            if self._in_place or event.elapsed - self._last >= APART:
                self._last = event.elapsed
                self._show(self._how_far(event))
        elif isinstance(event, PhaseDone):
            self._show(f"{PHASES[event.phase]}: {ended(event.counts)}", last=True)
        elif isinstance(event, WorkersChanged):
            self._show(f"Workers: {staff(event.workers, event.lost)}", last=True)
        elif isinstance(event, TablesStarted):
            self._show(tables(event.trials), last=True)
        elif isinstance(event, TooShort):
            self._show("No trial ended within max_time; parts of trials are not kept.", last=True)

    def _how_far(self, event: Progressed) -> str:
        text = f"{PHASES[event.phase]}: {int(event.done)}/{event.total} trials, "
        if event.done <= self._before < event.total:
            return text + STARTING + compiled(event.compiled)
        left = "" if event.left is None else f", about {duration(event.left)} left"
        so_far = f"{duration(event.elapsed)} so far{left}{compiled(event.compiled)}"
        return f"{text}{event.share:.0%} of all work, {so_far}"

    def _show(self, text: str, *, last: bool = False) -> None:
        if not self._in_place:
            self._stream.write(text + "\n")
        else:  # a shorter text must cover a longer one
            self._stream.write("\r" + text.ljust(self._width) + ("\n" if last else ""))
            self._width = 0 if last else len(text)
        self._stream.flush()


def tables(trials: int) -> str:
    """Return what is said while the tables of many trials are written."""
    return f"Writing the tables of {trials:,} trials"


def staff(workers: int, lost: int, rate: float | None = None) -> str:
    """Return who works: "3, 1 was lost, 12 trials per second"."""
    gone = f", {lost} {agreeing(lost, 'were')} lost" if lost else ""
    return f"{workers}{gone}" + ("" if rate is None else f", {rate:.3g} trials per second")


def ended(counts: Mapping[str, int]) -> str:
    """Return how trials ended: "46 ok, 2 diverged"."""
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()) if count) or "none ended"


def compiled(seconds: float) -> str:
    """Return what is said of the time that kernels took: ", 1.2 s for kernels"; "" where there were none."""
    if seconds < 0.05:
        return ""
    return f", {f'{seconds:.1f} s' if seconds < 10 else duration(seconds)} for kernels"


def duration(seconds: float) -> str:
    """Return a time for people: "40 s", "3 min", "1.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
