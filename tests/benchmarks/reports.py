"""What a report costs, figures and all: of ten thousand trials, and from a file to its answer."""

from __future__ import annotations

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


EXPERIMENT = Path(__file__).parents[2] / "experiments" / "optimizers.toml"
STAGES = {
    "sweep, without figures": ("sweep", str(EXPERIMENT), "--no-figures", "--out"),
    "report, every figure drawn": ("report",),
    "report, nothing to draw": ("report",),
}
"""By name what `annx` is called with; the run folder comes last."""


def from_file_to_answer(folder: Path) -> dict[str, float]:
    """Return what each stage of README's experiment takes, in processes of its own, one after the other."""
    seconds: dict[str, float] = {}
    for stage, command in STAGES.items():
        with timed(seconds, f"{stage}: "):
            subprocess.run([sys.executable, "-m", "anncore", *command, str(folder), "-q"], check=True)
    return seconds


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
