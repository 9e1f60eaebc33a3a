"""`annx merge`: run folders of one experiment, made as shards or on several machines, joined to one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from anncore.cli.common import counted, say
from anncore.cli.options import NamedPath, OutputOptions, figures_option, json_option, require_option
from anncore.contract.counts import agreeing
from anncore.contract.standard_output import kept_for_results


@click.command(short_help="Join run folders of one experiment, made as shards or on several machines.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=NamedPath())
@click.option(
    "--out", metavar="DIR", required=True, type=NamedPath(), help="The run folder that has all of it then."
)
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@figures_option
@require_option
def command(
    folders: tuple[str, ...],
    out: str,
    as_json: bool,
    quiet: bool,
    no_figures: bool,
    required: tuple[str, ...],
) -> int:
    """Join the run folders DIR... of one experiment to one, and write its report.

    They were made by `annx sweep FILE --shard 1/5` to 5/5, or by the same sweep on several machines. Trials
    are joined by run key; one that several folders have must have the same bits in all. What --out has
    already is kept. What no folder has is not run; 'annx sweep FILE --out DIR' runs it.
    """
    from anncore.cli.conclusion import conclude
    from anncore.cli.required import requirements_of
    from anncore.running.merging import merge_runs

    with kept_for_results():
        merged = merge_runs(folders, out, command=["annx", *sys.argv[1:]])
    requirements_of(merged.results, required)
    if not quiet and not as_json:
        for folder, number in zip(folders, merged.trials, strict=False):
            say(f"{folder}: {counted(number, 'result')}")
        if merged.shared:
            were = agreeing(merged.shared, "were")
            say(f"{counted(merged.shared, 'result')} of these {were} there already, with the same bits.")
        if merged.replaced:
            stand = "stands as it" if merged.replaced == 1 else "stand as they"
            say(f"{counted(merged.replaced, 'failed trial')} of one folder {stand} ended in another.")
    output = OutputOptions(as_json, quiet, no_progress=False, no_figures=no_figures)
    return conclude(merged.results, Path(out), output, again=True, required=required)
