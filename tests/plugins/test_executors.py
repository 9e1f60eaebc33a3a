"""Executors: every task comes back once, whatever becomes of the workers, and no process stays behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from executor_work import BadStart, Task, Unprepared, Work
from shipped import REGISTRY

from anncore import AnnxError, Lost, Watchdog

NAMES = ["serial", "processes"]  # those of this machine; test_dask.py has the other


def run(
    name: str, tasks: Any, work: Any = None, *, jobs: int = 2, stop: Any = lambda: False
) -> Iterator[Any]:
    executor: Any = REGISTRY.get("executor", name).cls()
    return executor.run(work or Work(), tasks, jobs=jobs, stop=stop)


def workers() -> set[int]:
    """Return the live or unburied children of this process, but for Python's own and the kit's."""
    pids = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, rest = path.read_text().split(" ", 1)
            if int(rest.rpartition(")")[2].split()[1]) == os.getpid():
                command = Path(f"/proc/{pid}/cmdline").read_text()
                if not any(other in command for other in ("resource_tracker", "anncore.testing.elsewhere")):
                    pids.add(int(pid))
    return pids


@pytest.fixture(autouse=True)
def _no_process_stays_behind() -> Iterator[None]:
    before = workers()
    yield
    assert workers() <= before


@pytest.mark.parametrize("name", NAMES)
def test_every_task_comes_back_once_with_its_result(name: str) -> None:
    tasks = [Task("square", number) for number in range(20)]
    values = dict(run(name, iter(tasks)))
    assert values == {task: task.number**2 for task in tasks}


@pytest.mark.parametrize("name", NAMES)
def test_no_task_no_result(name: str) -> None:
    assert list(run(name, [])) == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_starts_once_stopped(name: str) -> None:
    assert list(run(name, [Task("square", 1)], stop=lambda: True)) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_runs_when_stopped_is_finished_and_kept(name: str) -> None:
    done: list[Any] = []
    for task, _ in run(name, [Task("square", number) for number in range(50)], stop=lambda: bool(done)):
        done.append(task)
    assert 1 <= len(done) <= 3  # the first, and what its neighbours had in hand


@pytest.mark.parametrize("name", NAMES)
def test_what_work_raises_is_raised_here(name: str) -> None:
    with pytest.raises(KeyError, match="number 3"):
        list(run(name, [Task("raise", 3)]))


def test_an_exception_from_a_worker_tells_where_it_was_raised() -> None:
    with pytest.raises(KeyError) as caught:
        list(run("processes", [Task("raise", 3)]))
    assert "do_raise" in "".join(caught.value.__notes__)


def test_a_preparation_that_fails_is_raised_here() -> None:
    with pytest.raises(OSError, match="no place to work"):
        list(run("processes", [Task("square", 3)], Unprepared()))


def test_workers_that_cannot_start_are_a_clear_error() -> None:
    with pytest.raises(AnnxError, match=r"no worker can be started; .* ended with exit code 7"):
        list(run("processes", [Task("square", 3)], BadStart()))


def test_workers_are_prepared_once_and_used_again() -> None:
    pids = [value for _, value in run("processes", [Task("pid", number) for number in range(12)])]
    assert len({pid for pid, _ in pids}) <= 2
    assert {prepared for _, prepared in pids} == {1}


def test_workers_live_as_long_as_their_work() -> None:
    work, before = Work(), workers()
    pids = set()
    for _ in range(2):
        pids |= {value[0] for _, value in run("processes", [Task("pid", 1), Task("pid", 2)], work, jobs=1)}
    assert pids == workers() - before
    assert len(pids) == 1
    assert {value[0] for _, value in run("processes", [Task("pid")], Work(), jobs=1)}.isdisjoint(pids)
    del work
    assert workers() == before


def test_a_worker_that_died_at_rest_is_replaced() -> None:
    work = Work()
    ((_, (pid, _)),) = run("processes", [Task("pid")], work)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), bool)
    assert list(run("processes", [Task("square", 3)], work)) == [(Task("square", 3), 9)]


def test_no_more_workers_than_tasks() -> None:
    seen: set[int] = set()
    for _ in run("processes", [Task("sleep", 100)], jobs=8):
        seen |= workers()
    assert len(seen) <= 1


def test_dead_workers_lose_their_own_task_only() -> None:
    tasks = [Task("square", 1), Task("exit", 3), Task("square", 2), Task("die"), Task("square", 3)]
    tasks.append(Task("interrupt"))
    values = dict(run("processes", tasks))
    assert values[Task("exit", 3)] == Lost("crashed", "the worker process ended with exit code 3")
    assert values[Task("die")] == Lost("crashed", "the worker process was killed by SIGKILL")
    assert values[Task("interrupt")] == Lost("crashed", "a plugin raised KeyboardInterrupt")
    assert [values[Task("square", number)] for number in (1, 2, 3)] == [1, 4, 9]


def test_a_worker_that_the_system_killed_for_its_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system counts whom it killed; that count is one more after the worker's death than before."""
    counts = itertools.count()
    monkeypatch.setattr("annx_plugins.executors.processes.killed_for_memory", lambda: next(counts))
    (loss,) = dict(run("processes", [Task("die")], jobs=1)).values()
    reason = "the worker process was killed by SIGKILL, and the system ran out of memory meanwhile"
    assert loss == Lost("crashed", reason)


def test_a_task_past_its_time_is_lost_alone() -> None:
    slow = Task("sleep", 3_600_000, timeout=0.3)  # an hour, which nobody waits for
    values = dict(run("processes", [slow, Task("square", 2), Task("sleep", 10, timeout=30)]))
    assert values[slow] == Lost("timeout", "not finished after 0.3 s")
    assert values[Task("square", 2)] == 4
    assert values[Task("sleep", 10, timeout=30)] == 10


def test_a_huge_result_does_not_block() -> None:
    values = dict(run("processes", [Task("huge", 30_000_000), Task("huge", 20_000_000)]))
    assert sorted(map(len, values.values())) == [20_000_000, 30_000_000]


def test_a_result_that_cannot_be_sent_or_read_is_lost_alone() -> None:
    values = dict(run("processes", [Task("odd"), Task("sly"), Task("square", 2)], jobs=1))
    assert values[Task("odd")] == Lost(
        "crashed", "its result cannot be sent: TypeError: odd things stay at home"
    )
    assert values[Task("sly")] == Lost("crashed", "its result cannot be read: ValueError: not welcome here")
    assert values[Task("square", 2)] == 4


def test_a_task_that_cannot_be_sent_is_an_error() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        list(run("processes", [lambda: None]))


def test_workers_run_blas_on_one_thread_and_the_driver_keeps_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    values = dict(run("processes", [Task("environment"), Task("blas")], jobs=1))
    assert set(values[Task("environment")].values()) == {"1"}
    assert set(values[Task("blas")]) == {1}
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ


def test_leaving_early_ends_the_workers() -> None:
    running = run("processes", [Task("square", 1), Task("sleep", 60_000), Task("sleep", 60_001)])
    assert next(running) == (Task("square", 1), 1)
    assert workers()
    running.close()  # type: ignore[attr-defined]


def test_an_error_of_the_driver_ends_the_workers() -> None:
    def tasks() -> Iterator[Task]:
        yield Task("sleep", 60_000)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(run("processes", tasks()))


DRIVER = """
from executor_work import Task, Work
from anncore import load_registry
executor = load_registry().get("executor", "processes").cls()
tasks = [Task({what!r}, 60_000 + number) for number in range(4)]
print("started", flush=True)
def work():
    for each in executor.run(Work({log!r}), tasks, jobs=2, stop=lambda: False):
        print(each)
if {threaded}:
    import threading
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
"""


@pytest.mark.parametrize(
    ("name", "what", "threaded"),
    [
        ("SIGKILL", "sleep", False),
        ("SIGINT", "sleep", False),
        ("SIGKILL", "hang", False),  # the kernel ends the worker
        ("SIGKILL", "hang", True),  # a watchdog does
    ],
)
def test_workers_end_with_their_driver(tmp_path: Path, name: str, what: str, threaded: bool) -> None:
    """A script without a guard, too: workers must not run it again."""
    log = tmp_path / "log"
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(DRIVER.format(log=str(log), what=what, threaded=threaded)))
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    driver = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, text=True
    )
    try:
        pids = wait_for(lambda: tasks_begun(log), lambda begun: len(begun) == 2)
        assert all(map(alive, pids))
        driver.send_signal(signal.Signals[name])
        out, _ = driver.communicate(timeout=120)
        assert out == "started\n"
        wait_for(lambda: [pid for pid in pids if alive(pid)], lambda left: not left)
    finally:
        driver.kill()
        driver.communicate()


def test_a_task_past_its_deadline_is_stopped_with_its_worker() -> None:
    endless = Task("hang", deadline=time.monotonic() + 0.1)
    assert list(run("processes", [endless], jobs=1)) == [(endless, Lost("stopped", "out of time"))]


def test_a_task_that_ends_before_its_deadline_is_kept() -> None:
    quick = Task("square", 3, deadline=time.monotonic() + 3600)
    assert list(run("processes", [quick], jobs=1)) == [(quick, 9)]


def test_workers_ignore_being_asked_to_end() -> None:
    assert dict(run("processes", [Task("terminate", 7)], jobs=1)) == {Task("terminate", 7): 7}


def test_a_watchdog_kills_what_it_watches_once_its_owner_is_gone_and_nothing_that_it_forgot() -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    watched, forgotten = subprocess.Popen(sleep), subprocess.Popen(sleep)
    try:
        watchdog = Watchdog()
        for process in (watched, forgotten):
            watchdog.watch(process.pid)
        watchdog.forget(forgotten.pid)
        assert watchdog.alive
        assert watched.poll() is None
        del watchdog  # its pipe ends, as it does when the owner is killed
        assert watched.wait(120) == -signal.SIGKILL
        assert forgotten.poll() is None
    finally:
        for process in (watched, forgotten):
            process.kill()
            process.wait()


def test_workers_ignore_an_interrupt(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def stop() -> bool:  # called whenever the driver hands out tasks
        for pid in tasks_begun(log):
            os.kill(pid, signal.SIGINT)
        return False

    values = list(run("processes", [Task("sleep", 100)] * 6, Work(str(log)), stop=stop))
    assert values == [(Task("sleep", 100), 100)] * 6


def tasks_begun(log: Path) -> list[int]:
    return [int(line.split()[2]) for line in log.read_text().splitlines()] if log.exists() else []


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_for(look: Any, enough: Any, seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not enough(seen := look()):
        assert time.monotonic() < end, seen
        time.sleep(0.02)
    return seen


def test_workers_that_were_started_before_get_the_tasks() -> None:
    work, executor = Work(), REGISTRY.get("executor", "processes").cls()
    before = workers()
    executor.start(work, jobs=2)
    early = workers() - before
    assert len(early) == 2
    done = executor.run(work, [Task("pid", n) for n in range(8)], jobs=2, stop=bool)
    assert {pid for _, (pid, _) in done} <= early
    assert workers() - before == early  # they wait for the next run of this work


def test_of_many_workers_a_few_are_started_before_there_are_tasks() -> None:
    work, executor = Work(), REGISTRY.get("executor", "processes").cls()
    before = workers()
    executor.start(work, jobs=64)
    assert len(workers() - before) == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_work_that_gets_no_task_ends_its_workers_at_once(name: str) -> None:
    work, executor = Work(), REGISTRY.get("executor", name).cls()
    before = workers()
    executor.start(work, jobs=2)
    began = time.monotonic()
    del work
    assert workers() <= before
    assert time.monotonic() - began < 2  # a worker that still imports is not waited for


def test_an_executor_may_have_nothing_to_start() -> None:
    work = Work()
    before = workers()
    REGISTRY.get("executor", "serial").cls().start(work, jobs=2)
    assert workers() == before
