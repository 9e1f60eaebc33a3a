"""`annx doctor`: has this machine what sweeps need, is a run folder whole, and what to do where not?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anncore.cli import printing
from anncore.cli.common import counted, print_json, say, width
from anncore.cli.group import OK, SOME_FAILED
from anncore.cli.options import NamedPath, json_option, scheduler_file_option, scheduler_option
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.cli.health import Finding

MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "bold red")}
PLAIN = {"ok": "ok", "note": "note", "bad": "BAD"}


@click.command(short_help="Check this machine, or mend the run folder DIR.")
@click.argument("run", metavar="[DIR]", required=False, type=NamedPath())
@click.option(
    "--out",
    "folder",
    default="reports",
    show_default=True,
    metavar="DIR",
    type=NamedPath(),
    help="The folder that sweeps will write to.",
)
@scheduler_option
@scheduler_file_option
@json_option
def command(
    run: str | None, folder: str, scheduler: str | None, scheduler_file: str | None, as_json: bool
) -> int:
    """Check that this machine has what sweeps need, and say what to do where it has not.

    With DIR, a run folder, it reads all of that folder instead. Where its store is damaged, every result that
    is sound goes into a new store, and the damaged file stays beside it; the same sweep then runs the rest.

    With --scheduler or --scheduler-file it also asks each worker of that cluster for its versions.

    Ends with 1 where a sweep would not work, for example because a package is missing or a plugin is broken.
    A note is worth reading, but sweeps work.
    """
    from anncore.cli.health import examine

    if run is not None:
        from anncore.cli.folder_health import examine_folder

        return _say(list(examine_folder(Path(run))), as_json, "This run folder can be used.")
    findings = list(examine(Path(folder)))
    given = {"scheduler": scheduler, "scheduler_file": scheduler_file}
    places = {name: place for name, place in given.items() if place is not None}
    if places:
        from anncore.cli.cluster import examine_cluster

        findings += examine_cluster(places)
    return _say(findings, as_json, "Sweeps work here.")


def _say(findings: Sequence[Finding], as_json: bool, well: str) -> int:
    """Print the findings and, where none is bad, that all is well; return the exit code."""
    bad = [finding for finding in findings if finding.status == "bad"]
    if as_json:
        print_json({"well": not bad, "findings": [finding._asdict() for finding in findings]})
    else:
        _show(findings)
        say(f"{counted(len(bad), 'problem')}." if bad else well)
    return SOME_FAILED if bad else OK


def _show(findings: Sequence[Finding]) -> None:
    """Print a line for each finding, and below it the way out."""
    margin = max(len(finding.topic) for finding in findings)
    if width() is None:
        for finding in findings:
            say(f"{PLAIN[finding.status]:<4}  {finding.topic:<{margin}}  {finding.text}")
            if finding.way_out:
                say(f"{'':<4}  {'':<{margin}}  -> {finding.way_out}")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        mark, style = MARKS[finding.status]
        words = Text(printable(finding.text))
        if finding.way_out:
            words.append(f"\n→ {printable(finding.way_out)}", style=style)
        table.add_row(Text(mark, style=style), finding.topic, words)
    printing.console().print(table)
