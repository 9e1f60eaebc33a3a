"""A user's mistake is one line on standard error and exit code 2, and changes nothing on disk."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from anncore.cli.group import cli

GOOD = """\
# Does it run?
schema = 1
vary = ["optimizer"]
[train]
steps = 10
[seeds]
report = [1]
[dataset.two_moons]
n = 60
[network.mlp]
hidden = [[4]]
[optimizer.sgd]
lr = [0.1, 0.2]
"""

CSV = """\
[dataset.mine]
use = "csv"
path = "mine.csv"
target = "{target}"
"""


class Mistake(NamedTuple):
    """What is changed in a good experiment, and what the line must say."""

    old: str = ""
    new: str = ""
    says: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    csv: str = ""


MISTAKES = {
    "unknown component": Mistake("[optimizer.sgd]", "[optimizer.sdg]", ("'sdg'", "Did you mean 'sgd'?")),
    "unknown component behind use": Mistake(
        "[optimizer.sgd]", '[optimizer.a]\nuse = "adm"', ("'adm'", "Did you mean 'adam'?")
    ),
    "unknown table": Mistake("[train]", "[tarin]", ("x.toml", "'tarin'", "Did you mean 'train'?")),
    "unknown key": Mistake("steps = 10", "setps = 10", ("x.toml", "'setps'", "Did you mean 'steps'?")),
    "unknown hyperparameter": Mistake("lr = [", "lrr = [", ("'lrr'", "Did you mean 'lr'?")),
    "wrong type": Mistake("steps = 10", 'steps = "ten"', ("x.toml", "steps", "'ten'")),
    "wrong type of a hyperparameter": Mistake("[0.1, 0.2]", '"fast"', ("lr", "(0, inf)", "'fast'")),
    "value outside its domain": Mistake("[0.1, 0.2]", "[0.1, -2]", ("lr", "(0, inf)", "-2")),
    "empty grid": Mistake("[0.1, 0.2]", "[]", ("x.toml", "lr")),
    "broken TOML": Mistake("[train]", "[train", ("x.toml", "line 4")),
    "schema": Mistake("schema = 1", "schema = 2", ("x.toml", "schema")),
    "overlapping seeds": Mistake("report = [1]", "report = [1]\ntune = [1]", ("x.toml", "seed")),
    "loss for evaluation only": Mistake("[optimizer.sgd]", "[loss.zero_one]\n[optimizer.sgd]", ("zero_one",)),
    "plan above the limit": Mistake(
        "report = [1]", "report = { start = 0, num = 3000 }", ("6000", "max_trials", "--yes")
    ),
    "CSV without its target": Mistake(
        "[dataset.two_moons]\nn = 60\n",
        CSV.format(target="labl"),
        ("mine.csv", "'labl'", "Did you mean 'label'?"),
        csv="x,label\n" + "1.5,a\n2.5,b\n" * 10,
    ),
    "text in a numeric column": Mistake(
        "[dataset.two_moons]\nn = 60\n",
        CSV.format(target="label"),
        ("mine.csv", "'x'", "tall"),
        csv="x,label\n" + "1.5,a\n2.5,b\n" * 10 + "tall,a\n",
    ),
    "missing CSV": Mistake("[dataset.two_moons]\nn = 60\n", CSV.format(target="label"), ("mine.csv",)),
    "override of an unknown key": Mistake(args=("train.setps=3",), says=("'setps'", "Did you mean 'steps'?")),
    "override that is none": Mistake(args=("train.steps",), says=("train.steps",)),
    "override of a wrong type": Mistake(args=("train.steps=ten",), says=("steps", "ten")),
    "unknown executor": Mistake(args=("--executor", "serail"), says=("'serail'", "Did you mean 'serial'?")),
    "no jobs": Mistake(args=("--jobs", "0"), says=("--jobs", "0")),
    "no time": Mistake(args=("--max-time", "soon"), says=("--max-time", "soon", "10m")),
    "plugin file that is missing": Mistake(args=("--plugin", "none.py"), says=("none.py",)),
    "unknown option": Mistake(args=("--jbos", "2"), says=("--jbos",)),
    "--only of an unknown kind": Mistake(args=("--only", "optimiser=sgd"), says=("optimiser", "optimizer")),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def lay_out(place: Path, mistake: Mistake) -> None:
    assert mistake.old in GOOD
    (place / "x.toml").write_text(GOOD.replace(mistake.old, mistake.new, 1))
    if mistake.csv:
        (place / "mine.csv").write_text(mistake.csv)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_leaves_no_trace(place: Path, mistake: Mistake) -> None:
    lay_out(place, mistake)
    before = contents(place)
    result = CliRunner().invoke(cli, ["sweep", "x.toml", *mistake.args])
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("annx: ")
    assert result.stderr.count("\n") == 1
    for words in mistake.says:
        assert words in result.stderr
    assert contents(place) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["unknown component", "broken TOML", "text in a numeric column", "plan above the limit"]
)
def test_the_same_in_a_real_process(place: Path, name: str) -> None:
    mistake = MISTAKES[name]
    lay_out(place, mistake)
    before = contents(place)
    done = subprocess.run(
        [sys.executable, "-m", "anncore", "sweep", "x.toml", *mistake.args],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("annx: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert contents(place) == before


@pytest.mark.parametrize("verb", ["sweep", "plan"])
def test_a_missing_file_is_named(place: Path, verb: str) -> None:
    result = CliRunner().invoke(cli, [verb, "none.toml"])
    assert result.exit_code == 2
    assert "none.toml" in result.stderr
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("verb", ["status", "report"])
def test_a_folder_that_is_no_run_folder_is_named_and_left_alone(place: Path, verb: str) -> None:
    (place / "empty").mkdir()
    for folder in ("none", "empty"):
        result = CliRunner().invoke(cli, [verb, folder])
        assert result.exit_code == 2
        assert folder in result.stderr
        assert result.stderr.count("\n") == 1
    assert [path.name for path in place.rglob("*")] == ["empty"]


@pytest.mark.parametrize("args", [("--only", "optimizer=adam"), ("--skip", "optimizer=sgd")])
def test_what_matches_nothing_ends_with_5(place: Path, args: tuple[str, str]) -> None:
    (place / "x.toml").write_text(GOOD)
    result = CliRunner().invoke(cli, ["sweep", "x.toml", *args])
    assert result.exit_code == 5, result.output
    assert result.stderr.count("\n") == 1
    assert [path.name for path in place.iterdir()] == ["x.toml"]


@pytest.mark.parametrize(
    "args", [["swep"], ["--jobs"], ["show"], ["show", "adm"], ["list", "optimiser"], ["plan"]]
)
def test_misuse_is_one_line_and_ends_with_2(args: list[str]) -> None:
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == 2
    assert result.stderr.startswith("annx: ")
    assert result.stderr.count("\n") == 1


def test_a_bug_is_no_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("anncore.load_registry", fail)
    result = CliRunner().invoke(cli, ["show", "adam"])
    assert isinstance(result.exception, RuntimeError)  # with its traceback, for whoever mends it


def test_a_place_that_cannot_hold_a_folder_is_said(place: Path) -> None:
    (place / "x.toml").write_text(GOOD)
    (place / "out").write_text("a file where a folder should be")
    result = CliRunner().invoke(cli, ["sweep", "x.toml", "--executor", "serial", "--out", "out/run"])
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert "out" in result.stderr
