"""`annx sweep`: run an experiment and write its report."""

from __future__ import annotations

import dataclasses
import sys

import click

from anncore.cli.options import (
    ExperimentOptions,
    OutputOptions,
    RunOptions,
    experiment_options,
    output_options,
    run_options,
)


@click.command(short_help="Run an experiment, or resume it, and write its report.")
@experiment_options
@run_options
@click.option("--dry-run", is_flag=True, help="Show what would run, and write nothing.")
@click.option("--yes", is_flag=True, help="Run a plan of more than [limits] max_trials.")
@output_options
def command(
    chosen: ExperimentOptions, how: RunOptions, output: OutputOptions, dry_run: bool, yes: bool
) -> int:
    """Run the experiment FILE and write its report into the run folder.

    KEY=VALUE sets a key of the file, for example train.steps=100 or optimizer.adam.lr=[0.1,0.01].

    The same command again resumes: it runs only what is not done. Ctrl-C once finishes and keeps what is
    running; Ctrl-C twice stops at once.
    """
    experiment = chosen.load()
    if dry_run:
        from anncore.cli.plan import planned, show_plan

        show_plan(planned(experiment, chosen, allow_large=yes), chosen.folder, output.as_json)
        return 0

    from anncore.cli.conclusion import conclude
    from anncore.cli.progress import progress
    from anncore.running.sweep import sweep

    visible = sys.stderr.isatty() and not (output.quiet or output.no_progress)
    with progress(experiment.title, visible=visible) as on_event:
        results = sweep(
            experiment,
            out=chosen.folder,
            allow_large=yes,
            until_decided=chosen.until_decided,
            max_seeds=chosen.max_seeds,
            on_event=on_event,
            command=["annx", *sys.argv[1:]],
            **dataclasses.asdict(how),
        )
    return conclude(results, chosen.folder, output)
