"""The checks of a listener: it takes every event of a sweep, and leaves them alone."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anncore.contract.events import (
    Distrusted,
    Event,
    OtherEnvironment,
    PhaseDone,
    PhaseStarted,
    Progressed,
    StackDone,
    StopRequested,
    SweepDone,
    SweepStarted,
    TablesStarted,
    TooShort,
    WorkersChanged,
)
from anncore.contract.trial import TrialResult
from anncore.testing.kit import Kit, Named, Subject, must, raised


class ListenerKit(Kit):
    """Every event, in the orders that a sweep has."""

    computes = False  # it gives nothing back

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("hears", hears), ("hard_cases", hard_cases), ("events_unchanged", events_unchanged)]


def _sweep(folder: Path) -> list[Event]:
    """Return the events of a sweep that tunes and reports."""
    good = TrialResult(
        "a" * 64, "ok", {"valid_loss": 0.1, "test_loss": 0.2}, (0, 10), {"valid_loss": (1.0, 0.1)}, 10
    )
    bad = TrialResult("b" * 64, "failed", error="ZeroDivisionError: <b>&\nline 2")
    where = str(folder)
    return [
        SweepStarted("optimizers", where, 2, 2),
        PhaseStarted("tune", 2, {}),
        Progressed("tune", 0.5, 2, 0.1, 1.0, None),
        StackDone("tune", (good, bad), {"ok": 1, "failed": 1}),
        Progressed("tune", 2, 2, 0.5, 2.0, 2.0),
        PhaseDone("tune", {"ok": 1, "failed": 1}, ""),
        PhaseStarted("report", 2, {"ok": 1}),
        StackDone("report", (good,), {"ok": 2}),
        PhaseDone("report", {"ok": 2}, ""),
        TablesStarted(4),
        SweepDone("optimizers", where, ""),
    ]


def _odd(folder: Path) -> Iterator[tuple[str, list[Event]]]:
    where = str(folder)
    start, end = SweepStarted("二 <b>&", where, 0, 0), SweepDone("二 <b>&", where, "")
    yield "nothing to do", [start, PhaseStarted("report", 0, {}), PhaseDone("report", {}, ""), end]
    stop: list[Event] = [StopRequested("interrupted"), PhaseDone("tune", {}, "interrupted")]
    yield "stopped", [start, PhaseStarted("tune", 9, {}), *stop, SweepDone("x", where, "interrupted")]
    yield "a sweep that ends with an exception", [start, PhaseStarted("tune", 9, {})]
    others: list[Event] = [
        WorkersChanged(3, 1),
        OtherEnvironment('{"numpy": "2.3"}', {'{"numpy": "2.1"}': 3}),
        Distrusted({"mine:first": "other bits"}, 4),
    ]
    yield "distrust", [start, *others, end]
    early: list[Event] = [TooShort(None), TooShort(12.5), PhaseDone("tune", {}, "max_time")]
    yield "no time", [start, PhaseStarted("tune", 9, {}), *early, SweepDone("x", where, "max_time")]


@contextmanager
def _in_a_folder_of_its_own() -> Iterator[Path]:
    """Let the body run in an empty working directory: a listener may write files."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(before)


def hears(subject: Subject) -> int:
    """It takes every event of a sweep that tunes and reports, and of the same sweep again."""
    count = 0
    for variant in subject.variants():
        with _in_a_folder_of_its_own() as folder:
            for _ in range(2):
                listener = subject.build(variant)
                for event in _sweep(folder):
                    listener.hear(event)
                    count += 1
    return count


def hard_cases(subject: Subject) -> int:
    """Nothing to do, a stop, a sweep without an end, distrust, odd names: no error."""
    count = 0
    for variant in subject.variants():
        with _in_a_folder_of_its_own() as folder:
            for label, events in _odd(folder):
                listener = subject.build(variant)
                for event in events:
                    try:
                        listener.hear(event)
                    except Exception as error:
                        what = f"{variant.label}, {label}: {type(event).__name__}"
                        raise AssertionError(f"{what} {raised(subject.cls, error)}") from error
                    count += 1
    return count


def events_unchanged(subject: Subject) -> int:
    """It does not change the events, which others hear after it."""
    count = 0
    for variant in subject.variants():
        with _in_a_folder_of_its_own() as folder:
            listener = subject.build(variant)
            for event in _sweep(folder):
                before = copy.deepcopy(event)
                listener.hear(event)
                must(event == before, f"{variant.label}: it changes {type(event).__name__}")
                count += 1
    return count
