"""`annx sweep`: run an experiment and write its report."""

from __future__ import annotations

import re
from typing import Any

import click

from anncore.cli.common import json_option, out_option, rounds_options, selection_options


class Duration(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.4 on
    """A number of seconds, written as 90, "90s", "10m" or "1.5h"."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds, or fail with the rule."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([smh]?)", str(value).strip(), re.ASCII)
        seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is no time; write for example 90s, 10m or 1.5h", param, ctx)
        return seconds


@click.command(short_help="Run an experiment, resuming where it stopped, and write its report.")
@selection_options
@out_option
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes; by default one per core."
)
@click.option("--executor", metavar="NAME", help="How trials are run; 'annx list executor' names the ways.")
@click.option("--dry-run", is_flag=True, help="Show what would run, and write nothing.")
@click.option("--fresh", is_flag=True, help="Run everything again, also what is done.")
@click.option("--retry-failed", is_flag=True, help="Run failed, crashed and timed-out trials again.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first trial that fails.")
@click.option(
    "--max-time", type=Duration(), metavar="TIME", help="Stop after so long (90s, 10m, 1.5h); resumable."
)
@rounds_options
@click.option(
    "--unchecked",
    is_flag=True,
    help="Run strangers' components even if they fail the checks that guard numbers.",
)
@click.option("--yes", is_flag=True, help="Run a plan above [limits] max_trials.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Also print each trial that did not end well, and why.")
@click.option("--no-progress", is_flag=True, help="No progress bar; there is none unless on a terminal.")
def command(**options: Any) -> int:
    """Run the experiment FILE and write its report into the run folder.

    KEY=VALUE sets a key of the file, as in train.steps=100 or optimizer.adam.lr=[0.1,0.01]. The same
    command again resumes, and does nothing but report when all is done. Ctrl-C once finishes what is
    running and keeps it; twice stops at once.
    """
    from anncore.cli.running import run

    return run(**options)
