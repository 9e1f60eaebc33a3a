"""`annx challenge`: a newcomer against the field of its kind on a suite, and the card of that."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anncore.cli.common import complete_components, counted, print_json, say
from anncore.cli.group import INTERRUPTED, OK, SOME_FAILED, STOPPED
from anncore.cli.options import (
    NamedPath,
    OutputOptions,
    RunOptions,
    output_options,
    plugin_option,
    run_options,
)
from anncore.contract.standard_output import kept_for_results
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.evidence.results import Results
    from anncore.testing.challenging import Prepared


@click.command(short_help="Place a component in the field of its kind, on a suite of problems.")
@click.argument("target", metavar="NAME|FILE.py", shell_complete=complete_components)
@click.option(
    "--suite",
    metavar="NAME",
    help="The suite of problems, by default annx's own for comparisons; or a part of the field, such as "
    "core_regression of losses.",
)
@click.option(
    "--against",
    multiple=True,
    metavar="NAME",
    help="Compare with these components only; repeatable, or separated by commas.",
)
@click.option(
    "--field",
    "field_given",
    metavar="DIR",
    type=NamedPath(),
    help="Where finished trials of others lie; by default reports/field, or the field beside annx.",
)
@click.option("--kind", metavar="KIND", help="The kind, where several share the name.")
@click.option(
    "--out",
    metavar="DIR",
    type=NamedPath(),
    help="The run folder, which keeps finished trials; by default reports/challenge_KIND_SUITE.",
)
@plugin_option
@run_options
@output_options
def command(
    how: RunOptions,
    output: OutputOptions,
    target: str,
    suite: str | None,
    against: tuple[str, ...],
    field_given: str | None,
    kind: str | None,
    out: str | None,
    plugins: tuple[str, ...],
) -> int:
    """Compare the component NAME, or the one in FILE.py, with the field of its kind, and write a card.

    All arms are tuned over equally many configurations and scored on the same fresh seeds. What is finished
    is not run again: neither in the run folder, nor in the field that annx ships. The same command resumes.
    The card lies in a folder of its own inside the run folder: card.html, card.md and card.json.

    Ends with 0 where all is done, 1 where trials failed, 4 where --max-time or SIGTERM left something to do,
    130 where Ctrl-C left something to do; without all of its trials a newcomer has no place.
    """
    from anncore.cli.progress import progress
    from anncore.cli.sweep import failures_first, on_event_shown
    from anncore.testing.before_sweep import ConformanceError, sweep
    from anncore.testing.challenging import Asked, prepare

    if how.shard is not None:
        raise click.UsageError("a challenge is too short to divide; leave --shard out.")
    with kept_for_results():
        prepared = prepare(Asked(target, suite, against, field_given, kind, plugins))
    folder = Path(out) if out is not None else Path("reports") / prepared.folder
    visible = sys.stderr.isatty() and not (output.quiet or output.no_progress)
    if not output.quiet and not output.as_json:
        _say_who(prepared)
    with (
        failures_first(ConformanceError),
        progress(prepared.entered.experiment.title, visible=visible) as show,
        kept_for_results(),
    ):
        results = sweep(
            prepared.entered.experiment,
            out=folder,
            allow_large=True,
            on_event=partial(on_event_shown, show, output.quiet),
            command=["annx", *sys.argv[1:]],
            **how.arguments(prepared.entered.experiment),
        )
    return _concluded(results, prepared, folder, output)


def _say_who(prepared: Prepared) -> None:
    """Say, on standard error, who is meant where a name is shared, and who takes no part and why."""
    if prepared.challenge.namesake:
        say(prepared.challenge.namesake, err=True)
    for what, reasons in (("arm", prepared.challenge.left_out), ("problem", prepared.challenge.skipped)):
        if reasons:
            first, reason = next(iter(reasons.items()))
            say(f"{counted(len(reasons), what)} left out, such as {first}: {reason}", err=True)


def _concluded(results: Results, prepared: Prepared, folder: Path, output: OutputOptions) -> int:
    """Write the card, say the sentence, and return the exit code."""
    from anncore.cli.conclusion import say_how_it_ended, say_what_went_wrong
    from anncore.testing.challenging import carded, unplaced

    with kept_for_results():
        content, files = carded(results, prepared, folder)
    if output.verbose:
        say_what_went_wrong(results.trials)
    if output.as_json:
        print_json({"folder": str(folder), "stopped": results.stopped, "card": content})
    elif not output.quiet:
        if content is not None:
            say(content["sentence"])
            say(f"Card: {files[0]}")
        elif not results.stopped:
            say(printable(unplaced(results, prepared.challenge.newcomer)))
        say_how_it_ended(results)
    if results.stopped == "interrupted":
        return INTERRUPTED
    if results.stopped in ("terminated", "max_time"):
        return STOPPED
    return SOME_FAILED if results.failures else OK
