"""Progress on a terminal: one bar per phase, with the numbers of trials that did not end ok."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anncore.cli import printing
from anncore.report.printable import printable
from anncore.running.progress_line import PHASES, STARTING, compiled, duration, staff, tables

if TYPE_CHECKING:
    from anncore.contract.events import Event


@contextmanager
def progress(title: str, *, visible: bool) -> Iterator[Callable[[Event], None]]:
    """Show a bar on standard error while the body runs; yields what takes the sweep's events."""
    if not visible:
        yield _silent
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = printing.console(err=True, markup=False)
    console.print(printable(title))
    columns = (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[done]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.fields[trouble]}", markup=False),
    )
    with Progress(*columns, console=console) as bars, printing.told_above(console):
        yield _Bars(bars, console)


class _Bars:
    """Takes a sweep's events and moves its bars."""

    def __init__(self, bars: Any, console: Any) -> None:
        self._bars, self._console = bars, console
        self._tasks: dict[str, Any] = {}
        self._before: dict[str, int] = {}  # by phase, how many trials were done when it began

    def __call__(self, event: Event) -> None:
        from anncore.contract.events import (
            PhaseDone,
            PhaseStarted,
            Progressed,
            StackDone,
            StopRequested,
            TablesStarted,
            WorkersChanged,
        )

        if isinstance(event, PhaseStarted):
            before = sum(event.done.values())
            self._before[event.phase] = before
            left = STARTING if event.todo else ""
            texts = {"done": f"{before}/{event.total}", "left": left, "trouble": _trouble(event.done)}
            self._tasks[event.phase] = self._bars.add_task(
                PHASES[event.phase], total=event.total, completed=before, **texts
            )
        elif isinstance(event, Progressed):
            left = "" if event.left is None else f"{duration(event.left)} left"
            if event.done <= self._before[event.phase] < event.total:
                left = STARTING
            left = (left + compiled(event.compiled)).removeprefix(", ")
            self._update(
                event.phase, completed=event.done, done=f"{int(event.done)}/{event.total}", left=left
            )
        elif isinstance(event, StackDone):
            self._update(event.phase, trouble=_trouble(event.counts))
        elif isinstance(event, PhaseDone):
            ended = sum(event.counts.values())
            total = self._bars.tasks[self._tasks[event.phase]].total
            self._update(event.phase, completed=ended, done=f"{ended}/{total:.0f}", left="")
        elif isinstance(event, WorkersChanged):
            self._console.print(f"Workers: {staff(event.workers, event.lost)}")
        elif isinstance(event, TablesStarted):
            self._console.print(tables(event.trials))
        elif isinstance(event, StopRequested):
            self._console.print("Finishing the trials that are running; Ctrl-C again stops at once.")

    def _update(self, phase: str, **fields: Any) -> None:
        self._bars.update(self._tasks[phase], **fields)


def _silent(event: Event) -> None:
    """Show nothing."""


def _trouble(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items() if status != "ok" and count)
