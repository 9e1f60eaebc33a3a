"""A run folder that is damaged, and a disk that is full or read-only: one line, and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from anncore import load_experiment, load_registry
from anncore.cli.group import cli
from anncore.running import files
from anncore.running.run_folder import RunFolder

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
VERBS = {
    "status": ("status", "run"),
    "report": ("report", "run", "-q"),
    "compare": ("compare", "run", "other"),
    "export": ("export", "run", "--format", "csv"),
    "sweep": ("sweep", "x.toml", "--executor", "serial", "--out", "run", "-q"),
}
OUTPUTS = ("trials.csv", "curves.csv.gz", "annx.log", "report.json", "report.md", "report.html")
RECORDS = ("plan.json", "env.json", "experiment.toml", "trials.sqlite", "costs.json", "running.json")


@pytest.fixture(scope="module", autouse=True)
def _cheap() -> Iterator[None]:
    """Draw no figures, and load the plugins once for all tests."""
    registry = load_registry()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])
        for module in ("experiment.read", "running.stored_plan"):
            monkeypatch.setattr(f"anncore.{module}.load_registry", lambda files=(): registry)
        monkeypatch.setattr("anncore.running.run_folder.environment", lambda *arguments: {"command": "annx"})
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with an experiment, and its run folder as it should be."""
    place = tmp_path_factory.mktemp("whole")
    (place / "x.toml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(place)
        assert invoke("sweep").exit_code == 0
    shutil.copytree(place / "run", place / "other")
    return place


@pytest.fixture
def place(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, the working directory."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(verb: str, *more: str) -> Result:
    return CliRunner().invoke(cli, [*VERBS[verb], *more])


def must_be_one_line(result: Result) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in (0, 2)
    if result.exit_code:
        assert result.stderr.startswith("annx: ")
        assert result.stderr.count("\n") == 1


def results_in(run: Path) -> list[Any]:
    """Return keys, status and metrics of the store, as they lie there."""
    with sqlite3.connect(run / "trials.sqlite") as store:
        rows = store.execute("SELECT key, status, metrics FROM trials ORDER BY key").fetchall()
    store.close()
    return rows


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def folder_instead(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def cut_short(path: Path) -> None:
    data = path.read_bytes() if path.exists() else b"{"
    path.write_bytes(data[: len(data) // 2])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes() if path.exists() else b"{}")
    for place in range(0, len(data), max(1, len(data) // 7)):
        data[place] ^= 0x11
    path.write_bytes(data)


def holding(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "removed": remove,
    "empty": holding(""),
    "a folder": folder_instead,
    "half": cut_short,
    "flipped": flipped,
    "list": holding("[]"),
    "table": holding("{}"),
    "null": holding("null"),
    "number": holding("3"),
    "text": holding('"x"'),
    "deep": holding("[" * 100_000),
    "lists of tables": holding('{"costs": [{}], "figures": [3], "answer": [], "counts": [], "schema": "x"}'),
}


FEW = ("removed", "a folder", "flipped", "list")  # for files that are written and hardly read


@pytest.mark.parametrize(
    ("name", "damage"),
    [(name, damage) for name in RECORDS for damage in DAMAGE]
    + [(name, damage) for name in OUTPUTS for damage in ("a folder", "flipped")],
)
def test_every_verb_says_one_line_and_a_sweep_mends_what_can_be_made_anew(
    place: Path, name: str, damage: str
) -> None:
    before = results_in(place / "run")
    DAMAGE[damage](place / "run" / name)
    # Comparing and exporting read what a report reads, by the same code: a few kinds of damage do.
    for verb in ("status", "report", "compare", "export") if damage in FEW else ("status", "report"):
        must_be_one_line(invoke(verb))
    resumed = invoke("sweep")
    must_be_one_line(resumed)
    if name == "trials.sqlite":  # it is left as it is, or made anew where nothing was in it
        nothing = damage in ("removed", "empty", "number")  # SQLite takes a single byte for an empty file
        assert resumed.exit_code == (0 if nothing else 2)
        return
    assert results_in(place / "run") == before
    if damage == "a folder":
        assert resumed.exit_code == 2
        assert "move it away" in resumed.stderr
    else:
        assert resumed.exit_code == 0


PLAN_KEYS = {
    "path": (3, []),
    "name": (None, 3),
    "base": (None, []),
    "overrides": (None, 3, [3], {}),
    "only": ("x", [None]),
    "skip": ("x", [{}]),
    "quick": (None, "no"),
    "plugin_files": (3, [3]),
    "arms": (None, "sgd", [3]),
    "problems": (None, [None]),
    "counts": (None, [], {}, {"tune": "x", "report": 1, "total": 2}),
    "shapes": (3, [], {"a": 3}),
    "rounds": (3, [], {}, {"looks": 3, "most": 4, "open": 0}, {"looks": ["x"], "most": 1, "open": None}),
    "report_seeds": (3, ["x"]),
    "widened": (3, [3], [["optimizer.lr"]], [[1, 2, 3]]),
    "select": (3, {}, {"metric": 3, "goal": "min"}, {"metric": "valid_loss", "goal": "x"}),
    "unchecked": (3, [3]),
    "components": (3, [3], [{}], [{"kind": "optimizer", "form": "Loss"}]),
    "experiment_sha256": (3, "other"),
    "schema": ("x", None, []),
}


@pytest.mark.parametrize("name", ["plan.json", "env.json", "experiment.toml"])
def test_a_pipe_in_place_of_a_record_is_one_line(place: Path, name: str) -> None:
    (place / "run" / name).unlink()
    os.mkfifo(place / "run" / name)
    result = CliRunner().invoke(cli, ["report", "run", "-q"])
    assert result.exit_code == 2
    assert result.output.startswith(f"annx: run/{name} cannot be read (it is a pipe)")
    assert result.output.count("\n") == 1


def test_a_pipe_in_place_of_what_can_be_made_anew_is_waited_for_by_nobody(place: Path) -> None:
    for name in ("running.json", "costs.json", "report.json"):
        (place / "run" / name).unlink(missing_ok=True)
        os.mkfifo(place / "run" / name)
    for verb in (("status", "run"), ("report", "run", "-q"), ("compare", "run", "other")):
        result = CliRunner().invoke(cli, verb)
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in PLAN_KEYS.items() for value in values]
)
def test_a_value_of_a_wrong_type_in_the_plan_is_one_line(place: Path, key: str, value: Any) -> None:
    file = place / "run" / "plan.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    must_be_one_line(invoke("report"))
    assert RunFolder(place / "run").shapes() is not None
    assert RunFolder(place / "run").looks(load_experiment("x.toml")) == ()


@pytest.mark.parametrize("key", PLAN_KEYS)
def test_a_value_that_is_lost_from_the_plan_is_one_line(place: Path, key: str) -> None:
    file = place / "run" / "plan.json"
    plan = json.loads(file.read_text())
    del plan[key]
    file.write_text(json.dumps(plan))
    must_be_one_line(invoke("report"))


def test_another_experiment_in_the_folder_is_not_taken_for_its_own(place: Path) -> None:
    (place / "run" / "experiment.toml").write_text(EXPERIMENT.replace("adam", "rmsprop"))
    result = invoke("report")
    assert result.exit_code == 2
    assert (
        "experiment.toml cannot be read (it is not the one of plan.json); run the sweep again"
        in result.stderr
    )


# ---- disks


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("verb", ["report", "export", "sweep"])
def test_a_disk_that_takes_nothing_is_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, verb: str, number: int
) -> None:
    before = {path: path.read_bytes() for path in (place / "run").rglob("*") if path.is_file()}

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    result = invoke(verb)
    must_be_one_line(result)
    assert result.exit_code == 2
    assert os.strerror(number) in result.stderr
    after = {path: path.read_bytes() for path in before}
    assert {path.name for path in before if before[path] != after[path]} <= {"annx.log", "trials.sqlite"}


@pytest.mark.parametrize("nth", range(9))
def test_a_disk_that_is_full_at_any_file_leaves_whole_ones_and_no_leftover(
    place: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Whatever file the disk is full at, the old ones of the same write stay, and the next run is well."""
    mkstemp, opened = files.tempfile.mkstemp, 0

    def full(*arguments: Any, **options: Any) -> Any:
        nonlocal opened
        opened += 1
        if opened > nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return mkstemp(*arguments, **options)

    report = {path: path.read_bytes() for path in (place / "run").glob("report.*")}
    with monkeypatch.context() as patch:
        patch.setattr(files.tempfile, "mkstemp", full)
        result = invoke("sweep", "seeds.report=[1, 2, 3]")
    must_be_one_line(result)
    assert result.exit_code == 2
    assert {path: path.read_bytes() for path in report} == report
    assert [path.name for path in (place / "run").iterdir() if path.name.startswith(".")] == []
    assert invoke("sweep", "seeds.report=[1, 2, 3]").exit_code == 0


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EXDEV, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("nth", [0, 1, 4, 6])
def test_a_file_system_that_moves_nothing_leaves_whole_files_and_no_leftover(
    place: Path, monkeypatch: pytest.MonkeyPatch, nth: int, number: int
) -> None:
    """As a network's file system does whose server is gone, from whatever file on."""
    replace, moved = os.replace, 0

    def refuse(*arguments: Any) -> None:
        nonlocal moved
        moved += 1
        if moved > nth:
            raise OSError(number, os.strerror(number))
        replace(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", refuse)
        result = invoke("sweep", "seeds.report=[1, 2, 3]")
    must_be_one_line(result)
    assert result.exit_code == 2
    assert os.strerror(number) in result.stderr
    assert [path.name for path in (place / "run").iterdir() if path.name.startswith(".")] == []
    json.loads((place / "run" / "plan.json").read_bytes())
    json.loads((place / "run" / "report.json").read_bytes())
    assert invoke("sweep", "seeds.report=[1, 2, 3]").exit_code == 0


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO], ids=errno.errorcode.get)
def test_a_file_system_without_locks_is_told_from_a_folder_in_use(
    place: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fcntl = pytest.importorskip("fcntl")
    before = results_in(place / "run")

    def refuse(*arguments: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        result = invoke("sweep")
        assert invoke("status").exit_code == 0
    must_be_one_line(result)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"annx: run cannot be locked ({os.strerror(number)})")
    assert "in use" not in result.stderr
    assert results_in(place / "run") == before


@pytest.mark.parametrize("room", [0, 3_000, 20_000, 60_000, 90_000])
def test_a_disk_that_is_full_at_any_write_is_one_line_and_the_same_command_resumes(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """No file may grow beyond so many bytes, not even the store and its log: a write fails in its middle."""
    resource = pytest.importorskip("resource")
    shutil.copy(whole / "x.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        result = invoke("sweep")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    must_be_one_line(result)
    assert result.exit_code == 2
    left = [path.name for path in (tmp_path / "run").iterdir()] if (tmp_path / "run").is_dir() else []
    assert [name for name in left if name.startswith(".")] == []
    assert invoke("sweep").exit_code == 0
    assert results_in(tmp_path / "run") == results_in(whole / "run")


def test_a_log_that_cannot_be_written_stops_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("logging.FileHandler._open", refuse)
    result = invoke("sweep", "--fresh")
    assert (result.exit_code, result.output) == (0, "")


def test_standard_output_on_a_full_disk_is_one_line(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "anncore", "status", "run"],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )
    assert (done.returncode, done.stderr) == (
        2,
        "annx: the output cannot be used: No space left on device.\n",
    )


def test_an_error_that_cannot_be_printed_keeps_its_exit_code(place: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("w") as errors:
        done = subprocess.run([sys.executable, "-m", "anncore", "statu"], stderr=errors, timeout=300)
    assert done.returncode == 2


@pytest.mark.parametrize("verb", [["status"], ["report"], ["export", "--format", "csv"], ["compare", "run"]])
@pytest.mark.parametrize("file", ["x.toml", "run/plan.json", "run/plan.json/below"])
def test_a_file_in_place_of_a_run_folder_is_said_to_be_one(place: Path, verb: list[str], file: str) -> None:
    result = CliRunner().invoke(cli, [*verb, file])
    must_be_one_line(result)
    assert " is no run folder: it " in result.stderr, result.stderr


def test_what_a_kill_left_is_swept_by_the_next_run(place: Path) -> None:
    left = (
        "run/.experiment.toml.abcd1234",
        "run/.trials.csv.a_b1c2d3",
        "run/figures/.leaderboard.svg.12345678",
    )
    kept = ("run/.gitignore", "run/.notes.txt", "run/figures/mine.svg.bak")
    for name in (*left, *kept):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("x")
    assert invoke("sweep").exit_code == 0
    assert [name for name in left if (place / name).exists()] == []
    assert [name for name in kept if not (place / name).exists()] == []
