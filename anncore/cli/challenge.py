"""`annx challenge`: a newcomer against the field of its kind on a suite, and the card of that."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from anncore.cli.common import complete_components, counted, find, print_json, say, shown_name
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
    from anncore.contract.registry import Registered, Registry
    from anncore.evidence.results import Results
    from anncore.experiment.challengers import Entered
    from anncore.report.challenge import Challenge
    from anncore.running.field import Field


@click.command(short_help="Place a component in the field of its kind, on a suite of problems.")
@click.argument("target", metavar="NAME|FILE.py", shell_complete=complete_components)
@click.option("--suite", metavar="NAME", help="The suite of problems; by default annx's own for comparisons.")
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

    if how.shard is not None:
        raise click.UsageError("a challenge is too short to divide; leave --shard out.")
    with kept_for_results():
        prepared = _prepared(Asked(target, suite, against, field_given, kind, plugins))
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


class Asked(NamedTuple):
    """What the command line says of who meets whom, and where."""

    target: str
    suite: str | None
    against: tuple[str, ...]
    field: str | None
    kind: str | None
    plugins: tuple[str, ...]


class Prepared(NamedTuple):
    """The newcomer, the experiment in which it meets the others, and the run folder's name."""

    folder: str
    newcomer: Registered
    entered: Entered
    challenge: Challenge


def _prepared(asked: Asked) -> Prepared:
    """Find the newcomer and the others, and plan what has to be trained; raises AnnxError for mistakes."""
    from anncore import load_experiment, load_registry
    from anncore.experiment.challengers import RATES, arm_table, enter, protocol
    from anncore.report.challenge import Challenge, finished_of

    files = [*asked.plugins, asked.target] if _is_file(asked.target) else list(asked.plugins)
    registry = load_registry(files)
    newcomer = _newcomer(registry, asked.target, asked.kind)
    label = shown_name(registry, newcomer)
    suite = registry.default("suite") if asked.suite is None else registry.get("suite", asked.suite)
    field = _field(asked.field, newcomer.kind, suite.name)
    known = finished_of(field, registry, newcomer.full_name)
    if field is not None:
        terms, rates = field.protocol.document, field.protocol.rates
    else:
        terms, rates = protocol(newcomer.kind, asked.suite or suite.name, registry), RATES
    others = _others(registry, newcomer, asked.against, finished=bool(known.arms))
    named = {shown_name(registry, one): one for one in others}
    trained = {shown: one for shown, one in named.items() if one.full_name not in known.arms}
    tables = {
        shown: {"use": one.full_name, **arm_table(one, registry, rates)}
        for shown, one in {label: newcomer, **trained}.items()
    }

    def read(document: Mapping[str, Any]) -> Any:
        return load_experiment(document, registry=registry)

    entered = enter(terms, newcomer.kind, label, tables, read)
    only = {one.full_name for one in others} if asked.against else None
    finished, lacking = known.on(entered.experiment, only)
    version = f"{newcomer.full_name} {newcomer.version}".strip()
    challenge = Challenge(
        label,
        version,
        newcomer.kind,
        finished,
        {**entered.left_out, **lacking},
        entered.skipped,
        known.origin if len(finished) else "",
    )
    return Prepared(f"challenge_{newcomer.kind}_{suite.name}", newcomer, entered, challenge)


def _field(given: str | None, kind: str, suite: str) -> Field | None:
    """Return the field of a kind on a suite; None where there is none, unless its folder is named."""
    from anncore.contract.errors import StoreError
    from anncore.running.field import field_folder, read_field

    try:
        folder = field_folder(given)
    except StoreError:
        if given is not None:
            raise
        return None
    there = (folder / kind / f"{suite}.toml").is_file()
    return read_field(folder, kind, suite) if there or given is not None else None


def _is_file(target: str) -> bool:
    return target.endswith(".py") or "/" in target


def _newcomer(registry: Registry, target: str, kind: str | None) -> Registered:
    """Return the component that a target names; raises AnnxError where it is none, or none of a field."""
    from anncore.contract.errors import ComponentError
    from anncore.experiment.challengers import COMPARABLE

    if not _is_file(target):
        component = find(registry, target, kind)
        if component.kind not in COMPARABLE:
            raise ComponentError(
                f"{component.name} is a {component.kind}, and only {', '.join(COMPARABLE)} have a field."
            )
        return component
    stem = Path(target).stem
    mine = [
        c for c in registry.components if c.dist == stem and c.kind in COMPARABLE and kind in (None, c.kind)
    ]
    if len(mine) == 1:
        return mine[0]
    if not mine:
        what = kind or "component that has a field"
        raise ComponentError(f"{target} brings no {what}; kinds are {', '.join(COMPARABLE)}.")
    names = ", ".join(f"{c.kind}:{c.full_name}" for c in mine)
    raise ComponentError(
        f"{target} brings {len(mine)} components ({names}); name one, with --plugin {target}."
    )


def _others(
    registry: Registry, newcomer: Registered, against: tuple[str, ...], *, finished: bool
) -> list[Registered]:
    """Return the components that are named; else annx's own of the kind, unless finished arms take part."""
    from anncore.contract.errors import ComponentError
    from anncore.contract.home import HOME

    names = [name.strip() for text in against for name in text.split(",") if name.strip()]
    if against and not names:
        raise click.UsageError("--against names nothing; write for example --against adam,sgd.")
    if not names and finished:
        return []
    if not names:
        own = [one for one in registry.of_kind(newcomer.kind) if one.dist == HOME]
        return [one for one in own if one is not newcomer]
    others = list(dict.fromkeys(registry.get(newcomer.kind, name) for name in names))
    if newcomer in others:
        raise ComponentError(f"--against names the newcomer itself, {newcomer.name!r}; leave it out.")
    return others


def _say_who(prepared: Prepared) -> None:
    """Say, on standard error, who takes no part and why."""
    for what, reasons in (("arm", prepared.challenge.left_out), ("problem", prepared.challenge.skipped)):
        if reasons:
            first, reason = next(iter(reasons.items()))
            say(f"{counted(len(reasons), what)} left out, such as {first}: {reason}", err=True)


def _unplaced(results: Results, newcomer: str) -> str:
    """Return why nothing was scored: no configuration of any arm ended well as it was tuned."""
    statuses = results.trials.loc[results.trials["arm"] == newcomer, "status"]
    diverged = int((statuses == "diverged").sum())
    return printable(
        f"{newcomer} has no place: none of its {counted(len(statuses), 'tuning trial')} ended well "
        f"({diverged} diverged), so there is nothing to score and no card. 'annx check' tries the component."
    )


def _concluded(results: Results, prepared: Prepared, folder: Path, output: OutputOptions) -> int:
    """Write the card, say the sentence, and return the exit code."""
    from anncore.cli.conclusion import say_how_it_ended, say_what_went_wrong
    from anncore.report.challenge import card, write_card

    content = None
    if (results.trials["phase"] == "report").any():
        with kept_for_results():
            content = card(results, prepared.challenge)
            files = write_card(content, folder / f"card_{prepared.newcomer.name}")
    if output.verbose:
        say_what_went_wrong(results.trials)
    if output.as_json:
        print_json({"folder": str(folder), "stopped": results.stopped, "card": content})
    elif not output.quiet:
        if content is not None:
            say(content["sentence"])
            say(f"Card: {files[0]}")
        elif not results.stopped:
            say(_unplaced(results, prepared.challenge.newcomer))
        say_how_it_ended(results)
    if results.stopped == "interrupted":
        return INTERRUPTED
    if results.stopped in ("terminated", "max_time"):
        return STOPPED
    return SOME_FAILED if results.failures else OK
