"""Progress of a sweep in Python: one line on standard error, when it is asked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from sweep_factory import TUNED, load

import anncore
from anncore.contract.events import (
    Event,
    PhaseDone,
    PhaseStarted,
    Progressed,
    TablesStarted,
    WorkersChanged,
)
from anncore.running.progress_line import ProgressLine
from anncore.running.sweep import sweep

EVENTS: tuple[Event, ...] = (
    PhaseStarted("tune", 48, {"ok": 8}),
    Progressed("tune", 8.0, 48, 0.1, 1.0, None),
    Progressed("tune", 20.5, 48, 0.4, 12.0, 200.0),
    Progressed("tune", 30.0, 48, 0.5, 15.0, 80.0),
    PhaseDone("tune", {"ok": 46, "diverged": 2}, ""),
)
STARTS = "Tuning: 8/48 trials, starting workers"
FAR = "Tuning: 20/48 trials, 40% of all work, 12 s so far, about 3 min left"
FARTHER = "Tuning: 30/48 trials, 50% of all work, 15 s so far, about 80 s left"
DONE = "Tuning: 2 diverged, 46 ok"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO) -> str:
    line = ProgressLine(stream)
    for event in EVENTS:
        line(event)
    return stream.getvalue()


def test_on_a_terminal_one_line_is_written_over() -> None:
    text = shown(Terminal())
    assert text.endswith("\n")
    assert text.count("\n") == 1
    parts = text[:-1].split("\r")[1:]
    assert [part.rstrip() for part in parts] == [STARTS, STARTS, FAR, FARTHER, DONE]
    assert len(parts[-1]) >= len(parts[-2].rstrip())  # nothing of the longer line is left


def test_in_a_log_there_is_a_line_every_ten_seconds() -> None:
    assert shown(io.StringIO()).splitlines() == [STARTS, STARTS, FAR, DONE]


TABLES: dict[str, Any] = {
    "title": "How far?",
    "train": {"steps": 4, "eval_every": 2},
    "seeds": {"report": [1]},
    "dataset": {"two_moons": {"n": 60}},
    "network": {"mlp": {"hidden": [[4]]}},
    "optimizer": {"sgd": {"lr": 0.1}},
}


def test_a_sweep_shows_it_when_asked_and_still_tells_its_listener(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[Event] = []
    options: Any = {"out": tmp_path / "run", "executor": "serial"}
    anncore.sweep(TABLES, on_event=heard.append, progress=True, **options)
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == "Final runs: 1 ok"
    assert captured.out == ""
    assert any(isinstance(event, PhaseDone) for event in heard)
    anncore.sweep(TABLES, **options)
    assert capsys.readouterr().err == ""


def test_the_tables_of_many_trials_and_the_workers_of_a_cluster_have_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anncore.running.sweep.MANY", 16)
    events: list[Any] = []
    sweep(load(tmp_path, TUNED), out=tmp_path / "run", executor="serial", on_event=events.append)
    assert events[-1] == TablesStarted(16)
    stream = io.StringIO()
    line = ProgressLine(stream)
    for event in (TablesStarted(123456), WorkersChanged(3, 0), WorkersChanged(2, 1), WorkersChanged(1, 2)):
        line(event)
    assert stream.getvalue().splitlines() == [
        "Writing the tables of 123,456 trials",
        "Workers: 3",
        "Workers: 2, 1 was lost",
        "Workers: 1, 2 were lost",
    ]
