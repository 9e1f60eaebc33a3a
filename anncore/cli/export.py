"""`annx export`: a run folder's tables for other programs and for papers."""

from __future__ import annotations

from collections.abc import Mapping
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


@click.command(short_help="Write a run's tables as CSV, Parquet or LaTeX, or its figures for a paper.")
@click.argument("folder", metavar="DIR", type=NamedPath())
@click.option(
    "--format",
    "form",
    metavar="NAME",
    shell_complete=_complete_formats,
    help="csv, parquet (needs annx[parquet]), latex (its tables need array, booktabs and longtable), "
    "gif (boundaries that move; need [report] maps_at), or a format that a plugin brings; 'annx list "
    "exporter' names all.",
)
@click.option(
    "--figures",
    type=click.Choice(["paper"]),
    help="Write the figures for a paper: SVG with text as text, PDF, no heading, and each one's caption as "
    "text and as LaTeX.",
)
@click.option(
    "--columns",
    type=click.Choice(["1", "2"]),
    default="1",
    show_default=True,
    help="How wide these figures are: one column (89 mm) or two (183 mm).",
)
@click.option(
    "--out",
    metavar="DIR",
    type=NamedPath(),
    help="Where the files go; by default export/ in the run folder.",
)
@plugin_option
@json_option
def command(
    folder: str,
    form: str | None,
    figures: str | None,
    columns: str,
    out: str | None,
    plugins: tuple[str, ...],
    as_json: bool,
) -> int:
    """Write the tables or the figures of the run folder DIR for other programs or for a paper.

    What a plugin's format writes is its own; 'annx show exporter:NAME' says what that is.

    CSV and Parquet: "trials" has a row per trial, "leaderboard" a row per arm and data set. LaTeX: each table
    of the report in its own file, for \\input{leaderboard.tex}; preview.tex shows them all. Figures: each as
    figure-NAME.svg and .pdf, its caption as figure-NAME.txt and .tex.

    Files of an earlier export of this experiment in this format are replaced. Those that no longer exist are
    removed, unless you changed them.
    """
    from anncore.report.export import checked_files, export
    from anncore.running.run_folder import RunFolder, load_run

    if form is None and figures is None:
        raise click.UsageError("Say what to write: --format NAME for tables, or --figures paper.")
    place = Path(out) if out else Path(folder) / "export"
    with kept_for_results():
        registry = RunFolder(folder).experiment(plugins=plugins).registry
        exporter = None if form is None else _exporter(registry, form)
        results = load_run(
            folder,
            curves=figures is not None or (exporter is not None and exporter.cls.whole),
            plugins=plugins,
        )
        written: dict[str, Mapping[str, bytes]] = {}
        unsaid: list[str] = []
        if exporter is not None:
            written[exporter.name] = export(results, exporter)
        if figures is not None:
            from anncore.report.paper import paper_figures

            paper = paper_figures(results, int(columns))
            written["paper figures"] = checked_files("paper figures", paper.files)
            unsaid = paper.said
    say_what_is_gone(results.experiment.registry)
    _write(place, written, results.experiment.name, as_json=as_json)
    for text in unsaid:
        say(f"{folder}: {text}", err=True)
    nothing = not any(written.values())
    ours = exporter is None or exporter.dist == "annx"
    if nothing or (ours and not (results.trials["phase"] == "report").any()):
        lacking = "no trial is done yet" if nothing else "no leaderboard, as no report trial is done yet"
        say(f"{folder}: {lacking}; 'annx sweep' resumes.", err=True)
    return NOTHING_MATCHED if nothing else OK


def _write(
    place: Path, written: Mapping[str, Mapping[str, bytes]], experiment: str, *, as_json: bool
) -> None:
    """Write the files of each format, and say which ones, and what became of those of the last export."""
    from anncore.report.export import write_files

    notes: list[str] = []
    for form, files in written.items():
        removed, kept = write_files(place, files, form, experiment)
        if removed:
            verb = "is" if len(removed) == 1 else "are"
            notes.append(f"{place}: {counted(len(removed), 'file')} of an earlier export {verb} removed.")
        notes += [
            f"{place / name} is from an earlier export and was changed since; it stays." for name in kept
        ]
    names = [place / name for files in written.values() for name in files]
    if as_json:
        print_json([str(name) for name in names])
    else:
        for name in names:
            say(name)
    for note in notes:
        say(note, err=True)


def _exporter(registry: Registry, form: str) -> Registered:
    """Return the exporter of that name; an unknown one is a usage error that names all."""
    from anncore.contract.errors import ComponentError

    try:
        return registry.get("exporter", form)
    except ComponentError as error:
        reason = str(error).replace("'annx list exporter' names all.", "").rstrip()
        names = ", ".join(component.name for component in registry.of_kind("exporter"))
        raise click.UsageError(f"--format: {reason} Formats are {names}.") from None
