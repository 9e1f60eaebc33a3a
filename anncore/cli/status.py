"""`annx status`: how far the sweep of a run folder is."""

from __future__ import annotations

import json
from pathlib import Path

import click

from anncore.cli.common import counted, print_json, say, table
from anncore.cli.options import NamedPath, json_option


@click.command(short_help="Show how far a sweep is: trials done, to do, diverged, failed.")
@click.argument("folder", metavar="DIR", type=NamedPath())
@json_option
def command(folder: str, as_json: bool) -> int:
    """Show how far the sweep of the run folder DIR is, also while it runs: trials by phase and status.

    The trials to report are known only when tuning is done.
    """
    from anncore.cli.plan import rounds_text
    from anncore.contract.engine_version import told_apart
    from anncore.contract.trial import STATUSES
    from anncore.running.run_folder import RunFolder
    from anncore.running.store import Store

    path = Path(folder)
    with Store(path / "trials.sqlite", write=False) as store:
        phases = {phase: dict(store.counts(phase)) for phase in ("tune", "report")}
        environments = store.environments()
    rounds = RunFolder(path).rounds()
    if as_json:
        has_report = (path / "report.html").is_file()
        plain = None if rounds is None else rounds._asdict()
        where = [{"trials": count, **json.loads(text)} for text, count in environments.items()]
        print_json(
            {
                "folder": folder,
                "report": has_report,
                "phases": phases,
                "rounds": plain,
                "environments": where,
            }
        )
        return 0
    columns = [status for status in STATUSES if any(counts.get(status) for counts in phases.values())]
    rows = [("phase", "trials", *columns, "to do")]
    for phase, counts in phases.items():
        if counts:
            cells = [str(counts.get(status, 0)) for status in columns]
            rows.append((phase, str(sum(counts.values())), *cells, str(counts.get("missing", 0))))
    say(table(rows))
    if rounds is not None:
        say(rounds_text(None, rounds))
    if len(environments) > 1:
        say(f"The trials ran in {len(environments)} environments, whose last digits differ:")
        for what, count in zip(told_apart(environments), environments.values(), strict=True):
            say(f"  {counted(count, 'trial')}: {what}")
    if (path / "report.html").is_file():
        say(f"Report: {path / 'report.html'}")
    return 0
