"""`annx report`: write the report of a run folder again."""

from __future__ import annotations

from pathlib import Path

import click

from anncore.cli.common import say_what_is_gone
from anncore.cli.options import (
    NamedPath,
    OutputOptions,
    figures_option,
    json_option,
    plugin_option,
    require_option,
)


@click.command(short_help="Write the report of a run folder again, from what is stored there.")
@click.argument("folder", metavar="DIR", type=NamedPath())
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@figures_option
@plugin_option
@require_option
def command(
    folder: str,
    as_json: bool,
    quiet: bool,
    no_figures: bool,
    plugins: tuple[str, ...],
    required: tuple[str, ...],
) -> int:
    """Write the tables, figures and report of the run folder DIR again, from what is stored there.

    Plugin files that DIR names are loaded where you have made it on this machine; any other folder is safe
    to open.
    """
    from anncore.cli.conclusion import conclude
    from anncore.cli.required import requirements_of
    from anncore.running.run_folder import RunFolder, load_run

    results = load_run(folder, plugins=plugins)
    say_what_is_gone(results.experiment.registry)
    requirements_of(results, required)  # before anything is written
    RunFolder(folder).write_tables(results)
    output = OutputOptions(as_json, quiet, no_progress=False, no_figures=no_figures)
    return conclude(results, Path(folder), output, again=True, required=required)
