"""`annx export`: a run folder's tables for other programs and for papers."""

from __future__ import annotations

from pathlib import Path

import click

from anncore.cli.common import counted, json_option, print_json, say

FORMATS = ("csv", "parquet", "latex")  # export.FORMATS, which cannot be had without NumPy; a test compares


@click.command(short_help="Write a run's tables as CSV, Parquet or LaTeX.")
@click.argument("folder", metavar="DIR", type=click.Path())
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
    type=click.Path(),
    help="Where the files go; by default export/ in the run folder.",
)
@json_option
def command(folder: str, form: str, out: str | None, as_json: bool) -> int:
    """Write the tables of the run folder DIR for other programs, or for a paper.

    CSV and Parquet: trials with a row per trial, leaderboard with a row per arm and data set. LaTeX: every
    table of the report in a file of its own, for \\input{leaderboard.tex}; preview.tex shows them all. What
    an earlier export of this experiment in this format wrote there is replaced; tables that are no more are
    removed, unless you changed them.
    """
    from anncore.cli.group import NOTHING_MATCHED, OK
    from anncore.contract.errors import StoreError
    from anncore.report.export import export, write_files
    from anncore.running.run_folder import load_run

    place = Path(out) if out else Path(folder) / "export"
    results = load_run(folder, curves=form == "latex")
    files = dict(export(results, form))
    try:
        removed, kept = write_files(place, files, form, results.experiment.name)
    except OSError as error:
        raise StoreError(f"{place} cannot be written to: {error.strerror}. Give a folder by --out.") from None
    if as_json:
        print_json([str(place / name) for name in files])
    else:
        for name in files:
            say(place / name)
    if removed:
        verb = "is" if len(removed) == 1 else "are"
        say(f"{place}: {counted(len(removed), 'file')} of an earlier export {verb} gone.", err=True)
    for name in kept:
        say(f"{place / name} is of an earlier export and was changed since; it stays.", err=True)
    if not any(name.startswith("leaderboard") for name in files):
        what = "no leaderboard, as no trial of the report phase is done" if files else "no trial is done yet"
        say(f"{folder}: {what}; 'annx sweep' resumes.", err=True)
    return OK if files else NOTHING_MATCHED
