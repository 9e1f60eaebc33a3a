"""Figures are drawn by several processes: the same report, and nothing lost where one of them ends early."""

from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from results_factory import make_results

from anncore.report import shares
from anncore.report.shares import shared
from anncore.report.write import figures_to_draw, write_report

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares.sys, "platform", "linux")
    monkeypatch.setattr(shares.threading, "active_count", lambda: 1)  # a test's process may have more
    monkeypatch.setattr(shares, "THREADED", shares.THREADED - shares.sys.modules.keys())  # another test's


def who(piece: int) -> tuple[int, int]:
    time.sleep(0.02)  # so that every process comes to its turn
    return piece, os.getpid()


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_each_piece_is_done_once_and_each_process_takes_some(processes: int) -> None:
    done = shared(who, 20, processes)
    assert [piece for piece, _ in done] == list(range(20))
    assert len({process for _, process in done}) == processes


def test_more_processes_than_pieces_do_no_harm() -> None:
    assert [piece for piece, _ in shared(who, 2, 5)] == [0, 1]
    assert shared(who, 0, 2) == []


def test_where_forking_is_not_safe_one_process_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares.threading, "active_count", lambda: 2)
    assert shared(who, 7, 3) == [(piece, os.getpid()) for piece in range(7)]


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_beside_a_library_with_threads_of_its_own_no_process_is_forked(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(shares.sys.modules, library, shares)
    assert shared(who, 3, 3) == [(piece, os.getpid()) for piece in range(3)]


def no_children() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return True


def test_what_a_process_did_that_ended_early_is_done_here() -> None:
    here = os.getpid()

    def dies_elsewhere(piece: int) -> tuple[int, int]:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return who(piece)

    assert shared(dies_elsewhere, 7, 2) == [(piece, here) for piece in range(7)]
    assert no_children()


@pytest.mark.parametrize("lacking", ["fork", "pipe"])
@pytest.mark.parametrize("there", [0, 1])
def test_who_may_have_no_more_processes_does_without(
    lacking: str, there: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where memory, processes or open files of a user are at their limit."""
    made = 0
    module, name = (shares.os, "fork") if lacking == "fork" else (shares, "Pipe")
    known = getattr(module, name)

    def refuses(**options: bool) -> object:
        nonlocal made
        made += 1
        if made > there:
            raise OSError(errno.EAGAIN if lacking == "fork" else errno.EMFILE, "no more")
        return known(**options)

    monkeypatch.setattr(module, name, refuses)
    opened = len(os.listdir("/dev/fd"))
    done = shared(who, 9, 3)
    assert [piece for piece, _ in done] == list(range(9))
    assert len({process for _, process in done}) == 1 + there
    assert no_children()
    gc.collect()
    assert len(os.listdir("/dev/fd")) == opened


def test_an_error_is_raised_as_in_one_process() -> None:
    def fails(piece: int) -> None:
        if piece == 1:
            raise ValueError("one is odd")

    with pytest.raises(ValueError, match="one is odd"):
        shared(fails, 2, 2)
    assert no_children()


def test_who_stops_the_work_ends_the_others() -> None:
    here = os.getpid()
    read, write = os.pipe()

    def stopped(piece: int) -> None:
        if os.getpid() == here:
            os.read(read, 1)  # the other one is at work
            raise KeyboardInterrupt
        os.write(write, b"x")
        signal.pause()

    with pytest.raises(KeyboardInterrupt):
        shared(stopped, 2, 2)
    os.close(read)
    os.close(write)


INTERRUPTED = """
import os, signal, sys, time
from anncore.report import shares

fork, made = os.fork, []

def interrupted():
    process = fork()
    if not process or len(made) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGINT)  # both get it, as from a terminal
    made.append(process)
    return process

os.fork = interrupted
try:
    shares.shared(lambda piece: time.sleep(0.1), 9, 4)
except KeyboardInterrupt:
    print("interrupted", len(made))
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("alone")
"""


@pytest.mark.parametrize("there", [0, 1])
def test_who_stops_the_work_while_it_begins_leaves_no_process(there: int) -> None:
    """In a process with one thread, as is asked for: others would get the signal in its place."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(there)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.stdout, done.stderr) == (f"interrupted {there + 1}\nalone\n", "")


def test_a_report_is_the_same_whoever_draws_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = partial(figures_to_draw, only=("leaderboard", "lr_sensitivity", "differences", "som_map"))
    monkeypatch.setattr("anncore.report.write.figures_to_draw", some)
    results = make_results(arms=("sgd", "adam"), problems=("xor",), regression=(), seeds=range(100, 103))
    files = {}
    for number in (1, 2, 3):
        monkeypatch.setattr("anncore.report.write.cores", lambda number=number: number)
        folder = tmp_path / str(number)
        folder.mkdir()
        write_report(results, folder)
        files[number] = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(files[1]) > 6
    assert files[1] == files[2] == files[3]
