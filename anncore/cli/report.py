"""`annx report`: render a run folder's report again."""

from __future__ import annotations

from pathlib import Path

import click

from anncore.cli.common import json_option


@click.command(short_help="Write the report of a run folder again, from what is stored there.")
@click.argument("folder", metavar="DIR", type=click.Path())
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(folder: str, as_json: bool, quiet: bool) -> int:
    """Write tables, figures and report of the run folder DIR again, from what is stored there."""
    from anncore.cli.running import conclude
    from anncore.running.run_folder import RunFolder, load_run

    results = load_run(folder)
    RunFolder(folder).write_tables(results)
    return conclude(results, Path(folder), as_json=as_json, quiet=quiet, again=True)
