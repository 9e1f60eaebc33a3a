"""The executor dask: a cluster gives the results of one process, whatever becomes of its parts."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from executor_work import Task, Work
from shipped import REGISTRY
from sweep_factory import TUNED, load, load_slow, stored_maps, without_seconds

from anncore import AnnxError, DataError, load_registry
from anncore.cli.group import cli
from anncore.contract.events import StackDone, WorkersChanged
from anncore.contract.named_file import CARRIED, named_file, read_files
from anncore.running.carried import Carried
from anncore.running.files import LEFTOVER
from anncore.running.sweep import sweep
from anncore.running.worker import Work as Training

DASK: Any = REGISTRY.get("executor", "dask").cls
QUIET = {**os.environ, "DASK_LOGGING__DISTRIBUTED": "error", "PYTHONWARNINGS": "ignore"}


class Cluster:
    """A scheduler and workers in processes of their own, as a cluster has them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start_scheduler(self) -> None:
        self.file.unlink(missing_ok=True)
        self.scheduler = self._started("scheduler", "--port", "0", "--scheduler-file", str(self.file))
        until = time.monotonic() + 120
        while not self.file.is_file() and time.monotonic() < until:
            time.sleep(0.05)

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        options = ("--scheduler-file", str(self.file), "--nthreads", "1", "--no-nanny")
        self.workers.append(self._started("worker", *options, **environment))
        return self.workers[-1]

    def _started(self, what: str, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--host", "127.0.0.1"]
        place = self.folder / f"{what}-{len(self.workers)}"
        place.mkdir(exist_ok=True)
        return subprocess.Popen(
            [*command, "--no-dashboard", *options],
            cwd=place,
            env={**QUIET, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def executor(self) -> Any:
        return DASK(scheduler_file=str(self.file))

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    started = Cluster(tmp_path)
    yield started
    started.end()


def after_stacks(number: int, act: Callable[[], None]) -> Callable[[Any], None]:
    """Return a listener that acts once, after so many stacks."""
    ended: list[Any] = []

    def hear(event: Any) -> None:
        if isinstance(event, StackDone):
            ended.append(event)
            if len(ended) == number:
                act()

    return hear


def test_without_the_library_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for attempt in (DASK().check, lambda: list(DASK().run(Work(), [Task("square")], jobs=1, stop=bool))):
        with pytest.raises(AnnxError, match=r"^executor 'dask' needs distributed, .*annx\[dask\]'\.$"):
            attempt()


def test_a_scheduler_that_does_not_answer_leaves_no_folder(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(AnnxError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1 .*is it running\?$"):
        sweep(load(tmp_path, TUNED), out=tmp_path / "out", executor=DASK(scheduler="tcp://127.0.0.1:1"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(AnnxError, match="give scheduler or scheduler_file, not both"):
        DASK(scheduler="tcp://127.0.0.1:1", scheduler_file="x").check()


NO_ADDRESS = {
    "missing": (lambda file: None, "No such file or directory"),
    "folder": (lambda file: file.mkdir(), "Is a directory"),
    "pipe": (lambda file: os.mkfifo(file), "it is a pipe"),
    "empty": (lambda file: file.write_text(""), "it holds no address"),
    "list": (lambda file: file.write_text("[1]"), "it holds no address"),
    "number": (lambda file: file.write_text('{"address": 5}'), "it holds no address"),
    "deep": (lambda file: file.write_text("[" * 100_000), "it holds no address"),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("what", NO_ADDRESS)
def test_a_scheduler_file_without_an_address_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(f"{DASK.__module__}.PATIENCE", 0.0)
    make, reason = NO_ADDRESS[what]
    file = tmp_path / "scheduler.json"
    make(file)
    with pytest.raises(AnnxError) as caught:
        DASK(scheduler_file=str(file)).check()
    told = f"executor 'dask': no scheduler answers at {file} ({reason}); is it running?"
    assert str(caught.value) == told


@pytest.mark.slow
def test_workers_may_die_and_others_join(cluster: Cluster, tmp_path: Path) -> None:
    experiment = load_slow(tmp_path)
    alone = sweep(experiment, out=tmp_path / "alone", executor="serial")
    first = cluster.start_worker()
    cluster.start_worker()

    def replace_first() -> None:
        first.send_signal(signal.SIGKILL)
        cluster.start_worker()

    told, staff = after_stacks(3, replace_first), []

    def hear(event: Any) -> None:
        if isinstance(event, WorkersChanged):
            staff.append((event.workers, event.lost))
        told(event)

    results = sweep(experiment, out=tmp_path / "out", executor=cluster.executor(), on_event=hear)
    assert without_seconds(results) == without_seconds(alone)
    assert results.curves.equals(alone.curves)
    assert staff[0][1] == 0
    assert staff[-1][1] == 1, "the one that was killed"
    assert max(workers for workers, _ in staff) == 2


@pytest.mark.slow
def test_a_scheduler_may_be_replaced(cluster: Cluster, tmp_path: Path) -> None:
    experiment = load_slow(tmp_path)
    cluster.start_worker()

    def replace_all() -> None:
        for process in (cluster.scheduler, *cluster.workers):
            process.kill()
            process.wait()
        cluster.start_scheduler()
        cluster.start_worker()

    told = after_stacks(3, replace_all)
    results = sweep(experiment, out=tmp_path / "out", executor=cluster.executor(), on_event=told)
    assert set(results.trials["status"]) == {"ok"}
    assert results.missing == 0


@pytest.mark.slow
def test_a_worker_with_other_components_gets_no_task(cluster: Cluster, tmp_path: Path) -> None:
    folders = []
    for version in ("1.0", "2.0"):
        folder = tmp_path / version
        info = folder / f"rival-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rival\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("[annx]\nrival = rival\n")
        (info / "RECORD").write_text("rival.py,,\n")
        (folder / "rival.py").write_text(RIVAL)
        folders.append(str(folder))
    cluster.start_worker(PYTHONPATH=folders[1])
    script = tmp_path / "drive.py"
    script.write_text(DRIVE)
    done = subprocess.run(
        [sys.executable, str(script), str(cluster.file), str(tmp_path / "out")],
        env={**QUIET, "PYTHONPATH": os.pathsep.join([folders[0], *sys.path])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "none of 1 workers fits" in done.stderr
    assert "optimizer rival:rival is 2.0+" in done.stderr
    cluster.start_worker(PYTHONPATH=folders[0])
    mixed = subprocess.run(
        done.args, env={**QUIET, "PYTHONPATH": os.pathsep.join([folders[0], *sys.path])}, timeout=300
    )
    assert mixed.returncode == 0


RIVAL = '''
from dataclasses import dataclass
from typing import ClassVar
from anncore import Hyper, Optimizer, hookimpl, hyper

@dataclass(frozen=True)
class Rival(Optimizer):
    """Gradient descent."""
    name: ClassVar[str] = "rival"
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight):
        return ()

    def step(self, weight, grad, state, t):
        return -self.lr * grad, ()

@hookimpl
def annx_optimizers():
    return [Rival]
'''
DRIVE = """
import sys
from anncore import AnnxError, load_experiment, load_registry
from anncore.running.sweep import sweep
text = {"seeds": {"report": [1, 2]}, "train": {"steps": 5}, "dataset": {"xor": {"n": 40}}}
text["optimizer"] = {"rival": {}}
executor = load_registry().get("executor", "dask").cls(scheduler_file=sys.argv[1])
try:
    results = sweep(load_experiment(text), out=sys.argv[2], executor=executor)
except AnnxError as error:
    sys.exit(str(error))
sys.exit(set(results.trials["status"]) != {"ok"})
"""


@pytest.mark.slow
def test_a_task_that_ends_its_process_is_lost_alone(cluster: Cluster, tmp_path: Path) -> None:
    text = "\nseeds = { report = [1, 2] }\noptimizer.sgd.lr = 0.1\noptimizer.trouble.how = 'exit'\n"
    cluster.start_worker()
    results = sweep(load(tmp_path, text), out=tmp_path / "out", executor=cluster.executor())
    by_arm = {arm: set(rows["status"]) for arm, rows in results.trials.groupby("arm")}
    assert by_arm == {"sgd": {"ok"}, "trouble": {"crashed"}}
    assert set(results.trials.loc[results.trials["arm"] == "trouble", "error"]) == {
        "the worker process ended with exit code 3"
    }


@pytest.mark.slow
def test_the_doctor_asks_each_worker_and_a_sweep_finds_it_by_the_scheduler_alone(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start_worker()
    named = ["--scheduler-file", str(cluster.file)]
    asked = CliRunner().invoke(cli, ["doctor", *named, "--out", str(tmp_path), "--json"])
    findings = [
        row for row in json.loads(asked.stdout)["findings"] if row["topic"] in ("scheduler", "worker")
    ]
    assert findings[0]["text"] == f"{cluster.file}: 1 of 1 worker fit, with 1 slot"
    assert [(row["topic"], row["status"]) for row in findings] == [("scheduler", "ok"), ("worker", "ok")]
    load(tmp_path, "\nseeds = { report = [1, 2] }\noptimizer.sgd.lr = 0.1\n")
    arguments = [
        "sweep",
        str(tmp_path / "small.toml"),
        "--out",
        str(tmp_path / "out"),
        "--no-figures",
        *named,
    ]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    log = (tmp_path / "out" / "annx.log").read_text()
    assert "2 ok" in log


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--executor", "serial", "--scheduler", "tcp://x"], 2, "executor 'serial' takes no --scheduler;"),
        (["--executor", "nobody", "--scheduler", "tcp://x"], 2, "nobody"),
        (["run.executor=nobody"], 2, "[run] executor: no executor is called"),
        (["run.scheduler=tcp://x"], 2, "[run]"),
        (["run.executor=serial", "run.scheduler=tcp://x"], 2, "scheduler"),
        (["run.executor=serial"], 0, ""),
    ],
)
def test_what_runs_is_named_on_the_command_line_or_in_the_file(
    tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    load(tmp_path, "\nseeds = { report = [1, 2] }\noptimizer.sgd.lr = 0.1\n")
    arguments = ["sweep", str(tmp_path / "small.toml"), *options, "--out", str(tmp_path / "out"), "-q"]
    shown = CliRunner().invoke(cli, [*arguments, "--no-figures"])
    assert shown.exit_code == code, shown.output
    assert words.lower() in shown.output.lower()
    lines = [line for line in shown.output.splitlines() if "runs the code of" not in line]
    assert len(lines) == (code != 0)
    assert (tmp_path / "out").exists() == (code == 0)


@pytest.mark.large
def test_ten_thousand_tasks_come_back(cluster: Cluster) -> None:
    for _ in range(2):
        cluster.start_worker(PYTHONPATH=os.pathsep.join(sys.path))  # which has the tasks' module
    tasks = [Task("square", number) for number in range(10_000)]
    values = dict(cluster.executor().run(Work(), iter(tasks), jobs=2, stop=lambda: False))
    assert values == {task: task.number**2 for task in tasks}


MANY = """
seeds = { tune = { start = 0, num = 99 }, report = { start = 1000, num = 10 } }
limits.max_trials = 10000
optimizer.sgd.lr = { log = [0.01, 1.0], num = 10 }
optimizer.adam.lr = { log = [0.001, 0.1], num = 10 }
"""


@pytest.mark.slow
@pytest.mark.large
def test_ten_thousand_trials_are_those_of_one_process(cluster: Cluster, tmp_path: Path) -> None:
    """A worker is killed in the middle, and another one comes late."""
    experiment = load(tmp_path, MANY, hidden="[[2], [3], [4], [5], [6]]")
    alone = sweep(experiment, out=tmp_path / "alone", executor="serial")
    assert len(alone.trials) == 10_000
    first = cluster.start_worker()
    cluster.start_worker()

    def replace_first() -> None:
        first.send_signal(signal.SIGKILL)
        cluster.start_worker()

    staff: list[tuple[int, int]] = []
    told = after_stacks(20, replace_first)

    def hear(event: Any) -> None:
        if isinstance(event, WorkersChanged):
            staff.append((event.workers, event.lost))
        told(event)

    results = sweep(experiment, out=tmp_path / "out", executor=cluster.executor(), on_event=hear)
    assert without_seconds(results) == without_seconds(alone)
    assert results.curves.equals(alone.curves)
    assert staff[-1] == (2, 1), "one was killed, and one came late"


KILLED = """
import sys
from pathlib import Path
from sweep_factory import load_slow
from anncore import load_registry
from anncore.running.sweep import sweep
executor = load_registry().get("executor", "dask").cls(scheduler_file=sys.argv[3])
say = lambda event: print(type(event).__name__, flush=True)
sweep(load_slow(Path(sys.argv[1])), out=sys.argv[2], executor=executor, on_event=say)
"""


@pytest.mark.slow
@pytest.mark.large
def test_a_driver_that_is_killed_ten_times_resumes_to_the_same_tables(
    cluster: Cluster, tmp_path: Path
) -> None:
    """At random moments after its first event; the cluster goes on, and its workers serve the next driver."""
    experiment = load_slow(tmp_path)
    alone = tmp_path / "alone"
    sweep(experiment, out=alone, executor="serial")
    for _ in range(2):
        cluster.start_worker()
    started = time.perf_counter()
    sweep(experiment, out=tmp_path / "whole", executor=cluster.executor())
    seconds = time.perf_counter() - started
    moments = random.Random(0)
    for number in range(10):
        run = tmp_path / f"run{number}"
        arguments = [str(tmp_path), str(run), str(cluster.file)]
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, *arguments],
            env={**QUIET, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        ) as driver:
            assert driver.stdout is not None
            assert driver.stdout.readline() == b"PhaseStarted\n"
            time.sleep(moments.uniform(0, 1.1) * seconds)
            driver.kill()
        results = sweep(experiment, out=run, executor=cluster.executor())
        assert results.missing == 0
        assert without_seconds(run) == without_seconds(alone)
        assert (run / "curves.csv.gz").read_bytes() == (alone / "curves.csv.gz").read_bytes()
        assert stored_maps(run) == stored_maps(alone)
        left = [path.name for path in run.iterdir() if LEFTOVER.fullmatch(path.name)]
        assert (left, (run / "running.json").exists()) == ([], False)
    assert all(worker.poll() is None for worker in cluster.workers)


def test_plugin_and_data_files_travel_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("RATE = 0.25\n")
    (tmp_path / "mine.py").write_text("import helper\n" + RIVAL.replace("0.1", "helper.RATE"))
    (tmp_path / "data.csv").write_bytes(b"a,b\n1,2\n")
    assert named_file("csv", str(tmp_path / "data.csv"), "data.csv")
    registry = load_registry([tmp_path / "mine.py"])
    work = Training(registry.files, registry)
    portable = work.portable().__getstate__()
    code = registry.get("optimizer", "rival").code
    for name in ("helper.py", "mine.py", "data.csv"):
        (tmp_path / name).unlink()
    there = Training.__new__(Training)
    there.__dict__.update(portable)
    try:
        assert there.unfit() == ""
        assert there.prepare().get("optimizer", "rival").code == code
        assert named_file("csv", str(tmp_path / "data.csv"), "data.csv") == b"a,b\n1,2\n"
    finally:
        CARRIED.clear()
    with pytest.raises(DataError, match="no such file"):
        named_file("csv", str(tmp_path / "data.csv"), "data.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_under_a_name_that_was_read_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    os.mkfifo(path)
    with pytest.raises(DataError, match="is a pipe"):
        named_file("csv", str(path), "data.csv")
    assert str(path) not in read_files()
    path.unlink()
    path.write_bytes(b"a,b\n1,2\n")
    named_file("csv", str(path), "data.csv")
    assert read_files()[str(path)] == b"a,b\n1,2\n"
    path.unlink()
    os.mkfifo(path)  # a thread that reads it would wait for a writer and never end
    assert str(path) not in read_files()


def test_what_differs_is_said_in_one_line() -> None:
    here = Carried.of([], REGISTRY)
    assert here.unfit(REGISTRY) == ""
    other = Carried((), {}, "9.9", "numbers 99, numpy 1.0", {})
    assert other.unfit(REGISTRY).startswith("it has annx ")
    assert "the sweep annx 9.9 (numbers 99, numpy 1.0)" in other.unfit(REGISTRY)
    codes = {("optimizer", "rival:rival"): "1.0+ab", ("optimizer", "annx:sgd"): "2.0"}
    differing = Carried((), {}, here.annx, here.engine, codes).unfit(REGISTRY)
    assert differing == (
        "it lacks optimizer rival:rival; optimizer annx:sgd is plain there, and 2.0 here; "
        "install the same there."
    )
