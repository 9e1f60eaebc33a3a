"""`annx judge`: a report on results that were trained elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from anncore.cli.common import print_json, say
from anncore.cli.group import NOT_SHOWN, OK
from anncore.cli.options import NamedPath, figures_option, json_option, require_option
from anncore.cli.required import outcomes_of, requirements_of, say_required
from anncore.contract.errors import ReportError
from anncore.contract.standard_output import kept_for_results


@click.command(short_help="Judge results that were trained elsewhere, from a CSV or Parquet file.")
@click.argument("file", metavar="FILE", type=NamedPath())
@click.option(
    "--goal", type=click.Choice(["min", "max"]), help="Which way is better; by default the metric's."
)
@click.option("--metric", metavar="NAME", help="The column of scores, or what the column score holds.")
@click.option(
    "--bounds", metavar="INTERVAL", help="Between what scores lie: '[0, 1]' for shares, '[0, inf)'."
)
@click.option(
    "--columns",
    metavar="ROLE=NAME,...",
    multiple=True,
    help="Which column is what: arm=method,seed=run; also problem, score, phase, step, status, config=a+b.",
)
@click.option(
    "--decimal", type=click.Choice([",", "."]), help="How decimals are written, where it is not clear."
)
@click.option(
    "--out",
    metavar="DIR",
    type=NamedPath(),
    help="Where the report is written; by default reports/ and the file's name without its ending.",
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
    columns: tuple[str, ...],
    decimal: str | None,
    out: str | None,
    required: tuple[str, ...],
    **output: bool,
) -> int:
    """Write a report on the scores in FILE, a CSV or Parquet file, from whatever framework they come.

    A row per trial with the columns arm, problem, seed and score; phase, step, config and status may be
    there. Or a column per arm, a row per problem and seed. Or an export of W&B or MLflow. Equal seeds must
    have seen the same data and split. An empty score is a trial that failed, an infinite one a trial that
    diverged; seeds that not every arm has are left out.
    """
    from anncore.report import summary
    from anncore.report.judge import judge
    from anncore.report.outside_files import read_table

    folder = Path(out) if out is not None else Path("reports") / Path(file).stem
    with kept_for_results():
        table, roles = read_table(file), roles_of(columns)
        try:
            judged = judge(
                table,
                goal=goal,
                metric=metric,
                bounds=bounds,
                columns=roles,
                decimal=decimal,
                folder=folder,
                name=Path(file).stem,
            )
        except ReportError as error:  # which speaks of "the table", and of several one is meant
            raise ReportError(f"{file}: {error}") from None
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


def roles_of(given: tuple[str, ...]) -> dict[str, str | list[str]]:
    """Return --columns by role: "arm=method,score=acc"; what has no "=" belongs to the name before it."""
    roles: dict[str, str | list[str]] = {}
    role = ""
    for text in given:
        for place, piece in enumerate(text.split(",")):
            name, sign, column = piece.partition("=")
            if sign and name.strip().isidentifier():
                role = name.strip().lower()
                if role in roles:
                    raise click.UsageError(f"--columns names {role} twice.")
                roles[role] = column.strip()
            elif place == 0 or not role:
                raise click.UsageError(f"--columns takes ROLE=NAME, such as arm=method, got {text!r}.")
            else:  # a comma in a column's name
                roles[role] = f"{roles[role]},{piece}"
    if isinstance(config := roles.get("config"), str) and "+" in config:
        roles["config"] = config.split("+")
    return roles
