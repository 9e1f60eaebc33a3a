"""Sweeps that are killed, interrupted or out of time, and resumed: the same tables in the end."""

from __future__ import annotations

import gzip
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from left_behind import children, no_process_stays_behind  # noqa: F401
from sweep_factory import DRIVER, REPORT, SLOW, TUNED, load, load_slow, stored_maps, without_seconds

from anncore import Stopper, load_run
from anncore.contract.events import Progressed, StackDone, StopRequested
from anncore.running.stopping import interruptible
from anncore.running.store import Store
from anncore.running.sweep import sweep
from anncore.running.worker import Task

Tables = tuple[Any, bytes, dict[str, bytes]]


@pytest.fixture(scope="module")
def slow_tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of the slow experiment, run without disturbance."""
    folder = tmp_path_factory.mktemp("undisturbed")
    sweep(load_slow(folder), out=folder / "run", executor="serial")
    return tables(folder / "run")


def tables(run: Path) -> Tables:
    return without_seconds(run), gzip.decompress((run / "curves.csv.gz").read_bytes()), stored_maps(run)


def drive(folder: Path) -> subprocess.Popen[str]:
    command = [*DRIVER, str(folder), str(folder / "run")]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    # A group of its own, for Ctrl-C at a terminal reaches the workers too.
    return start(command, env=environ)


def start(command: list[str], **options: Any) -> subprocess.Popen[str]:
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, start_new_session=True, **pipes, **options)


def wait_for(look: Any) -> None:
    end = time.monotonic() + 120
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def read_until(driver: subprocess.Popen[str], line: str, count: int = 1) -> None:
    assert driver.stdout is not None
    limit = threading.Timer(120, driver.kill)
    limit.start()
    try:
        while count:
            read_line = driver.stdout.readline()
            assert read_line, driver.stderr.read() if driver.stderr else ""
            count -= read_line.strip() == line
    finally:
        limit.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_killed_sweep_resumes_to_the_same_tables(tmp_path: Path, slow_tables: Tables, seed: int) -> None:
    rng = random.Random(seed)
    driver = drive(tmp_path)
    read_until(driver, "StackDone", rng.choice([1, 3, 9]))
    time.sleep(rng.uniform(0, 0.15))
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate(timeout=120)
    wait_for(lambda: not group_exists(driver.pid))  # the workers end with their driver
    before = load_run(tmp_path / "run")
    assert len(before.trials) > 0
    results = sweep(load_slow(tmp_path), out=tmp_path / "run", executor="serial")
    assert tables(tmp_path / "run") == slow_tables
    assert results.stopped == ""


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path: Path, slow_tables: Tables) -> None:
    killed: list[int] = []

    def kill(event: Any) -> None:
        if isinstance(event, StackDone) and len(killed) < 2:
            killed.append(min(children() - set(killed)))
            os.kill(killed[-1], signal.SIGKILL)

    sweep(load_slow(tmp_path), out=tmp_path / "run", jobs=2, on_event=kill)
    assert len(killed) == 2
    assert tables(tmp_path / "run") == slow_tables


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]
)
def test_the_first_interrupt_drains_and_the_same_command_resumes(
    tmp_path: Path, slow_tables: Tables, number: int, reason: str
) -> None:
    driver = drive(tmp_path)
    read_until(driver, "StackDone", 2)
    os.killpg(driver.pid, number)
    out, err = driver.communicate(timeout=120)
    assert (driver.returncode, err) == (0, "")
    assert "StopRequested\n" in out
    assert out.endswith(f"stopped: {reason}\n")
    loaded = load_run(tmp_path / "run")
    assert 0 < len(loaded.trials) < 48
    assert len(loaded.selection) == 0  # nothing is chosen from half of the tuning
    assert set(loaded.trials["status"]) == {"ok"}
    sweep(load_slow(tmp_path), out=tmp_path / "run", executor="serial")
    assert tables(tmp_path / "run") == slow_tables


@pytest.mark.slow
def test_the_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    load(tmp_path, "\n" + REPORT + '[optimizer.trouble]\nhow = ["none", "hang"]\n', hidden="[[2], [3]]")
    code = (
        "import sys\n"
        "from anncore import load_experiment\n"
        "from anncore.running.sweep import sweep\n"
        "say = lambda event: print(type(event).__name__, flush=True)\n"
        "sweep(load_experiment(sys.argv[1]), out=sys.argv[2], jobs=2, on_event=say)\n"
    )
    command = [DRIVER[0], "-c", code, str(tmp_path / "small.toml"), str(tmp_path / "run")]
    driver = start(command)
    wait_for((tmp_path / "hanging").exists)
    os.killpg(driver.pid, signal.SIGINT)
    read_until(driver, "StopRequested")
    assert driver.poll() is None  # it waits for what is running
    os.killpg(driver.pid, signal.SIGINT)
    _, err = driver.communicate(timeout=120)
    assert driver.returncode == -signal.SIGINT  # Python's way to end by KeyboardInterrupt
    assert err.count("Traceback") == 1
    assert err.strip().endswith("KeyboardInterrupt")
    wait_for(lambda: not group_exists(driver.pid))
    Store(tmp_path / "run" / "trials.sqlite").close()


def test_out_of_time_nothing_new_starts(tmp_path: Path) -> None:
    experiment = load_slow(tmp_path)
    results = sweep(experiment, out=tmp_path / "run", executor="serial", max_time=0.2)
    assert results.stopped == "max_time"
    assert results.missing > 0


def test_a_running_stack_ends_at_the_limit_and_its_trials_are_run_the_next_time(tmp_path: Path) -> None:
    """A step of the slow optimizer takes 0.01 s: by itself the first stack would run for an hour."""
    endless = load(tmp_path, SLOW, overrides=["train.steps=360000", "train.eval_every=3600"])
    results = sweep(endless, out=tmp_path / "run", executor="serial", max_time=0.6)
    assert (results.stopped, len(results.trials)) == ("max_time", 0)
    with Store(tmp_path / "run" / "trials.sqlite", write=False) as store:
        assert store.counts("tune") == {"missing": 4}


@pytest.mark.slow
def test_the_same_with_workers_of_which_one_hangs_in_c(tmp_path: Path) -> None:
    experiment = load(tmp_path, "\n" + REPORT + '[optimizer.trouble]\nhow = "hang"\n')
    results = sweep(experiment, out=tmp_path / "run", jobs=1, max_time=0.2)
    assert (results.stopped, len(results.trials)) == ("max_time", 0)


@pytest.mark.parametrize("reason", ["interrupted", "terminated", "max_time", "fail_fast"])
def test_a_sweep_that_was_asked_to_stop_with_nothing_left_is_complete(tmp_path: Path, reason: str) -> None:
    stopper = Stopper()

    def stop(event: Any) -> None:
        if isinstance(event, StackDone) and event.phase == "report":
            stopper.request(reason)

    experiment = load(tmp_path, TUNED)
    results = sweep(experiment, out=tmp_path / "run", executor="serial", stopper=stopper, on_event=stop)
    assert (results.stopped, results.missing) == ("", 0)


def test_a_task_takes_the_time_that_is_left_to_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task((), deadline=100.0)
    monkeypatch.setattr("anncore.running.worker.time.monotonic", lambda: 90.0)
    sent = pickle.dumps(task)
    monkeypatch.setattr("anncore.running.worker.time.monotonic", lambda: 7000.0)
    assert pickle.loads(sent) == Task((), deadline=7010.0)
    assert pickle.loads(pickle.dumps(Task(()))) == Task(())


def test_progress_counts_the_steps_of_running_stacks(tmp_path: Path) -> None:
    """Ten steps of each of three trials, and a look after every step."""
    events: list[Progressed] = []

    def note(event: Any) -> None:
        if isinstance(event, Progressed):
            events.append(event)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("anncore.running.worker.BEAT", 0.0)
        monkeypatch.setattr("anncore.running.progress.EVERY", 0.0)
        text = "\nseeds.report = [0, 1, 2]\noptimizer.sgd.lr = 0.1\n"
        experiment = load(tmp_path, text, overrides=["train.steps=10"])
        sweep(experiment, out=tmp_path / "run", executor="serial", on_event=note)
    done = [event.done for event in events]
    assert done == sorted(done)
    assert {round(3 * step / 10, 6) for step in range(11)} <= {round(number, 6) for number in done}
    assert all(event.total == 3 for event in events)
    assert (events[-1].share, events[-1].left) == (1.0, 0.0)


def test_a_stopper_of_the_caller_s_stops(tmp_path: Path) -> None:
    stopper = Stopper()

    def stop(event: Any) -> None:
        if isinstance(event, StackDone):
            stopper.request()

    results = sweep(
        load_slow(tmp_path), out=tmp_path / "run", executor="serial", stopper=stopper, on_event=stop
    )
    assert results.stopped == "interrupted"
    assert 0 < len(results.trials) < results.plan.counts["tune"]


def test_an_interrupt_asks_once_and_raises_then() -> None:
    stopper, events, before = Stopper(), [], signal.getsignal(signal.SIGINT)
    with interruptible(stopper, events.append):
        os.kill(os.getpid(), signal.SIGINT)
        assert stopper()
        assert events == [StopRequested("interrupted")]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_asked_to_end_is_as_an_interrupt(number: int) -> None:
    stopper, before = Stopper(), signal.getsignal(number)
    with interruptible(stopper):
        os.kill(os.getpid(), number)
        assert stopper.reason == "terminated"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before
    mine = signal.signal(number, lambda number, frame: None)
    try:
        with interruptible(stopper):  # the host handles it by itself
            assert signal.getsignal(number) is not signal.SIG_DFL
            os.kill(os.getpid(), number)
    finally:
        signal.signal(number, mine)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU])
def test_a_notice_that_the_job_ends_soon_drains_and_the_signal_after_it_stops_nothing(number: int) -> None:
    """SLURM sends --signal=USR1@60, and SIGTERM at the end; another SIGTERM, or Ctrl-C, stops."""
    stopper, before = Stopper(), signal.getsignal(number)
    with interruptible(stopper):
        os.kill(os.getpid(), number)
        assert stopper.reason == "terminated"
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(number) is before
    with interruptible(Stopper()):
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_what_is_printed_to_a_closed_terminal_goes_nowhere() -> None:
    code = """
import os, signal
from anncore.running.stopping import Stopper, interruptible
stopper = Stopper()
with interruptible(stopper):
    os.read(0, 1)  # until the terminal closes
    os.kill(os.getpid(), signal.SIGHUP)
    print("drained", flush=True)
raise SystemExit(7 if stopper.reason == "terminated" else 0)
"""
    ours, theirs = os.openpty()
    waiting, done = os.pipe()
    driver = subprocess.Popen([sys.executable, "-c", code], stdin=waiting, stdout=theirs, stderr=theirs)
    for end in (theirs, waiting, ours, done):  # the last one lets it read on
        os.close(end)
    assert driver.wait(60) == 7


def test_interrupts_are_left_alone_in_other_threads_and_where_they_are_ignored() -> None:
    seen: list[Any] = []

    def look() -> None:
        with interruptible(Stopper()):
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join(60)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        look()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [before, signal.SIG_IGN]
