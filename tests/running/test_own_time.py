"""A time limit is for a trial's own training: not for its worker's start, nor for the load of the machine."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sweep_factory import load
from trial_factory import make_trial

from anncore import load_registry
from anncore.engine.training import rehearse, train_stack
from anncore.running.sweep import sweep
from anncore.running.worker import Task, Work

BUSY = "while True: pass"
# It sleeps at its twentieth step, so that rehearsing, which makes one, does not meet it.
ARMS = """
seeds.report = [0]
limits.timeout = "1s"
[optimizer.sgd]
[optimizer.adam]
[optimizer.trouble]
how = ["hang-later"]
"""


@pytest.fixture
def busy() -> Iterator[None]:
    """Let this process and those that it starts have one core alone, and keep that busy twice over."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    loads = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    yield
    for program in loads:
        program.kill()
        program.wait(60)
    os.sched_setaffinity(0, cores)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux tells how long one waited")
def test_only_the_arm_that_hangs_is_timed_out_on_a_busy_machine(tmp_path: Path, busy: None) -> None:
    trials = sweep(load(tmp_path, ARMS, overrides=["train.steps=60"]), out=tmp_path / "run", jobs=2).trials
    assert trials.groupby("arm")["status"].unique().map(list).to_dict() == {
        "sgd": ["ok"],
        "adam": ["ok"],
        "trouble": ["timeout"],
    }
    assert set(trials.loc[trials["arm"] == "trouble", "error"]) == {"not finished after 1 s"}


def test_a_trial_s_seconds_are_those_of_its_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that takes long to make, and whatever a process does once, are not in them.

    The clock goes on by a second whenever it is looked at, and by a thousand while data is made.
    """
    from anncore.engine import training

    honest, clock = training._loaded, itertools.count()

    def slow(trials: Any, registry: Any) -> Any:
        next(itertools.islice(clock, 1000, 1000), None)
        return honest(trials, registry)

    monkeypatch.setattr(training, "_loaded", slow)
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    registry = load_registry()
    trial = make_trial(registry, steps=3, eval_every=3)
    (result,) = Work((), registry)(Task((trial,)))
    assert 0 < result.train_seconds < 10  # type: ignore[union-attr]


def test_rehearsing_changes_no_bit_and_is_done_once_per_structure() -> None:
    registry = load_registry()
    trials = [
        make_trial(registry, optimizer=("adam", {"lr": lr}), steps=6, eval_every=3) for lr in (0.1, 0.01)
    ]
    trials.append(make_trial(registry, optimizer=("sgd", {"lr": 0.1}), steps=6, eval_every=3))
    before = [result._replace(train_seconds=0.0) for result in train_stack(trials, registry)]
    known: set[tuple[str, ...]] = set()
    rehearse(trials, registry, known)
    assert len(known) == 2
    rehearse(trials, registry, known)
    assert len(known) == 2
    assert [result._replace(train_seconds=0.0) for result in train_stack(trials, registry)] == before


def test_what_fails_in_the_rehearsal_is_told_by_the_trial(tmp_path: Path) -> None:
    experiment = load(tmp_path, '\nseeds.report = [0]\n[optimizer.trouble]\nhow = ["none", "raise"]\n')
    trials = sweep(experiment, out=tmp_path / "run", executor="serial").trials
    assert trials["status"].tolist() == ["ok", "failed"]
    assert trials["error"].iloc[1].endswith("ArithmeticError: I cannot go on")
