"""A sweep that is killed at any moment: the same tables when it is resumed, no worker and no file left."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import os
import random
import signal
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sweep_factory import load, stored_maps, without_seconds

from anncore.cli.group import cli
from anncore.contract.events import StackDone
from anncore.running.files import LEFTOVER
from anncore.running.sweep import sweep

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot copy a process")

SMALL = """
seeds = { tune = [0], report = [100, 101] }
optimizer.sgd.lr = [0.1, 0.2]
optimizer.adam.lr = 0.01
"""
HIDDEN = "[[2], [3], [4]]"


def small(folder: Path) -> Any:
    return load(folder, SMALL, hidden=HIDDEN, only=["optimizer=*"])


def tables(run: Path) -> Any:
    return without_seconds(run), gzip.decompress((run / "curves.csv.gz").read_bytes()), stored_maps(run)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, float]:
    """The tables of the experiment, and how many seconds it takes in this process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    experiment = small(folder)
    sweep(experiment, out=folder / "warm", executor="serial")
    started = time.perf_counter()
    sweep(experiment, out=folder / "run", executor="serial")
    return tables(folder / "run"), time.perf_counter() - started


@contextlib.contextmanager
def forked(call: Callable[[], Any]) -> Iterator[int]:
    """Run a call in a copy of this process, which has imported everything; yields its id, and ends it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that other tests left behind
        pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        with contextlib.suppress(BaseException), open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
            call()
        os._exit(0)
    try:
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def group_is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def wait_for(look: Callable[[], bool]) -> None:
    """Wait until something holds; a machine that is slow only makes it longer."""
    for _ in range(6000):
        if look():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def kill_and_resume(place: Path, seconds: float, right: Any) -> None:
    """Sweep in a copy of this process, kill it after so many seconds, resume here."""
    experiment, run = small(place), place / "run"
    with forked(lambda: sweep(experiment, out=run, executor="serial")) as pid:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    # Serial execution has no workers: what is left in the group is none.
    wait_for(lambda: group_is_empty(pid))
    sweep(experiment, out=run, executor="serial")
    assert tables(run) == right
    names = [path.name for path in run.iterdir()]
    assert [name for name in names if LEFTOVER.fullmatch(name) or name == "running.json"] == []
    assert not {"trials.sqlite-wal", "trials.sqlite-shm"} & set(names)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(10))
def test_a_sweep_killed_at_any_moment_resumes_to_the_same_tables(
    tmp_path: Path, undisturbed: tuple[Any, float], moment: int
) -> None:
    right, seconds = undisturbed
    kill_and_resume(tmp_path, random.Random(moment).uniform(0, 1.1) * seconds, right)


@pytest.mark.slow
@pytest.mark.large
def test_a_hundred_kills(tmp_path: Path, undisturbed: tuple[Any, float]) -> None:
    right, seconds = undisturbed
    moments = random.Random(0)
    for number in range(100):
        place = tmp_path / str(number)
        place.mkdir()
        kill_and_resume(place, moments.uniform(0, 1.1) * seconds, right)


def ended_in(run: Path) -> list[str]:
    """Return the keys of the planned trials that have a result, as they lie in the store."""
    store = sqlite3.connect(run / "trials.sqlite")
    keys = store.execute("SELECT key FROM planned JOIN trials USING (key) ORDER BY phase DESC, position")
    ended = [key for (key,) in keys.fetchall()]
    store.close()
    return ended


@pytest.mark.slow
@pytest.mark.parametrize("stacks", range(1, 6))
def test_what_a_killed_sweep_left_is_shown_by_every_verb_and_none_of_them_spoils_it(
    tmp_path: Path, undisturbed: tuple[Any, float], monkeypatch: pytest.MonkeyPatch, stacks: int
) -> None:
    """Killed after so many of its six stacks: every trial that ended is in each table, and no other is."""
    right, _ = undisturbed
    monkeypatch.setattr("anncore.report.write.draw_figures", lambda *inputs: iter(()))
    monkeypatch.chdir(tmp_path)
    experiment, run, whole = small(tmp_path), tmp_path / "run", tmp_path / "whole"
    sweep(experiment, out=whole, executor="serial")
    ended = 0

    def die(event: Any) -> None:
        nonlocal ended
        ended += isinstance(event, StackDone)
        if ended == stacks:
            os.kill(os.getpid(), signal.SIGKILL)

    with forked(lambda: sweep(experiment, out=run, executor="serial", on_event=die)) as pid:
        wait_for(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)
    keys = ended_in(run)
    assert 0 < len(keys) < len(right[0])

    def invoke(*command: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == code, (command, result.output, result.exception)
        return result.output

    status = json.loads(invoke("status", "run", "--json"))
    assert status["running"] is None
    tuned, reported = (counts.get("ok", 0) for counts in status["phases"].values())
    assert tuned + reported == len(keys)
    invoke("export", "run", "--format", "csv")
    with (run / "export" / "trials.csv").open(newline="") as file:
        assert [row["key"] for row in csv.DictReader(file)] == keys
    said = invoke("report", "run")
    if reported:
        assert json.loads((run / "report.json").read_bytes())["counts"]["trials"] == len(keys)
    else:  # nothing is chosen yet, so that there is nothing to judge
        left = len(right[0]) - len(keys)
        assert said.strip() == f"{left} trials not run; 'annx sweep' resumes."
    for pair in (("run", "whole"), ("whole", "run")):
        said = invoke("compare", *pair, code=0 if reported else 2)
        assert reported or said.startswith("annx: run has no report trials yet; let 'annx sweep' go on")
    sweep(experiment, out=run, executor="serial")
    assert tables(run) == right


@pytest.mark.slow
@pytest.mark.parametrize("name", ["experiment.toml", "env.json", "running.json", "curves.csv.gz"])
def test_a_kill_in_the_middle_of_writing_a_file_leaves_nothing_behind(
    tmp_path: Path, undisturbed: tuple[Any, float], name: str
) -> None:
    """The process dies with a file written aside and not moved into place."""
    experiment, run = small(tmp_path), tmp_path / "run"

    def die_in_the_middle() -> None:
        replace = os.replace

        def replace_or_die(source: Any, target: Any) -> None:
            if Path(target).name == name:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)

        os.replace = replace_or_die
        sweep(experiment, out=run, executor="serial")

    with forked(die_in_the_middle) as pid:
        wait_for(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)
    assert [path for path in run.iterdir() if LEFTOVER.fullmatch(path.name)]
    sweep(experiment, out=run, executor="serial")
    assert tables(run) == undisturbed[0]
    assert [path for path in run.iterdir() if LEFTOVER.fullmatch(path.name)] == []
