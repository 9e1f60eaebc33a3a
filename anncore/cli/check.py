"""`annx check`: does a component keep what every one of its kind promises?"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from anncore.cli import printing
from anncore.cli.check_targets import Chosen, choose, complete_targets, given_values, load_targets
from anncore.cli.common import counted, print_json, say, shown_name, width
from anncore.cli.group import NOTHING_MATCHED, OK, SOME_FAILED
from anncore.cli.options import jobs_option, json_option, plugin_option
from anncore.contract.counts import agreeing
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.contract.kinds import Executor
    from anncore.contract.registry import Registered, Registry
    from anncore.testing import Outcome
    from anncore.testing.side_by_side import Checks


class Checked(NamedTuple):
    """One component and the outcomes of its checks."""

    component: Registered
    name: str
    outcomes: list[Outcome]

    @property
    def failed(self) -> list[Outcome]:
        """The checks that found a broken promise."""
        return [outcome for outcome in self.outcomes if outcome.reason]

    @property
    def reasons(self) -> dict[str, str]:
        """The names of the checks that failed, by reason."""
        from anncore.testing.kit import by_reason

        return by_reason(self.outcomes)

    @property
    def seconds(self) -> float:
        """How long they took."""
        return sum(outcome.seconds for outcome in self.outcomes)

    @property
    def verdict(self) -> str:
        """How many checks hold or fail, in words."""
        number = counted(len(self.outcomes), "check")
        if self.failed:
            return f"{len(self.failed)} of {number} {agreeing(len(self.failed), 'fail')}"
        return f"{number} {agreeing(len(self.outcomes), 'hold')}"


@click.command(short_help="Check that components keep what their kind promises.")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET ...", shell_complete=complete_targets)
@click.option("--only", multiple=True, metavar="CHECK", help="Run only the checks of this name; repeatable.")
@jobs_option
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Also show each check, what it promises, and tracebacks.")
@plugin_option
def command(
    targets: tuple[str, ...],
    only: tuple[str, ...],
    jobs: int | None,
    as_json: bool,
    verbose: bool,
    plugins: tuple[str, ...],
) -> int:
    """Run the conformance kit on each TARGET: a component, a plugin, a kind, or a file of components.

    A component has a short or full name, or kind:name where kinds share it. A plugin has the name of its
    distribution (annx-lion, or annx for our own). A file ends in .py.

    After a single component, KEY=VALUE sets one of its hyperparameters, for example:
    annx check csv path=my.csv target=y

    Ends with 0 where all checks hold, 1 where some fail or a plugin is broken, 5 where nothing matched.
    """
    from anncore.testing.side_by_side import Checks

    names = [target for target in targets if "=" not in target]
    registry, broken_files = load_targets(names, plugins)
    chosen = choose(registry, broken_files, names)
    values = given_values(registry, chosen, [target for target in targets if "=" in target])
    results = _run(registry, chosen, Checks(registry.files, values, only), jobs)
    if as_json:
        print_json(_plain(results, chosen))
    elif width() is None:
        for line in _lines(results, chosen, verbose):
            say(line)
    else:
        _show(results, chosen, verbose)
    for component in chosen.left_out:
        name = f"{component.kind}:{shown_name(registry, component)}"
        say(f"{name} reads a file and is left out: annx check {name} path=FILE", err=True)
    unmatched = list(_without_match(only, results, chosen))
    for line in unmatched:
        say(line, err=True)
    if chosen.broken or any(result.failed for result in results):
        return SOME_FAILED
    return OK if results and not unmatched else NOTHING_MATCHED


# From components to outcomes


def _run(registry: Registry, chosen: Chosen, work: Checks, jobs: int | None) -> list[Checked]:
    """Run every check of every component; on a terminal, show meanwhile how far it is."""
    from anncore.running.sweep import cores
    from anncore.testing.side_by_side import FEW, outcomes_of

    components = chosen.components
    jobs = jobs or (cores() if len(components) >= FEW else 1)
    outcomes: dict[int, list[Outcome]] = {}
    with _progress(components) as show:
        for place, ended in outcomes_of(components, work, _executor(registry), jobs):
            outcomes[place] = ended
            show(components[place], ended)
    return [
        Checked(component, shown_name(registry, component), outcomes[place])
        for place, component in enumerate(components)
        if outcomes[place]
    ]


def _executor(registry: Registry) -> Executor | None:
    """Return what runs checks in several processes; None where no plugin brings it."""
    from anncore.contract.errors import ComponentError
    from anncore.running.sweep import find_executor

    try:
        return find_executor(None, registry)
    except ComponentError:
        return None


@contextlib.contextmanager
def _progress(components: Sequence[Registered]) -> Iterator[Callable[[Registered, list[Outcome]], None]]:
    """Show a bar on standard error while the body runs; yields what takes a component that was checked."""
    if not sys.stderr.isatty():
        yield lambda component, outcomes: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        *(TextColumn("Checking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
        TextColumn("{task.fields[failing]}", markup=False),
        TextColumn("{task.fields[last]}", markup=False),
    )
    failing = 0
    console = printing.console(err=True)
    with Progress(*columns, console=console, transient=True) as bars, printing.told_above(console):
        first = printable(f"{components[0].kind} {components[0].name}") if components else ""
        task = bars.add_task("", total=len(components), failing="", last=first)

        def show(component: Registered, outcomes: list[Outcome]) -> None:
            nonlocal failing
            failing += any(outcome.reason for outcome in outcomes)
            last = printable(f"{component.kind} {component.name}")
            bars.update(task, advance=1, failing=f"{failing} failing" if failing else "", last=last)

        yield show


def _without_match(only: Sequence[str], results: Sequence[Checked], chosen: Chosen) -> Iterator[str]:
    """Yield a line for each check that was asked for and that none of the components has."""
    from anncore.contract.errors import nearest
    from anncore.testing import checks_for

    ran = {outcome.name for result in results for outcome in result.outcomes}
    for name in only:
        if name not in ran and chosen.components:
            known = {check.name for component in chosen.components for check in checks_for(component)}
            guess = nearest(name, known) or f" Checks are {', '.join(sorted(known))}."
            yield f"None of these checks is called {name!r}.{guess}"


# From outcomes to words


def _plain(results: Sequence[Checked], chosen: Chosen) -> dict[str, Any]:
    return {
        "holds": not chosen.broken and not any(result.failed for result in results),
        "components": [
            {
                "kind": result.component.kind,
                "name": result.component.name,
                "full_name": result.component.full_name,
                "version": result.component.version,
                "holds": not result.failed,
                "checks": [
                    {
                        "name": outcome.name,
                        "promise": outcome.promise,
                        "holds": not outcome.reason,
                        "reason": outcome.reason,
                        "looked_at": outcome.looked_at,
                        "seconds": round(outcome.seconds, 4),
                        "traceback": outcome.detail,
                    }
                    for outcome in result.outcomes
                ],
            }
            for result in results
        ],
        "broken_plugins": chosen.broken,
        "left_out": [f"{component.kind}:{component.full_name}" for component in chosen.left_out],
    }


def _lines(results: Sequence[Checked], chosen: Chosen, verbose: bool) -> Iterator[str]:
    """Yield plain lines: one per component, and below it what fails and why."""
    for result in results:
        yield f"{result.component.kind} {result.name}: {result.verdict} ({result.seconds:.1f} s)"
        if not verbose:
            yield from (f"  {checks}: {reason}" for reason, checks in result.reasons.items())
            continue
        for outcome in result.outcomes:
            yield f"  {outcome.name}: {outcome.reason or 'ok'}"
            yield f"      {outcome.promise} {_looked_at(outcome)}".rstrip()
            yield from (f"      {line}" for line in outcome.detail.splitlines())
    for name, reason in chosen.broken.items():
        yield f"plugin {name}: broken: {reason}"
    if len(results) > 1:
        yield _summary(results)


def _looked_at(outcome: Outcome) -> str:
    return f"{outcome.looked_at:,} looked at." if outcome.looked_at else ""


def _summary(results: Sequence[Checked]) -> str:
    checks = sum(len(result.outcomes) for result in results)
    failed = sum(len(result.failed) for result in results)
    verdict = f"{failed} of them {agreeing(failed, 'fail')}" if failed else "all hold"
    return f"{counted(len(results), 'component')}, {counted(checks, 'check')}: {verdict}."


def _show(results: Sequence[Checked], chosen: Chosen, verbose: bool) -> None:
    """Print a table on the terminal, and below it what fails and why."""
    from rich.table import Table
    from rich.text import Text

    console = printing.console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header in ("kind", "component", "", "seconds"):
        table.add_column(header, justify="right" if header == "seconds" else "left")
    for result in results:
        verdict = Text(result.verdict, style="bold red" if result.failed else "green")
        table.add_row(result.component.kind, Text(printable(result.name)), verdict, f"{result.seconds:.1f}")
    if results:
        console.print(table)
    for result in results:
        if verbose or result.failed:
            console.print(Text(f"\n{result.component.kind} {printable(result.name)}", style="bold"))
        for reason, checks in () if verbose else result.reasons.items():
            console.print(Text("✗ ", style="red") + Text(printable(f"{checks}: {reason}")))
        for outcome in result.outcomes if verbose else ():
            mark = Text("✗ " if outcome.reason else "✓ ", style="red" if outcome.reason else "green")
            console.print(mark + Text(printable(f"{outcome.name}: {outcome.reason or outcome.promise}")))
            if outcome.reason:
                console.print(Text(printable(f"  {outcome.promise}"), style="dim"))
            for line in outcome.detail.splitlines():
                console.print(Text(printable(f"  {line}"), style="dim"))
    for name, reason in chosen.broken.items():
        console.print(Text(printable(f"✗ plugin {name} is broken: {reason}"), style="red"))
    if len(results) > 1:
        console.print(f"\n{_summary(results)}")
