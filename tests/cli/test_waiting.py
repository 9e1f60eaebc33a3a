"""What a sweep says before its first step, and where its time was too short for a result."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from anncore.cli.group import cli
from anncore.cli.progress import _Bars, progress
from anncore.cli.status import _running
from anncore.cli.sweep import too_short
from anncore.contract.events import PhaseStarted, Progressed, TooShort
from anncore.contract.telling import TELLER
from anncore.running.pace import Meter


class Bar:
    """Stands for rich's bars: keeps the fields of the one that it has."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def add_task(self, description: str, **fields: Any) -> int:
        self.fields.update(fields)
        return 0

    def update(self, task: int, **fields: Any) -> None:
        self.fields.update(fields)


def test_a_bar_says_that_workers_start_until_a_step_is_made() -> None:
    bar = Bar()
    show = _Bars(bar, None)
    show(PhaseStarted("tune", 48, {"ok": 8}))
    assert (bar.fields["done"], bar.fields["left"]) == ("8/48", "starting workers")
    show(Progressed("tune", 8.0, 48, 0.1, 1.0, None))
    assert bar.fields["left"] == "starting workers"
    show(Progressed("tune", 8.5, 48, 0.11, 3.0, 200.0))
    assert bar.fields["left"] == "3 min left"


def test_what_is_told_while_bars_move_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar's line is erased first (ECMA-48, "erase in line"), and drawn again below."""
    from rich.console import Console

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr("anncore.cli.printing.console", lambda **settings: console)
    before = TELLER.say
    with progress("A question?", visible=True) as show:
        show(PhaseStarted("tune", 48, {"ok": 8}))
        console.file.flush()
        TELLER.say("annx: data set [iris] is being made ...")
    assert TELLER.say is before
    lines = re.split(r"\n|\x1b\[2K", screen.getvalue())
    assert "annx: data set [iris] is being made ..." in [line.strip() for line in lines]


def test_a_bar_of_a_phase_that_is_done_says_nothing() -> None:
    bar = Bar()
    show = _Bars(bar, None)
    show(PhaseStarted("tune", 48, {"ok": 48}))
    assert bar.fields["left"] == ""


def test_status_says_so_too() -> None:
    line = _running(Progressed("tune", 0.0, 48, 0.0, 4.0, None))
    assert line == "Running: tuning, starting workers, 4 s so far"
    line = _running(Progressed("tune", 0.0, 48, 0.0, 4.0, None, 1.24))
    assert line == "Running: tuning, starting workers, 4 s so far, 1.2 s for kernels"
    line = _running(Progressed("tune", 12.0, 48, 0.25, 40.0, 120.0, 31.0))
    assert line == (
        "Running: tuning, 12 of 48 trials, 25% of all work, 40 s so far, about 2 min left, 31 s for kernels"
    )


def test_a_bar_says_what_kernels_took() -> None:
    bar = Bar()
    show = _Bars(bar, None)
    show(PhaseStarted("tune", 48, {}))
    show(Progressed("tune", 0.0, 48, 0.0, 1.0, None, 0.3))
    assert bar.fields["left"] == "starting workers, 0.3 s for kernels"
    show(Progressed("tune", 8.5, 48, 0.11, 3.0, None, 0.3))
    assert bar.fields["left"] == "0.3 s for kernels"
    show(Progressed("tune", 8.5, 48, 0.11, 3.0, 50.0, 0.01))  # too little to be told
    assert bar.fields["left"] == "50 s left"


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (None, "No trial made a step in this time"),
        (10.0, "Those that ran take about 10 s: give --max-time 15s or more."),
        (300.0, "Those that ran take about 5 min: give --max-time 7m or more."),
    ],
)
def test_too_short_a_time_is_answered_with_one_that_is_long_enough(stack: float | None, words: str) -> None:
    assert words in too_short(stack)


def test_the_end_of_a_stack_is_seen_from_its_share(trials: list[Any], registry: Any) -> None:
    clock = iter([0.0, 2.0, 2.0, 4.0, 4.0]).__next__
    meter = Meter(registry, clock)
    meter.begin(trials, [], later=0)
    meter.heard(trials, 0.0)
    assert meter.stack() is None  # at 2 s nothing is done
    meter.heard(trials, 0.25 * len(trials))
    assert meter.stack() == 16.0  # a quarter after 4 s


@pytest.fixture
def registry() -> Any:
    from shipped import REGISTRY

    return REGISTRY


@pytest.fixture
def trials(registry: Any) -> list[Any]:
    from trial_factory import make_trial

    return [make_trial(registry, seed=seed) for seed in range(4)]


EXPERIMENT = """\
# Is there time?
vary = ["optimizer"]
train = { steps = 400000, eval_every = 200000 }
seeds = { report = [1] }
dataset.two_moons.n = 60
network.mlp.hidden = [[4]]
optimizer.sgd.lr = 0.1
"""


def test_a_sweep_that_has_no_time_says_how_much_it_takes(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_text(EXPERIMENT)
    arguments = ["sweep", tmp_path / "long.toml", "--out", tmp_path / "run", "--executor", "serial"]
    ended = CliRunner().invoke(cli, [*map(str, arguments), "--max-time", "0.2s"])
    assert ended.exit_code == 4, ended.output
    assert "--max-time" in ended.stderr
    assert ended.stderr.splitlines()[-1] == "Out of time, 0 of 1 trial done; the same command resumes."
    assert TooShort(None).stack is None
