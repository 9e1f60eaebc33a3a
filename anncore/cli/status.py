"""`annx status`: how far the sweep of a run folder is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from anncore.cli.common import counted, print_json, say, table
from anncore.cli.options import NamedPath, json_option
from anncore.cli.printing import console
from anncore.report.printable import printable_lines

if TYPE_CHECKING:
    from anncore.contract.events import Progressed
    from anncore.experiment.model import Rounds
    from anncore.running.progress import Running

PAUSE = 1.0  # seconds between two looks


@click.command(short_help="Show how far a sweep is: trials done, not run, diverged, failed.")
@click.argument("folder", metavar="[DIR]", required=False, type=NamedPath())
@click.option("--watch", is_flag=True, help="Look again every second for as long as the sweep runs.")
@json_option
def command(folder: str | None, watch: bool, as_json: bool) -> int:
    """Show how far the sweep of the run folder DIR is, also while it runs: trials by phase and status.

    Without DIR it is the sweep that runs, else the newest one, among the folders in reports/.

    Of a sweep that runs, here or in another terminal, it also shows how long it has run and about how long
    the rest takes, also of one that another machine runs in a folder that both see. With --watch it looks
    again until the sweep ends; Ctrl-C leaves the sweep alone.

    The trials to report are known only when tuning is done.
    """
    path = Path(folder) if folder is not None else newest_run()
    seen = _look(path)
    if folder is None and not as_json:
        say(f"{path}:")
    if watch:
        with _screen(as_json) as show, contextlib.suppress(KeyboardInterrupt):
            while seen.running is not None:
                show(seen)
                time.sleep(PAUSE)
                seen = _look(path)
    if as_json:
        print_json(_plain(seen))
    else:
        say("\n".join(_lines(seen)))
    return 0


def newest_run() -> Path:
    """Return the run folder in reports/ whose sweep runs, else the one with the newest results.

    Raises StoreError where there is none.
    """
    from anncore.contract.errors import StoreError
    from anncore.running.progress import running

    stores = [file for file in Path("reports").glob("*/trials.sqlite") if file.is_file()]
    if not stores:
        raise StoreError("there is no run folder in reports/; name one: annx status DIR")
    return max(stores, key=lambda file: (running(file.parent) is not None, file.stat().st_mtime_ns)).parent


class _Seen(NamedTuple):
    """What one look at a run folder shows."""

    folder: Path
    phases: Mapping[str, Mapping[str, int]]
    environments: Mapping[str, int]
    rounds: Rounds | None
    there: Running | None
    report: bool
    outdated: bool  # the report is of other trials than are there now
    packages: Mapping[str, str]

    @property
    def running(self) -> Progressed | None:
        """How far the sweep is, if one runs."""
        return None if self.there is None else self.there.event


def _look(path: Path) -> _Seen:
    from anncore.contract.errors import StoreError
    from anncore.running.progress import running_there
    from anncore.running.run_folder import RunFolder
    from anncore.running.store import Store

    now = running_there(path)
    phases: Mapping[str, Mapping[str, int]]
    if now is not None and now.elsewhere:  # the store's log is in the memory of that machine
        phases, environments = now.phases, {}
    else:
        with Store(path / "trials.sqlite", write=False) as store:
            phases = {phase: dict(store.counts(phase)) for phase in ("tune", "report")}
            environments = store.environments()
    run = RunFolder(path)
    try:
        packages = run.packages()
    except StoreError:  # the plan is no part of what is counted
        packages = {}
    report = (path / "report.html").is_file()
    outdated = report and now is None and _is_outdated(path, phases)
    return _Seen(path, phases, environments, run.rounds(), now, report, outdated, packages)


def _is_outdated(path: Path, phases: Mapping[str, Mapping[str, int]]) -> bool:
    """Tell whether a folder's report counts other trials than have results now."""
    there = {phase: sum(counts.values()) - counts.get("missing", 0) for phase, counts in phases.items()}
    file = path / "report.json"
    if not file.is_file():  # a pipe would be waited on for ever
        return False
    try:
        counts = json.loads(file.read_bytes())["counts"]
        return bool({phase: counts[phase] for phase in there} != there)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # of another annx, or damaged
        return False


def _plain(seen: _Seen) -> dict[str, Any]:
    return {
        "folder": str(seen.folder),
        "report": seen.report,
        "report_outdated": seen.outdated,
        "running": None if seen.running is None else dataclasses.asdict(seen.running),
        "host": seen.there.elsewhere if seen.there is not None else "",
        "workers": None if seen.there is None or not seen.there.workers else _plain_staff(seen.there),
        "phases": seen.phases,
        "rounds": None if seen.rounds is None else seen.rounds._asdict(),
        "packages": seen.packages,
        "environments": [{"trials": n, **json.loads(text)} for text, n in seen.environments.items()],
    }


def _plain_staff(there: Running) -> dict[str, Any]:
    return {"used": there.workers, "lost": there.lost, "trials_per_second": there.rate}


def _lines(seen: _Seen) -> Iterator[str]:
    from anncore.cli.plan import rounds_text
    from anncore.contract.engine_version import told_apart

    yield table(_rows(seen.phases))
    if seen.there is not None:
        yield _running(seen.there.event)
        yield from _staff(seen.there)
    if seen.rounds is not None:
        yield rounds_text(None, seen.rounds)
    if len(seen.environments) > 1:
        yield f"The trials ran in {len(seen.environments)} environments, whose last digits differ:"
        for what, count in zip(told_apart(seen.environments), seen.environments.values(), strict=True):
            yield f"  {counted(count, 'trial')}: {what}"
    if seen.packages:
        yield "Uses " + ", ".join(f"{name} {version}" for name, version in seen.packages.items())
    if seen.report:
        older = ", older than these trials; 'annx report' writes it anew" if seen.outdated else ""
        yield f"Report: {seen.folder / 'report.html'}{older}"


def _rows(phases: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, ...]]:
    from anncore.contract.trial import STATUSES

    columns = [status for status in STATUSES if any(counts.get(status) for counts in phases.values())]
    yield ("phase", "trials", *columns, "not run")
    for phase, counts in phases.items():
        if counts:
            cells = [str(counts.get(status, 0)) for status in columns]
            yield (phase, str(sum(counts.values())), *cells, str(counts.get("missing", 0)))


def _running(now: Progressed) -> str:
    from anncore.running.progress_line import PHASES, STARTING, compiled, duration

    if now.left is None and not now.share:
        so_far = f"{duration(now.elapsed)} so far{compiled(now.compiled)}"
        return f"Running: {PHASES[now.phase].lower()}, {STARTING}, {so_far}"
    left = "" if now.left is None else f", about {duration(now.left)} left"
    done = f"{now.done:.1f}".removesuffix(".0")
    return (
        f"Running: {PHASES[now.phase].lower()}, {done} of {now.total} trials, {now.share:.0%} of all "
        f"work, {duration(now.elapsed)} so far{left}{compiled(now.compiled)}"
    )


def _staff(there: Running) -> Iterator[str]:
    """Say who runs a sweep, where that is not a matter of course."""
    from anncore.running.progress_line import staff

    if there.elsewhere:
        yield f"It runs on {there.elsewhere}, another machine."
    if there.workers or there.lost:
        yield f"Workers: {staff(there.workers, there.lost, there.rate)}"


@contextlib.contextmanager
def _screen(as_json: bool) -> Iterator[Any]:
    """Yield what shows one look: in place on a terminal, as lines elsewhere, nowhere with --json."""
    if as_json:
        yield lambda seen: None
    elif not sys.stdout.isatty():
        yield lambda seen: say("\n".join(_lines(seen)))
    else:
        from rich.live import Live
        from rich.text import Text

        with Live(console=console(), transient=True) as live:
            yield lambda seen: live.update(Text(printable_lines("\n".join(_lines(seen)))), refresh=True)
