"""`annx sweep`: run an experiment and write its report."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import counted, say
from anncore.cli.options import (
    ExperimentOptions,
    OutputOptions,
    RunOptions,
    experiment_options,
    output_options,
    require_option,
    run_options,
)
from anncore.contract.standard_output import kept_for_results

if TYPE_CHECKING:
    from anncore.contract.events import Event
    from anncore.experiment.sharding import Shard


@click.command(short_help="Run an experiment, or resume it, and write its report.")
@experiment_options
@run_options
@click.option("--dry-run", is_flag=True, help="Show what would run, and write nothing.")
@click.option("--yes", is_flag=True, help="Run a plan of more than [limits] max_trials.")
@require_option
@output_options
def command(
    chosen: ExperimentOptions,
    how: RunOptions,
    output: OutputOptions,
    dry_run: bool,
    yes: bool,
    required: tuple[str, ...],
) -> int:
    """Run the experiment FILE and write its report into the run folder.

    KEY=VALUE sets a key of the file, for example train.steps=100 or optimizer.adam.lr=[0.1,0.01].

    The same command again resumes: it runs only what is not done. Ctrl-C once, or SIGTERM, finishes and keeps
    what is running; Ctrl-C twice stops at once. At --max-time what is running is left for the next time.

    Ends with 0 where all is done, 1 where trials failed, 4 where --max-time or SIGTERM left something to do,
    6 where a claim of --require does not hold, 130 where Ctrl-C left something to do.
    """
    with kept_for_results():
        experiment = chosen.load()
    folder = _folder(chosen, how.shard)
    if how.shard and required:
        raise click.UsageError("--require is about the whole plan; give it to 'annx merge'.")
    if dry_run or required:
        from anncore.cli.plan import planned, show_plan
        from anncore.cli.required import refuse_unfit

        with kept_for_results():
            plan = planned(experiment, chosen, allow_large=yes)
            refuse_unfit(required, plan)
        if dry_run:
            show_plan(plan, folder, output.as_json)
            return 0

    from anncore.cli.conclusion import conclude, conclude_shard
    from anncore.cli.progress import progress
    from anncore.testing.before_sweep import ConformanceError, sweep

    visible = sys.stderr.isatty() and not (output.quiet or output.no_progress)
    with (
        failures_first(ConformanceError),
        progress(experiment.title, visible=visible) as show,
        kept_for_results(),
    ):
        results = sweep(
            experiment,
            out=folder,
            allow_large=yes,
            until_decided=chosen.until_decided,
            max_seeds=chosen.max_seeds,
            on_event=partial(on_event_shown, show, output.quiet),
            command=["annx", *sys.argv[1:]],
            **how.arguments(experiment),
        )
    if how.shard and not results.stopped:
        return conclude_shard(results, folder, output)
    return conclude(results, folder, output, required=required)


def _folder(chosen: ExperimentOptions, shard: Shard | None) -> Path:
    """Return the run folder; of a shard one beside the others', as two sweeps cannot share a folder."""
    if shard is None or chosen.out is not None:
        return chosen.folder
    return chosen.folder.with_name(f"{chosen.folder.name}.{shard.suffix}")


@contextmanager
def failures_first(kind: type[Any]) -> Iterator[None]:
    """Print what a component fails, a line each, before the error itself is printed."""
    try:
        yield
    except kind as error:
        for failure in error.failures:
            say(failure, err=True)
        raise


def too_short(stack: float | None) -> str:
    """Say what time a sweep needs that had no new result within its --max-time."""
    from anncore.running.progress_line import duration

    if stack is None:
        return (
            "No trial made a step in this time: workers start and formulas are compiled first. Give a longer "
            "--max-time."
        )
    seconds = 1.25 * stack
    enough = f"{5 * math.ceil(seconds / 5)}s" if seconds <= 90 else f"{math.ceil(seconds / 60)}m"
    return (
        f"No trial ended in this time, and parts of trials are not kept. Those that ran take about "
        f"{duration(stack)}: give --max-time {enough} or more."
    )


def on_event_shown(show: Callable[[Event], None], quiet: bool, event: Event) -> None:
    """Print what must be seen without a progress bar as well, and let the bar do the rest."""
    from anncore.contract.engine_version import told_apart
    from anncore.contract.events import Distrusted, OtherEnvironment, TooShort

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
    elif isinstance(event, TooShort):
        if not quiet:
            say(too_short(event.stack), err=True)
    elif isinstance(event, Distrusted):
        for name, what in event.components.items():
            say(f"{name} gives other bits alone than in a stack ({what}).", err=True)
        say(f"Nothing is claimed of it: {counted(event.trials, 'trial')} failed.", err=True)
    else:
        show(event)
