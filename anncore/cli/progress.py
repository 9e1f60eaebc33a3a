"""Progress on a terminal: one bar per phase, with the numbers of trials that did not end ok."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from anncore.cli import printing
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.running.events import Event

PHASES = {"tune": "Tuning", "report": "Final runs"}


@contextmanager
def progress(title: str, *, visible: bool) -> Iterator[Callable[[Event], None]]:
    """Show a bar on standard error while the body runs; yields what takes the sweep's events."""
    if not visible:
        yield _silent
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from anncore.running.events import PhaseStarted, StackDone, StopRequested

    console = printing.console(err=True, markup=False)
    console.print(printable(title))
    columns = (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[trouble]}", markup=False),
    )
    with Progress(*columns, console=console) as bars:
        tasks = {}

        def on_event(event: Event) -> None:
            if isinstance(event, PhaseStarted):
                done = sum(event.done.values())
                tasks[event.phase] = bars.add_task(
                    PHASES[event.phase], total=event.total, completed=done, trouble=_trouble(event.done)
                )
            elif isinstance(event, StackDone):
                bars.update(
                    tasks[event.phase], completed=sum(event.counts.values()), trouble=_trouble(event.counts)
                )
            elif isinstance(event, StopRequested):
                console.print("Finishing the trials that are running; Ctrl-C again stops at once.")

        yield on_event


def _silent(event: Event) -> None:
    """Show nothing."""


def _trouble(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items() if status != "ok" and count)
