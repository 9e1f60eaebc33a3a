"""Figures are drawn by several processes: the same report, and nothing lost where one of them ends early."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest
from results_factory import make_results

from anncore.report import shares
from anncore.report.shares import is_own, shared
from anncore.report.write import draw_figures, write_report

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares.sys, "platform", "linux")
    monkeypatch.setattr(shares.threading, "active_count", lambda: 1)  # a test's process may have more


def numbers() -> list[tuple[int, int]]:
    return [(number, os.getpid()) for number in range(7) if is_own(number)]


@pytest.mark.parametrize("processes", [1, 2, 3, 9])
def test_each_piece_is_done_once_by_its_process(processes: int) -> None:
    parts = shared(numbers, processes)
    assert [[number for number, _ in part] for part in parts] == [
        list(range(first, 7, processes)) for first in range(processes)
    ]
    who = {process for part in parts for _, process in part}
    assert len(who) == min(processes, 7)
    assert is_own(3), "outside of it all is a process's own"


def test_where_forking_is_not_safe_one_process_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares.threading, "active_count", lambda: 2)
    assert shared(numbers, 3) == [[(number, os.getpid()) for number in range(7)]]


def no_children() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return True


def test_what_a_process_did_that_ended_early_is_done_here() -> None:
    here = os.getpid()

    def dies_elsewhere() -> list[tuple[int, int]]:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return numbers()

    assert shared(dies_elsewhere, 2) == [[(n, here) for n in (0, 2, 4, 6)], [(n, here) for n in (1, 3, 5)]]
    assert no_children()


def test_an_error_is_raised_as_in_one_process() -> None:
    def fails() -> None:
        if is_own(1):
            raise ValueError("one is odd")

    with pytest.raises(ValueError, match="one is odd"):
        shared(fails, 2)
    assert is_own(0)
    assert is_own(1)


def test_who_stops_the_work_ends_the_others() -> None:
    here = os.getpid()
    read, write = os.pipe()

    def stopped() -> None:
        if os.getpid() == here:
            os.read(read, 1)  # the other one is at work
            raise KeyboardInterrupt
        os.write(write, b"x")
        signal.pause()

    with pytest.raises(KeyboardInterrupt):
        shared(stopped, 2)
    os.close(read)
    os.close(write)


def test_a_report_is_the_same_whoever_draws_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = partial(draw_figures, only=("leaderboard", "lr_sensitivity", "differences", "som_map"))
    monkeypatch.setattr("anncore.report.write.draw_figures", some)
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
