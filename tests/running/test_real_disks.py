"""Disks that are full, read-only or small, mounted for the test alone: one line, and nothing is lost.

A process of its own mounts them where nobody else sees them, which needs Linux and leave for it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

UNSHARE = ("unshare", "--map-root-user", "--mount")
EXPERIMENT = """\
# Which of two?
vary = ["optimizer"]
train = { steps = 4, eval_every = 2 }
seeds = { tune = [0], report = [1, 2] }
dataset.two_moons.n = 40
network.mlp.hidden = [[2]]
optimizer.sgd.lr = [0.1, 0.2]
optimizer.adam.lr = 0.1
"""
HEAD = """
import json, shutil, sqlite3, subprocess, sys
from pathlib import Path
from click.testing import CliRunner
import anncore.report.write
from anncore.cli.group import cli
anncore.report.write.draw_figures = lambda *inputs: iter(())
disk = Path("disk")
disk.mkdir()

def mount(*options):
    subprocess.run(["mount", *options], check=True)

def invoke(*command):
    result = CliRunner().invoke(cli, command)
    error = result.exception
    strange = "" if error is None or isinstance(error, SystemExit) else repr(error)
    return [result.exit_code, result.stderr, strange]

def sweep(out):
    return invoke("sweep", "x.toml", "--executor", "serial", "-q", "--out", str(out))

def rows(run):
    store = sqlite3.connect(run / "trials.sqlite")
    rows = store.execute("SELECT key, status, hex(metrics) FROM trials ORDER BY key").fetchall()
    store.close()
    return rows

def names(run):
    return sorted(path.name for path in run.rglob("*")) if run.is_dir() else []
"""


@pytest.fixture(scope="module", autouse=True)
def _leave() -> None:
    """Skip where this process may not mount anything, not even where nobody else sees it."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        pytest.skip("this system has no unshare and mount")
    tried = subprocess.run(
        [*UNSHARE, "sh", "-c", "mount -t tmpfs annx /mnt"], capture_output=True, timeout=60, check=False
    )
    if tried.returncode:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.decode(errors='replace').strip()}")


def told_by(folder: Path, script: str) -> Any:
    """Run a script in a process whose mounts are its own, and return what it prints as JSON."""
    (folder / "x.toml").write_text(EXPERIMENT)
    done = subprocess.run(
        [*UNSHARE, sys.executable, "-c", HEAD + script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def must_be_refused(outcome: list[Any]) -> str:
    """Assert that a command ended with one line, and return it."""
    code, line, strange = outcome
    assert (code, strange) == (2, ""), outcome
    assert line.startswith("annx: "), line
    assert line.count("\n") == 1, line
    return str(line)


FULL = """
right = None
told = []
for size in ("16k", "64k", "128k", "192k", "256k"):
    mount("-t", "tmpfs", "-o", f"size={size}", "annx", str(disk))
    run = disk / "run"
    full = sweep(run)
    left = [name for name in names(run) if name.startswith(".")]
    mount("-o", "remount,size=64m", str(disk))
    again = sweep(run)
    told.append([full, left, again, rows(run), invoke("status", str(run))])
    subprocess.run(["umount", str(disk)], check=True)
elsewhere = sweep(Path("elsewhere"))
print(json.dumps([told, rows(Path("elsewhere"))]))
"""


@pytest.mark.slow
def test_a_disk_of_any_size_that_is_full_is_one_line_and_more_room_resumes(tmp_path: Path) -> None:
    told, right = told_by(tmp_path, FULL)
    assert len(right) == 7  # three configurations to tune, two arms on two seeds
    lines = [must_be_refused(full) for full, *_ in told]
    assert any("No space left on device" in line or "disk is full" in line for line in lines), lines
    for _, left, again, rows, status in told:
        assert (left, again, rows, status[0]) == ([], [0, "", ""], right, 0)


READ_ONLY = """
mount("-t", "tmpfs", "-o", "size=64m", "annx", str(disk))
run = disk / "run"
sweep(run)
from anncore.running.store import Store
with Store(run / "trials.sqlite"):  # as a kill leaves it: with a log beside it
    (disk / "killed").mkdir()
    for path in run.iterdir():
        if path.is_file() and not path.name.endswith("-shm"):
            shutil.copy(path, disk / "killed" / path.name)
before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
mount("-o", "remount,ro", str(disk))
told = {}
for name in ("run", "killed"):
    there = str(disk / name)
    told[name] = {
        "status": invoke("status", there),
        "compare": invoke("compare", there, there),
        "report": invoke("report", there, "-q"),
        "export": invoke("export", there, "--format", "csv"),
        "sweep": sweep(there),
    }
told["new"] = {"sweep": sweep(disk / "new")}
after = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
print(json.dumps([told, before == after, names(disk / "new")]))
"""


@pytest.mark.slow
def test_a_disk_that_is_read_only_is_read_and_what_would_write_is_one_line(tmp_path: Path) -> None:
    told, same, new = told_by(tmp_path, READ_ONLY)
    assert told["run"]["status"][0] == told["run"]["compare"][0] == 0
    for name, verbs in told.items():
        for verb, outcome in verbs.items():
            if (name, verb) not in (("run", "status"), ("run", "compare")):
                must_be_refused(outcome)
    for verb in ("report", "export", "sweep"):
        assert "ead-only" in told["run"][verb][1] or "readonly" in told["run"][verb][1], told["run"][verb]
    assert same
    assert new == []
