"""`annx field`: run components on a field's suites, keep their trials compactly, and write its pages."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import counted, say
from anncore.cli.group import NOTHING_MATCHED, OK, STOPPED
from anncore.cli.options import NamedPath, jobs_option, plugin_option
from anncore.contract.standard_output import kept_for_results

if TYPE_CHECKING:
    from anncore.contract.registry import Registry
    from anncore.experiment.protocols import Group, Protocol


@click.command(short_help="Add components to a field of finished trials, and write its pages.")
@click.argument("names", nargs=-1, metavar="[NAME ...]")
@click.option("--folder", metavar="DIR", type=NamedPath(), help="The field; by default reports/field.")
@click.option("--kind", metavar="KIND", help="Only the protocols of this kind.")
@click.option("--suite", metavar="NAME", help="Only the protocols of this name, such as core.")
@click.option("--all", "everything", is_flag=True, help="Add all of annx's own components.")
@click.option(
    "--work",
    metavar="DIR",
    type=NamedPath(),
    default="reports/field_runs",
    show_default=True,
    help="Where the run folders lie; the same command resumes there.",
)
@jobs_option
@click.option("--executor", metavar="NAME", help="What runs the trials; see 'annx list executor'.")
@plugin_option
def command(
    names: tuple[str, ...],
    folder: str | None,
    kind: str | None,
    suite: str | None,
    everything: bool,
    work: str,
    plugins: tuple[str, ...],
    **how: Any,
) -> int:
    """Run the components NAME by every protocol of their kind in a field, and keep their finished trials.

    Each becomes one small file, KIND/SUITE/NAME.csv.gz, and the pages are written again: what to commit is
    said at the end. Without a NAME only the pages are written. --all takes the whole catalogue, ten minutes
    on two cores.

    Ends with 0 where all is written, 4 where Ctrl-C or SIGTERM left something to do, 5 where no protocol is
    of the component's kind.
    """
    from anncore.contract.loading import load_registry
    from anncore.report.field_pages import write_pages
    from anncore.running.field import field_folder, protocols

    with kept_for_results():
        registry = load_registry(files=plugins)
        place = field_folder(folder)
        chosen = protocols(place, kind or "*", suite or "*")
    if not chosen:
        say(f"annx: {place} has no protocol {kind or '*'}/{suite or '*'}.toml.", err=True)
        return NOTHING_MATCHED
    written: list[Path] = []
    for protocol in chosen if names or everything else ():
        for group in _groups(protocol, registry, names):
            files = _run(protocol, group, registry, Path(work), how)
            if files is None:
                say("Stopped: the same command resumes.", err=True)
                return STOPPED
            written += files
    if (names or everything) and not written:
        say(
            f"annx: nothing to add: no protocol in {place} fits {', '.join(names) or 'a component'}.",
            err=True,
        )
        return NOTHING_MATCHED
    with kept_for_results():
        pages = write_pages(place, registry)
    _say_written(written, pages)
    return OK


def _groups(protocol: Protocol, registry: Registry, names: Sequence[str]) -> Iterator[Group]:
    """Yield the arms of a protocol's kind by what they can be trained on; say of the others why not."""
    from anncore.contract.errors import ComponentError
    from anncore.experiment.challengers import COMPARABLE
    from anncore.experiment.protocols import arms_of, grouped

    mine = []
    for name in names:
        try:
            registry.get(protocol.kind, name)
            mine.append(name)
        except ComponentError:
            if not any(_known(registry, kind, name) for kind in COMPARABLE):
                raise
    if names and not mine:
        return
    groups, left_out = grouped(protocol, arms_of(protocol.kind, registry, mine), registry)
    for label, reason in left_out.items():
        say(f"{label} is left out of {protocol.kind}/{protocol.suite}: {reason}", err=True)
    yield from groups


def _known(registry: Registry, kind: str, name: str) -> bool:
    return any(name in (one.name, one.full_name) for one in registry.of_kind(kind))


def _run(
    protocol: Protocol, group: Group, registry: Registry, work: Path, how: Mapping[str, Any]
) -> list[Path] | None:
    """Run a group of arms, resuming, and write a file for each; None where the sweep was stopped.

    how: the arguments of `sweep` that say who runs the trials.
    """
    from anncore.contract.errors import StoreError
    from anncore.running.field import write_arm
    from anncore.running.sweep import sweep

    experiment = protocol.experiment(group.arms, registry, group.only)
    folder = work / f"{protocol.kind}_{protocol.suite}{'_some' if group.only else ''}"
    say(
        f"{protocol.kind}/{protocol.suite}: {counted(len(group.arms), 'arm')}, in {folder} ...",
        err=True,
    )
    with kept_for_results():
        results = sweep(experiment, out=folder, allow_large=True, command=["annx", *sys.argv[1:]], **how)
        if results.stopped:
            return None
        files = []
        for label in group.arms:
            try:
                files.append(write_arm(protocol, label, group, results))
            except StoreError as error:
                say(str(error), err=True)
        return files


def _say_written(arms: Sequence[Path], pages: Sequence[Path]) -> None:
    """Say what was written, and what a pull request is made of."""
    say(f"Wrote {counted(len(arms), 'arm')} and {counted(len(pages), 'page')}.")
    if arms:
        shown = [str(path) for path in arms[:3]] + ([f"... ({len(arms)} files)"] if len(arms) > 3 else [])
        pages_shown = " ".join(sorted({str(path.parent) for path in pages}))
        say(f"To propose them, commit {' '.join(shown)} and the pages in {pages_shown}:")
        folders = " ".join(sorted({str(path.parent) for path in arms}))
        say(f"  git add {folders} {pages_shown}")
