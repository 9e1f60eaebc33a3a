"""`annx doctor`: is this machine fit for sweeps, and what to do where it is not?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anncore.cli.common import counted, json_option, print_json, say, width
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.cli.health import Finding

MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "bold red")}
PLAIN = {"ok": "ok", "note": "note", "bad": "BAD"}


@click.command(short_help="Look at this machine: packages, BLAS, cores, memory, disk, plugins.")
@click.option(
    "--out",
    "folder",
    default="reports",
    show_default=True,
    metavar="DIR",
    type=click.Path(),
    help="The folder that sweeps would write to.",
)
@json_option
def command(folder: str, as_json: bool) -> int:
    """Look at what sweeps need of this machine, and say what to do where something is amiss.

    Ends with 1 where a sweep would not work, as with a package that is missing or a plugin that is broken;
    a note is worth reading and stops nothing.
    """
    from anncore.cli.group import OK, SOME_FAILED
    from anncore.cli.health import examine

    findings = list(examine(Path(folder)))
    bad = [finding for finding in findings if finding.status == "bad"]
    if as_json:
        print_json({"well": not bad, "findings": [finding._asdict() for finding in findings]})
    else:
        _show(findings)
        say(f"{counted(len(bad), 'problem')}." if bad else "Nothing stands in the way of a sweep.")
    return SOME_FAILED if bad else OK


def _show(findings: Sequence[Finding]) -> None:
    """Print a line per finding, and below it the way out."""
    margin = max(len(finding.topic) for finding in findings)
    if width() is None:
        for finding in findings:
            say(f"{PLAIN[finding.status]:<4}  {finding.topic:<{margin}}  {finding.text}")
            if finding.way_out:
                say(f"{'':<4}  {'':<{margin}}  -> {finding.way_out}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        mark, style = MARKS[finding.status]
        told = Text(printable(finding.text))
        if finding.way_out:
            told.append(f"\n→ {printable(finding.way_out)}", style=style)
        table.add_row(Text(mark, style=style), finding.topic, told)
    Console(highlight=False).print(table)
