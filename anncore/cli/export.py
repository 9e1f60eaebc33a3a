"""`annx export`: a run folder's tables for other programs and for papers."""

from __future__ import annotations

from pathlib import Path

import click

from anncore.cli.common import counted, print_json, say, say_what_is_gone
from anncore.cli.group import NOTHING_MATCHED, OK
from anncore.cli.options import NamedPath, json_option
from anncore.contract.standard_output import kept_for_results

FORMATS = ("csv", "parquet", "latex")  # report.export.FORMATS, whose import takes NumPy; a test compares


@click.command(short_help="Write a run's tables as CSV, Parquet or LaTeX.")
@click.argument("folder", metavar="DIR", type=NamedPath())
@click.option(
    "--format",
    "form",
    required=True,
    type=click.Choice(FORMATS),
    help="LaTeX tables need array, booktabs and longtable; Parquet needs annx[parquet].",
)
@click.option(
    "--out",
    metavar="DIR",
    type=NamedPath(),
    help="Where the files go; by default export/ in the run folder.",
)
@json_option
def command(folder: str, form: str, out: str | None, as_json: bool) -> int:
    """Write the tables of the run folder DIR for other programs or for a paper.

    CSV and Parquet: "trials" has a row per trial, "leaderboard" a row per arm and data set. LaTeX: each table
    of the report in its own file, for \\input{leaderboard.tex}; preview.tex shows them all.

    Files of an earlier export of this experiment in this format are replaced. Tables that no longer exist are
    removed, unless you changed them.
    """
    from anncore.report.export import export, write_files
    from anncore.running.run_folder import load_run

    place = Path(out) if out else Path(folder) / "export"
    with kept_for_results():
        results = load_run(folder, curves=form == "latex")
        files = dict(export(results, form))
    say_what_is_gone(results.experiment.registry)
    removed, kept = write_files(place, files, form, results.experiment.name)
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
    if not any(name.startswith("leaderboard") for name in files):
        lacking = "no leaderboard, as no report trial is done yet" if files else "no trial is done yet"
        say(f"{folder}: {lacking}; 'annx sweep' resumes.", err=True)
    return OK if files else NOTHING_MATCHED
