"""`annx export`: a run folder's tables for other programs and for papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from anncore.cli.common import counted, print_json, say, say_what_is_gone
from anncore.cli.group import NOTHING_MATCHED, OK
from anncore.cli.options import NamedPath, json_option, plugin_option
from anncore.contract.standard_output import kept_for_results

if TYPE_CHECKING:
    from anncore.contract.registry import Registered, Registry


def _complete_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from anncore import load_registry

    names = [component.name for component in load_registry().of_kind("exporter")]
    return sorted(name for name in names if name.startswith(incomplete))


@click.command(short_help="Write a run's tables as CSV, Parquet or LaTeX.")
@click.argument("folder", metavar="DIR", type=NamedPath())
@click.option(
    "--format",
    "form",
    required=True,
    metavar="NAME",
    shell_complete=_complete_formats,
    help="csv, parquet (needs annx[parquet]), latex (its tables need array, booktabs and longtable), "
    "gif (boundaries that move; need [report] maps_at), or a format that a plugin brings; 'annx list "
    "exporter' names all.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=NamedPath(),
    help="Where the files go; by default export/ in the run folder.",
)
@plugin_option
@json_option
def command(folder: str, form: str, out: str | None, plugins: tuple[str, ...], as_json: bool) -> int:
    """Write the tables of the run folder DIR for other programs or for a paper.

    What a plugin's format writes is its own; 'annx show exporter:NAME' says what that is.

    CSV and Parquet: "trials" has a row per trial, "leaderboard" a row per arm and data set. LaTeX: each table
    of the report in its own file, for \\input{leaderboard.tex}; preview.tex shows them all.

    Files of an earlier export of this experiment in this format are replaced. Tables that no longer exist are
    removed, unless you changed them.
    """
    from anncore import load_registry
    from anncore.report.export import export, write_files
    from anncore.running.run_folder import RunFolder, load_run

    place = Path(out) if out else Path(folder) / "export"
    with kept_for_results():
        known = RunFolder(folder).experiment().registry
        exporter = _exporter(load_registry([*known.files, *plugins]) if plugins else known, form)
        results = load_run(folder, curves=exporter.cls.whole)
        files = export(results, exporter)
    say_what_is_gone(results.experiment.registry)
    removed, kept = write_files(place, files, exporter.name, results.experiment.name)
    if as_json:
        print_json([str(place / name) for name in files])
    else:
        for name in files:
            say(place / name)
    if removed:
        verb = "is" if len(removed) == 1 else "are"
        say(f"{place}: {counted(len(removed), 'file')} of an earlier export {verb} removed.", err=True)
    for name in kept:
        say(f"{place / name} is from an earlier export and was changed since; it stays.", err=True)
    ours = exporter.dist == "annx"
    if not files or (ours and not (results.trials["phase"] == "report").any()):
        lacking = "no leaderboard, as no report trial is done yet" if files else "no trial is done yet"
        say(f"{folder}: {lacking}; 'annx sweep' resumes.", err=True)
    return OK if files else NOTHING_MATCHED


def _exporter(registry: Registry, form: str) -> Registered:
    """Return the exporter of that name; an unknown one is a usage error that names all."""
    from anncore.contract.errors import ComponentError

    try:
        return registry.get("exporter", form)
    except ComponentError as error:
        reason = str(error).replace("'annx list exporter' names all.", "").rstrip()
        names = ", ".join(component.name for component in registry.of_kind("exporter"))
        raise click.UsageError(f"--format: {reason} Formats are {names}.") from None
