"""What a report costs, figures and all: of ten thousand trials, and from a file to its answer."""

from __future__ import annotations

import html
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from results_factory import make_results

from anncore.report import write_report

SHAPES = {
    "10 data sets, 10 arms, 100 seeds": (10, 10, 100),
    "20 data sets, 20 arms, 25 seeds": (20, 20, 25),
    "40 data sets, 25 arms, 10 seeds": (40, 25, 10),
}
"""By name: data sets, arms, seeds of the report phase; 3 seeds and 4 learning rates for tuning."""


def made_up(shape: str) -> Any:
    """Return the results of a made-up sweep, with curves of 51 steps of two metrics for each report trial."""
    problems, arms, seeds = SHAPES[shape]
    return make_results(
        arms=[f"arm{i}" for i in range(arms)],
        problems=[f"set{i}" for i in range(problems)],
        seeds=range(100, 100 + seeds),
    )


def rendered(results: Any, folder: Path) -> dict[str, float]:
    """Return what writing the whole report takes: seconds by the clock and of the CPU, and the page's MB.

    again: the share of that CPU time which the second report takes, where every figure would be the same.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, ""):
        report = write_report(results, folder, meta={})
    with timed(seconds, "second "):
        write_report(results, folder, meta={})
    return {
        "wall": seconds["wall"],
        "cpu": seconds["cpu"],
        "again": seconds["second cpu"] / seconds["cpu"],
        "mb": (folder / "report.html").stat().st_size / 1e6,
        "trials": float(len(results.trials)),
        "figures": float(len(report["figures"])),
    }


STORED = {
    "10,000 report trials": (10, 10, 100, 50),
    "10,000 report trials of many arms": (20, 20, 25, 50),
    "100,000 report trials": (20, 20, 250, 30),
}
"""By name: data sets, arms, seeds and steps of a sweep of tiny networks, evaluated every 10 steps."""
ASKED = {"10,000": (10, 3), "100,000": (60, 3)}  # seconds by the clock, MB of the page
LEFT_OUT = ("trials.csv has each", "report.md's table")  # how a page says so


def stored(shape: str, folder: Path) -> dict[str, float]:
    """Return what a sweep of this shape takes without figures, and then `annx report` of its folder.

    says: how many sentences of the page say what it leaves out.
    """
    problems, arms, seeds, steps = STORED[shape]
    experiment = folder / "tiny.toml"
    experiment.write_text(_tiny(problems, arms, seeds, steps), encoding="utf-8")
    run, seconds = folder / "run", {}
    with timed(seconds, "sweep "):
        _annx("sweep", str(experiment), "--no-figures", "--yes", "--out", str(run))
    with timed(seconds, ""):
        _annx("report", str(run))
    page = (run / "report.html").read_text(encoding="utf-8")
    says = sum(html.unescape(page).count(words) for words in LEFT_OUT)
    return {**seconds, "mb": len(page.encode()) / 1e6, "says": float(says)}


def _tiny(problems: int, arms: int, seeds: int, steps: int) -> str:
    noises = ", ".join(f"{0.05 + 0.4 * place / problems:.3f}" for place in range(problems))
    names = ("sgd", "adam", "rmsprop", "adagrad", "momentum")
    sections = (
        f'[optimizer.arm_{place}]\nuse = "{names[place % len(names)]}"\n'
        f"lr = [{0.003 * (1 + place / 4):.4f}, {0.03 * (1 + place / 4):.4f}]\n"
        for place in range(arms)
    )
    return f"""schema = 1
vary = ["optimizer"]
[train]
steps = {steps}
batch_size = 32
eval_every = 10
engine = "auto"
[seeds]
tune = [0]
report = {{ start = 100, num = {seeds} }}
[dataset.two_moons]
n = [200]
noise = [{noises}]
[network.mlp]
hidden = [[16]]
[loss.auto]
{"".join(sections)}"""


EXPERIMENT = Path(__file__).parents[2] / "experiments" / "optimizers.toml"
STAGES = {"sweep with report": 12.0, "report, every figure drawn": 5.0, "report, nothing to draw": None}
"""By name the seconds by the clock that were asked for."""


def from_file_to_answer(folder: Path) -> dict[str, float]:
    """Return what each stage of README's experiment takes, in processes of its own, one after the other.

    answer: by the clock, until its first line stands on the terminal.
    """
    _annx("list")  # whoever has installed annx has its modules compiled
    seconds: dict[str, float] = {}
    for stage in STAGES:
        if stage.endswith("drawn"):
            (folder / "figures" / "drawn.json").unlink()
        with timed(seconds, f"{stage}: "):
            if stage.startswith("sweep"):
                seconds["answer"] = _annx("sweep", str(EXPERIMENT), "--out", str(folder))
            else:
                _annx("report", str(folder))
    return seconds


def _annx(*command: str) -> float:
    """Run a verb as a user does, and return the seconds until it says something on standard output."""
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "anncore", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=usual,
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        said = time.perf_counter() - began
        process.stdout.read()
    assert process.returncode == 0, command
    return said


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the seconds by the clock and of the CPU, of this process and those that it waited for."""
    clock, used = time.perf_counter(), _used()
    yield
    seconds[f"{stage}wall"] = time.perf_counter() - clock
    seconds[f"{stage}cpu"] = _used() - used


def _used() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
