"""`annx sweep`, `plan`, `status` and `report`: what they print, write and return."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from anncore.cli.group import cli
from anncore.cli.options import Duration
from anncore.report.write import figures_to_draw

ANNX = Path(sys.executable).with_name("annx")

EXPERIMENT = """\
# Which of two learning rates?
schema = 1
title = "Two rates"
vary = ["optimizer"]
[train]
steps = 20
[seeds]
tune = [0]
report = [1, 2]
[dataset.two_moons]
n = 60
[network.mlp]
hidden = [[4]]
[optimizer.sgd]
lr = [0.1, 0.2]
[optimizer.adam]
lr = [0.1, 0.2]
"""

# An optimizer that raises for one of its values, and one that takes its time.
ODD = """
import time
from functools import partial
from dataclasses import dataclass
from typing import ClassVar
from anncore import Hyper, Optimizer, hookimpl, hyper

@dataclass(frozen=True)
class Raiser(Optimizer):
    '''Raises.'''
    name: ClassVar[str] = "raiser"
    lr: Hyper = hyper(0.1, "(0, inf)")
    def init(self, weight): return ()
    def step(self, weight, grad, state, t): raise RuntimeError("always raises")

@dataclass(frozen=True)
class Sleeper(Optimizer):
    '''Sleeps.'''
    name: ClassVar[str] = "sleeper"
    scope: ClassVar[str] = "array"  # else its formula would become a kernel, which does not sleep
    lr: Hyper = hyper(0.1, "(0, inf)")
    rest: float = hyper(0.01, "[0, 10]")
    def init(self, weight): return ()
    def step(self, weight, grad, state, t):
        time.sleep(0.02)
        return 0 * weight, ()

@hookimpl
def annx_optimizers(): return [Raiser, Sleeper]
"""


def lay_out(folder: Path) -> Path:
    (folder / "x.toml").write_text(EXPERIMENT)
    (folder / "odd.py").write_text(ODD)
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder with an experiment and a plugin, the working directory."""
    monkeypatch.chdir(tmp_path)
    return lay_out(tmp_path)


@pytest.fixture(scope="module")
def first_sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Sweep once, figures and all; return the folder and what was printed."""
    folder = lay_out(tmp_path_factory.mktemp("finished"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        return folder, sweep()


@pytest.fixture
def finished(first_sweep: tuple[Path, Result], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a finished sweep, the working directory; tests leave it as they find it."""
    monkeypatch.chdir(first_sweep[0])
    return first_sweep[0]


@pytest.fixture(autouse=True)
def undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out, which take most of a report's time, unless they are drawn already."""
    if "finished" not in request.fixturenames:
        monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


def sweep(*args: str, code: int = 0) -> Result:
    result = invoke("sweep", "x.toml", "--executor", "serial", *args)
    assert result.exit_code == code, result.output
    return result


@pytest.mark.slow
def test_a_sweep_prints_its_answer_and_fills_its_folder(first_sweep: tuple[Path, Result]) -> None:
    place, result = first_sweep
    assert "adam" in result.stdout
    assert result.stdout.endswith(f"Report: {Path('reports/x/report.html')}\n")
    assert result.stderr == ""
    names = {path.name for path in (place / "reports" / "x").iterdir()}
    assert names == {
        *("report.html", "report.md", "report.json", "figures", "trials.csv", "curves.csv.gz"),
        *("experiment.toml", "plan.json", "env.json", "annx.log", "trials.sqlite", "looks.json"),
    }


@pytest.mark.slow
def test_the_second_time_nothing_is_run_or_drawn(
    finished: Path, first_sweep: tuple[Path, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = finished / "reports" / "x"
    before = {path: path.stat().st_mtime_ns for path in (folder / "figures").iterdir()}
    monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: pytest.fail("drawn"))
    assert sweep().stdout == first_sweep[1].stdout
    assert {path: path.stat().st_mtime_ns for path in (folder / "figures").iterdir()} == before
    log = (folder / "annx.log").read_text()
    assert re.findall(r"\d+ trials, \d+ of them done", log)[-2:] == ["4 trials, 4 of them done"] * 2


@pytest.mark.slow
def test_a_view_that_is_gone_comes_back(finished: Path) -> None:
    gone = [finished / "reports" / "x" / name for name in ("report.md", "figures/leaderboard.png")]
    for path in gone:
        path.unlink()
    sweep()
    for path in gone:
        assert path.is_file()


def test_figures_are_left_out_on_request_and_drawn_by_the_next_report(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = partial(figures_to_draw, only=("leaderboard",))
    monkeypatch.setattr("anncore.report.write.figures_to_draw", first)
    result = invoke("sweep", "x.toml", "--executor", "serial", "--no-figures")
    assert result.exit_code == 0
    folder = place / "reports" / "x"
    said = "The figures were left out, as asked for; 'annx report' of this folder draws them."
    assert said in " ".join(result.stdout.split())
    assert "The figures were left out" in (folder / "report.html").read_text()
    assert list((folder / "figures").iterdir()) == []
    without = (folder / "report.json").read_bytes()
    invoke("sweep", "x.toml", "--executor", "serial", "--no-figures")
    assert (folder / "report.json").read_bytes() == without
    again = json.loads(invoke("sweep", "x.toml", "--executor", "serial", "--json").stdout)["report"]
    assert all((folder / figure["png"]).is_file() for figure in again["figures"])
    (name,) = [figure["name"] for figure in again["figures"]]
    assert "figures_left_out" not in {warning["kind"] for warning in again["answer"]["warnings"]}
    invoke("sweep", "x.toml", "--executor", "serial", "--no-figures")
    assert (folder / "figures" / f"{name}.png").is_file()  # a finished report stays


def test_json_on_standard_output_is_one_document(place: Path) -> None:
    document = json.loads(sweep("--json").stdout)
    assert document["status"] == {"ok": 8, "missing": 0}
    assert document["stopped"] == ""
    assert document["report"]["arms"] == ["sgd", "adam"]
    assert json.loads((place / "reports" / "x" / "report.json").read_text()) == document["report"]


def test_a_required_claim_decides_the_exit_code(place: Path) -> None:
    unknown = invoke("sweep", "x.toml", "--require", "adm better than sgd")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert unknown.stderr == (
        "annx: --require 'adm better than sgd' names 'adm', which is no arm; there are sgd and adam. "
        "Did you mean 'adam'?\n"
    )
    unfit = invoke("sweep", "x.toml", "--dry-run", "--require", "adam not worse than sgd by 1 point")
    assert unfit.exit_code == 2
    assert "test loss is compared by ratios: give the margin in per cent" in unfit.stderr
    assert not (place / "reports").exists()
    wide, better = "adam not worse than sgd by 1e30 %", "adam better than sgd on two_moons"
    held = sweep("--require", wide)
    assert held.stdout.splitlines()[-1].startswith(f"Required: {wide}: holds. Mean test loss of adam ")
    assert held.stderr == ""
    both = sweep("-q", "--require", wide, "--require", better, code=6)
    assert both.stdout == ""
    assert both.stderr.startswith(f"Required: {better}: not decided. 2 seeds are too few")
    assert both.stderr.count("\n") == 1
    again = invoke("report", "reports/x", "--json", "--require", better)
    assert again.exit_code == 6
    [required] = json.loads(again.stdout)["required"]
    assert (required["claim"], required["outcome"]) == (better, "not decided")
    assert invoke("report", "reports/x", "--require", "adam best").exit_code == 2


def test_a_claim_about_a_stopped_sweep_is_not_decided(place: Path) -> None:
    result = sweep("--max-time", "0.001s", "--require", "adam equivalent to sgd", code=4)
    assert "Required: adam equivalent to sgd: not decided. " in result.stderr


def test_quiet_prints_nothing(place: Path) -> None:
    assert sweep("-q").output == ""


@pytest.mark.parametrize("args", [("sweep", "--dry-run"), ("plan",)])
def test_a_dry_run_shows_the_plan_and_writes_nothing(place: Path, args: tuple[str, ...]) -> None:
    result = invoke(args[0], "x.toml", *args[1:])
    assert result.exit_code == 0
    assert "4 trials to tune: each configuration on 1 seed\n" in result.stdout
    assert "4 trials to report: each chosen configuration on 2 seeds\n" in result.stdout
    assert "0 of 8 done, 8 to do" in result.stdout
    assert not (place / "reports").exists()


def test_a_plan_knows_what_is_done(finished: Path) -> None:
    assert "8 of 8 done, 0 to do" in invoke("plan", "x.toml").stdout
    more = json.loads(invoke("plan", "x.toml", "--json", "seeds.report=[1, 2, 3]").stdout)
    assert (more["done"], more["to_do"]) == (8, 2)


def test_a_plan_as_json_lists_every_trial(place: Path) -> None:
    plan = json.loads(invoke("plan", "x.toml", "--json").stdout)
    assert [trial["phase"] for trial in plan["trials"]] == ["tune"] * 4
    assert plan["trials"][0]["values"]["optimizer.lr"] == 0.1
    untuned = json.loads(invoke("plan", "x.toml", "--json", "seeds.tune=[]").stdout)
    assert [trial["seed"] for trial in untuned["trials"]] == [1, 2] * 4
    assert len({trial["key"] for trial in untuned["trials"]}) == 8


@pytest.mark.slow
def test_a_plan_above_the_limit_is_shown_with_what_it_needs(place: Path) -> None:
    result = invoke("plan", "x.toml", "limits.max_trials=3")
    assert result.exit_code == 0
    assert "more than [limits] max_trials = 3: a sweep needs --yes" in result.stdout
    assert sweep("limits.max_trials=3", code=2).stdout == ""
    sweep("limits.max_trials=3", "--yes")


def test_overrides_and_selections_reach_the_trials(place: Path) -> None:
    document = json.loads(sweep("train.steps=7", "--only", "optimizer=sgd", "--json").stdout)
    assert document["report"]["arms"] == ["sgd"]
    rows = (place / "reports" / "x" / "trials.csv").read_text().splitlines()
    steps = rows[0].split(",").index("steps_done")
    assert {row.split(",")[steps] for row in rows[1:]} == {"7"}


@pytest.mark.slow
def test_fresh_runs_everything_again(place: Path) -> None:
    sweep()
    log = place / "reports" / "x" / "annx.log"
    sweep()
    assert "4 trials, 4 of them done" in log.read_text().splitlines()[-1] + log.read_text()
    sweep("--fresh")
    assert "tune: 4 trials, 0 of them done" in "".join(log.read_text().splitlines(keepends=True)[-4:])


def failing(*args: str, code: int = 1) -> Result:
    extra = ("--plugin", "odd.py", "--unchecked", "optimizer.raiser.lr=0.1", "--out", "out")
    return sweep(*extra, *args, code=code)


@pytest.mark.slow
def test_failed_trials_are_counted_shown_and_end_with_1(place: Path) -> None:
    result = failing("-v")
    assert (
        "1 trial failed: -v says why, --retry-failed runs them again.\n" in result.stderr
    )  # nothing to choose from
    assert "failed: two_moons, raiser, seed 0: RuntimeError: always raises\n" in result.stderr
    again = failing("--json")
    assert json.loads(again.stdout)["status"]["failed"] == 1
    # Mended, only the failed ones run again.
    (place / "odd.py").write_text(ODD.replace('raise RuntimeError("always raises")', "return -grad, ()"))


def test_fail_fast_stops_at_the_first_failure(place: Path) -> None:
    result = failing("--fail-fast")
    # Without -v the first one says why: mostly all failed for one reason.
    assert "failed: two_moons, raiser, seed 0: RuntimeError: always raises\n" in result.stderr
    assert "Stopped by a failure" in result.stderr
    assert "the same command resumes" in result.stderr


def test_a_diverged_trial_is_a_result(place: Path) -> None:
    document = json.loads(sweep("optimizer.sgd.lr=[1e30]", "--json").stdout)
    assert document["status"] == {"ok": 4, "diverged": 1, "missing": 0}  # there is nothing to choose from


def test_max_time_keeps_what_is_done_and_resumes(place: Path) -> None:
    result = sweep("--max-time", "0.000001s", code=4)
    assert "Out of time, 0 of 8 trials done; the same command resumes.\n" in result.stderr
    assert result.stdout == ""
    assert json.loads(sweep("--json").stdout)["status"] == {"ok": 8, "missing": 0}
    again = sweep("--max-time", "0.000001s")  # which is over at once, with nothing left to do
    assert again.stderr == ""
    assert "Report: " in again.stdout


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_times_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


# status and report


class Looks:
    """Stands for the clock's sleep: a sweep that ends at the third look."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def __call__(self, seconds: float) -> None:
        self.count += 1
        if self.count == 3:
            (self.folder / "running.json").unlink()


def test_status_shows_a_running_sweep_and_watches_it_to_its_end(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep()
    folder = place / "reports" / "x"
    assert not (folder / "running.json").exists()
    assert "Running" not in invoke("status", "reports/x").stdout
    event = {"phase": "tune", "done": 1.25, "total": 4, "share": 0.2, "elapsed": 70.0, "left": 280.0}
    (folder / "running.json").write_text(
        json.dumps({"pid": os.getpid(), "time": time.time() + 1e-3, **event})
    )
    monkeypatch.setattr("anncore.running.progress.FRESH", 1e9)
    line = "Running: tuning, 1.2 of 4 trials, 20% of all work, 70 s so far, about 5 min left\n"
    assert line in invoke("status", "reports/x").stdout
    assert json.loads(invoke("status", "reports/x", "--json").stdout)["running"] == {**event, "compiled": 0.0}
    looks = Looks(folder)
    monkeypatch.setattr("anncore.cli.status.time.sleep", looks)
    watched = invoke("status", "reports/x", "--watch").stdout
    assert (looks.count, watched.count(line)) == (3, 3)
    assert watched.endswith(f"Report: {Path('reports/x/report.html')}\n")


def test_status_sees_a_sweep_of_another_machine_without_its_store(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a shared folder: its clock is a minute ahead, its process is none of ours, its store is not read."""
    folder = place / "reports" / "x"
    folder.mkdir(parents=True)
    (folder / "trials.sqlite").write_bytes(b"pages that another machine has in its memory")
    event = {"phase": "report", "done": 1.25, "total": 4, "share": 0.2, "elapsed": 70.0, "left": 280.0}
    staff = {"workers": 3, "lost": 1, "rate": 12.5}
    phases = {"tune": {"ok": 7, "failed": 1}, "report": {"ok": 1, "missing": 3}}
    content = {"pid": 1 << 22, "host": "far", "time": time.time() + 60, **event, **staff, "phases": phases}
    (folder / "running.json").write_text(json.dumps(content))

    result = invoke("status", "reports/x")
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()[:3]]
    assert rows == [
        ["phase", "trials", "ok", "failed", "not", "run"],
        ["tune", "8", "7", "1", "0"],
        ["report", "4", "1", "0", "3"],
    ]
    assert "Running: final runs, 1.2 of 4 trials, 20% of all work" in result.stdout
    assert "It runs on far, another machine.\n" in result.stdout
    assert "Workers: 3, 1 was lost, 12.5 trials per second\n" in result.stdout
    plain = json.loads(invoke("status", "reports/x", "--json").stdout)
    assert (plain["host"], plain["running"], plain["phases"]) == ("far", {**event, "compiled": 0.0}, phases)
    assert plain["workers"] == {"used": 3, "lost": 1, "trials_per_second": 12.5}

    content["time"] = time.time() - 3600  # killed an hour ago
    (folder / "running.json").write_text(json.dumps(content))
    assert invoke("status", "reports/x").exit_code == 2


def test_whole_trials_are_counted_without_a_decimal() -> None:
    from anncore.cli.status import _running
    from anncore.contract.events import Progressed

    now = Progressed("tune", 1365.0, 2170, 0.34, 4.0, 4.0)
    assert "tuning, 1365 of 2170 trials, 34% of all work" in _running(now)


def test_a_sweep_that_was_killed_does_not_run(place: Path) -> None:
    sweep()
    event = {"phase": "tune", "done": 1.25, "total": 4, "share": 0.2, "elapsed": 70.0, "left": 280.0}
    left = {"pid": os.getpid(), "time": 0.0, **event}  # of long ago, and nobody holds the folder
    (place / "reports" / "x" / "running.json").write_text(json.dumps(left))
    assert json.loads(invoke("status", "reports/x", "--json").stdout)["running"] is None


def test_status_sees_a_sweep_from_outside(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the sweep of this very process runs, and however old its last word is."""
    seen: list[bool] = []

    def look(*arguments: object) -> None:
        for fresh in () if seen else (5.0, 0.0):
            monkeypatch.setattr("anncore.running.progress.FRESH", fresh)
            document = json.loads(invoke("status", "reports/x", "--json").stdout)
            seen.append(document["running"] is not None)

    monkeypatch.setattr("anncore.running.sweep.LOG.info", look)
    sweep()
    assert seen == [True, True]


def test_status_counts_by_phase(place: Path) -> None:
    sweep("optimizer.sgd.lr=[1e30]")
    lines = [line.split() for line in invoke("status", "reports/x").stdout.splitlines()]
    assert lines[0] == ["phase", "trials", "ok", "diverged", "not", "run"]
    assert lines[1] == ["tune", "3", "2", "1", "0"]
    assert lines[2] == ["report", "2", "2", "0", "0"]  # of the other arm: there is nothing to choose from
    document = json.loads(invoke("status", "reports/x", "--json").stdout)
    assert document["phases"]["tune"] == {"ok": 2, "diverged": 1}


@pytest.mark.slow
def test_report_renders_again_from_the_folder_alone(place: Path) -> None:
    sweep()
    folder = place / "reports" / "x"
    before = {name: (folder / name).read_bytes() for name in ("report.html", "report.json", "trials.csv")}
    for name in before:
        (folder / name).unlink()
    (place / "x.toml").unlink()
    folder.rename(place / "elsewhere")
    result = invoke("report", "elsewhere")
    assert result.exit_code == 0, result.output
    assert {name: (place / "elsewhere" / name).read_bytes() for name in before} == before


# Terminals and signals


def on_a_terminal(*args: str) -> tuple[str, str]:
    """Run annx with standard error on a pseudo-terminal; return what was shown there, and printed."""
    process, parent = start(*args)
    shown = read(parent)
    printed, _ = process.communicate(timeout=120)
    os.close(parent)
    assert process.returncode == 0
    return shown, printed.decode()


def start(*args: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start annx with standard error on a pseudo-terminal; return the process and its other end."""
    parent, child = pty.openpty()
    environ = {**os.environ, "COLUMNS": "100", "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [ANNX, *args], stdout=subprocess.PIPE, stderr=child, stdin=subprocess.DEVNULL, env=environ
    )
    os.close(child)
    return process, parent


def read(parent: int, until: str = "\0", seconds: float = 60) -> str:
    """Read the terminal to its end, or until a text appears."""
    output, deadline = b"", time.monotonic() + seconds
    while until.encode() not in output and time.monotonic() < deadline:
        if select.select([parent], [], [], 0.2)[0]:
            try:
                chunk = os.read(parent, 65536)
            except OSError:
                break
            if not chunk:
                break
            output += chunk
    return output.decode(errors="replace")


@pytest.fixture(scope="module")
def on_terminal(first_sweep: tuple[Path, Result]) -> tuple[str, str]:
    """Return what a finished sweep shows on a terminal, and prints."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(first_sweep[0])
        return on_a_terminal("sweep", "x.toml", "--executor", "serial")


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_and_only_there(finished: Path, on_terminal: tuple[str, str]) -> None:
    shown, printed = on_terminal
    for words in ("Two rates", "Tuning", "Final runs", "4/4", "0:00:0", "Writing the report"):
        assert words in shown
        assert words not in printed
    for quiet in ("--no-progress", "-q"):
        shown, printed = on_a_terminal("sweep", "x.toml", "--executor", "serial", quiet)
        assert shown == ""


@pytest.mark.slow
def test_no_color_takes_the_colours_away(
    finished: Path, on_terminal: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    assert colour.search(on_terminal[0])
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.search(on_a_terminal("sweep", "x.toml", "--executor", "serial")[0])


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_ends_with_130(place: Path) -> None:
    more = (
        "--unchecked",
        "--plugin",
        "odd.py",
        "optimizer.sleeper.rest=[1, 2, 3, 4, 5, 6]",
        "--only",
        "optimizer=sleeper",
    )
    args = ("sweep", "x.toml", *more, "--jobs", "1", "train.steps=15", "train.eval_every=15", "--no-figures")
    process, parent = start(*args)
    assert " left" in read(parent, until=" left")  # trials are running
    process.send_signal(signal.SIGINT)
    rest = read(parent)
    process.communicate(timeout=120)
    os.close(parent)
    assert process.returncode == 130, rest
    assert "the same command resumes" in rest
    assert "Traceback" not in rest
    result = invoke(*args, "--json")
    assert json.loads(result.stdout)["status"]["missing"] == 0
