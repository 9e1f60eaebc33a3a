"""What `annx sweep` does: load, plan, run, report, print."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore.cli.common import check_rounds, counted, print_json, say
from anncore.cli.plan import out_folder, planned, show_plan
from anncore.report.printable import printable
from anncore.report.refresh import render

if TYPE_CHECKING:
    from anncore.evidence.results import Results
    from anncore.running.events import Event

OK, SOME_FAILED, INTERRUPTED = 0, 1, 130


def run(
    file: str,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    quick: bool,
    plugins: tuple[str, ...],
    out: str | None,
    jobs: int | None,
    executor: str | None,
    dry_run: bool,
    fresh: bool,
    retry_failed: bool,
    fail_fast: bool,
    max_time: float | None,
    until_decided: bool,
    max_seeds: int | None,
    unchecked: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    no_progress: bool,
) -> int:
    """Run an experiment and return the exit code; see `annx sweep --help`."""
    from anncore.experiment import load_experiment

    check_rounds(until_decided, max_seeds)
    experiment = load_experiment(
        file, overrides=overrides, only=only, skip=skip, quick=quick, plugins=plugins
    )
    folder = out_folder(out, file)
    if dry_run:
        plan = planned(experiment, folder, until_decided, max_seeds, allow_large=yes)
        show_plan(plan, folder, as_json)
        return 0

    from anncore.cli.progress import progress
    from anncore.testing.before_sweep import ConformanceError, sweep

    visible = sys.stderr.isatty() and not (quiet or no_progress)
    with _failures_first(ConformanceError), progress(experiment.title, visible=visible) as show:
        results = sweep(
            experiment,
            out=folder,
            jobs=jobs,
            executor=executor,
            fresh=fresh,
            retry_failed=retry_failed,
            fail_fast=fail_fast,
            max_time=max_time,
            allow_large=yes,
            until_decided=until_decided,
            max_seeds=max_seeds,
            on_event=partial(_on_event, show, quiet),
            unchecked=unchecked,
            command=["annx", *sys.argv[1:]],
        )
    return conclude(results, folder, as_json=as_json, quiet=quiet, verbose=verbose)


@contextmanager
def _failures_first(kind: type[Any]) -> Iterator[None]:
    """Print what a component fails, a line each, before the error itself is printed."""
    try:
        yield
    except kind as error:
        for failure in error.failures:
            say(failure, err=True)
        raise


def _on_event(show: Callable[[Event], None], quiet: bool, event: Event) -> None:
    """Print what must be seen without a progress bar as well, and let the bar do the rest."""
    from anncore.contract.engine_version import told_apart
    from anncore.running.events import Distrusted, OtherEnvironment

    if isinstance(event, OtherEnvironment) and not quiet:
        here, *others = told_apart([event.here, *event.there])
        where = "; ".join(
            f"{counted(count, 'trial')} with {what}"
            for what, count in zip(others, event.there.values(), strict=True)
        )
        say(
            f"This is another environment ({here}) than the folder's ({where}): last digits may differ.",
            err=True,
        )
    elif isinstance(event, Distrusted):
        for name, what in event.components.items():
            say(f"{name} gives other bits alone than in a stack ({what}).", err=True)
        say(f"Nothing is claimed of it: {counted(event.trials, 'trial')} failed.", err=True)
    else:
        show(event)


def conclude(
    results: Results, folder: Path, *, as_json: bool, quiet: bool, verbose: bool = False, again: bool = False
) -> int:
    """Write the report where there is something to report, print it, and return the exit code.

    again: render also where the last report was made from the same results.
    """
    counts = Counter(results.trials["status"])
    content = None
    if (results.trials["phase"] == "report").any():
        content = render(results, folder, again=again)
    if verbose:
        _tell_what_went_wrong(results)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "status": {**counts, "missing": results.missing},
                "stopped": results.stopped,
                "report": content,
            }
        )
    elif not quiet:
        if content is not None:
            from anncore.report import summary

            say(summary(content))
            say(f"Report: {folder / 'report.html'}")
        _say_how_it_ended(results, counts)
    if results.stopped == "interrupted":
        return INTERRUPTED
    return SOME_FAILED if results.failures else OK


def _say_how_it_ended(results: Results, counts: Counter[str]) -> None:
    for status in ("failed", "timeout", "crashed"):
        if counts[status]:
            say(
                f"{counted(counts[status], 'trial')} {status}: -v says why, --retry-failed runs them again.",
                err=True,
            )
    if results.stopped:
        why = {"interrupted": "Interrupted", "max_time": "Out of time", "fail_fast": "Stopped by a failure"}
        done = f"{len(results.trials)} of {counted(results.plan.counts['total'], 'trial')} done"
        say(f"{why[results.stopped]}, {done}; the same command resumes.", err=True)
    elif results.missing:
        say(f"{counted(results.missing, 'trial')} to do; 'annx sweep' resumes.", err=True)


def _tell_what_went_wrong(results: Results) -> None:
    """Print each trial that did not end well, and the last line of its error, on standard error."""
    trials = results.trials
    for row in trials[trials["status"] != "ok"].to_dict("records"):
        parts = (row["problem"], row["arm"], row["config"], f"seed {row['seed']}")
        where = ", ".join(str(part) for part in parts if part)
        error = str(row["error"] or "").strip().splitlines()
        say(printable(f"{row['status']}: {where}" + (f": {error[-1]}" if error else "")), err=True)
