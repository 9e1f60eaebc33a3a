"""What a report of ten thousand trials costs, figures and all."""

from __future__ import annotations

import resource
import time
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
    """Return what writing the whole report takes: seconds by the clock and of the CPU, and the page's MB."""
    clock, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    report = write_report(results, folder, meta={})
    wall, now = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall": wall,
        "cpu": now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
        "mb": (folder / "report.html").stat().st_size / 1e6,
        "trials": float(len(results.trials)),
        "figures": float(len(report["figures"])),
    }
