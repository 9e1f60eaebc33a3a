"""`annx judge`: a report on results that were trained elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from anncore.cli.common import print_json, say
from anncore.cli.group import NOT_SHOWN, OK
from anncore.cli.options import NamedPath, figures_option, json_option, require_option
from anncore.cli.required import outcomes_of, requirements_of, say_required
from anncore.contract.standard_output import kept_for_results


@click.command(short_help="Judge results that were trained elsewhere, from a CSV file.")
@click.argument("file", metavar="FILE.csv", type=NamedPath())
@click.option(
    "--goal", type=click.Choice(["min", "max"]), help="Which way is better; by default the metric's."
)
@click.option("--metric", metavar="NAME", help="The column of scores, or what the column score holds.")
@click.option(
    "--bounds", metavar="INTERVAL", help="Between what scores lie: '[0, 1]' for shares, '[0, inf)'."
)
@click.option(
    "--out",
    metavar="DIR",
    type=NamedPath(),
    help="Where the report is written; by default reports/ and the file's name without .csv.",
)
@require_option
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@figures_option
def command(
    file: str,
    goal: str | None,
    metric: str | None,
    bounds: str | None,
    out: str | None,
    required: tuple[str, ...],
    **output: bool,
) -> int:
    """Write a report on the scores in FILE.csv, from whatever framework they come.

    A row per trial with the columns arm, problem, seed and score; phase, step, config and status may be
    there. Or a column per arm, a row per problem and seed. Equal seeds must have seen the same data and
    split. An empty score is a trial that failed, an infinite one a trial that diverged.
    """
    from anncore.report import summary
    from anncore.report.judge import judge
    from anncore.report.outside import read_table

    folder = Path(out) if out is not None else Path("reports") / Path(file).stem
    with kept_for_results():
        judged = judge(
            read_table(file), goal=goal, metric=metric, bounds=bounds, folder=folder, name=Path(file).stem
        )
        requirements_of(judged, required)  # before anything is written
        content = judged.written(folder, figures=not output["no_figures"])
    outcomes = outcomes_of(judged, required, content)
    if output["as_json"]:
        asked = {"required": [one.to_json() for one in outcomes]} if required else {}
        print_json({"folder": str(folder), "report": content, **asked})
    elif not output["quiet"]:
        for note in content["provenance"]["judged"]["notes"]:
            say(note, err=True)
        say(summary(content))
        say(f"Report: {folder / 'report.html'}")
    say_required(outcomes, quiet=output["quiet"] or output["as_json"])
    return NOT_SHOWN if any(one.outcome != "holds" for one in outcomes) else OK
