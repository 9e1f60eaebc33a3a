"""`annx check`: does a component keep what every one of its kind promises?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from anncore.cli.common import (
    complete_components,
    counted,
    json_option,
    plugin_option,
    print_json,
    say,
    shown_name,
    width,
)
from anncore.contract.kind_names import KINDS, kind_called
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.contract.registry import Component, Plugin, Registry
    from anncore.testing import Outcome


class Chosen(NamedTuple):
    """What is to be checked, and the plugins among it that cannot be: broken, with the reason."""

    components: list[Component]
    broken: dict[str, str]
    left_out: list[Component]  # they read a file, and none was given


class Checked(NamedTuple):
    """One component and what came of its checks."""

    component: Component
    name: str
    outcomes: list[Outcome]

    @property
    def failed(self) -> list[Outcome]:
        """The checks that found a broken promise."""
        return [outcome for outcome in self.outcomes if outcome.reason]

    @property
    def seconds(self) -> float:
        """How long they took."""
        return sum(outcome.seconds for outcome in self.outcomes)

    @property
    def verdict(self) -> str:
        """In words."""
        number = counted(len(self.outcomes), "check")
        if self.failed:
            return f"{len(self.failed)} of {number} {'fails' if len(self.failed) == 1 else 'fail'}"
        return f"{number} {'holds' if len(self.outcomes) == 1 else 'hold'}"


def complete_targets(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[str] | list[CompletionItem]:
    """Return the components, kinds and distributions that begin so, else files, for the shell."""
    from anncore import load_registry

    others = {*KINDS, *(plugin.dist for plugin in load_registry().plugins)}
    names = complete_components(ctx, param, incomplete)
    found = sorted({*names, *(name for name in others if name.startswith(incomplete))})
    return found or [CompletionItem(incomplete, type="file")]


@click.command(short_help="Check that components keep what their kind promises.")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET ...", shell_complete=complete_targets)
@click.option("--only", multiple=True, metavar="CHECK", help="Run only the checks of this name; repeatable.")
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Also every check, what it promises, and tracebacks.")
@plugin_option
def command(
    targets: tuple[str, ...], only: tuple[str, ...], as_json: bool, verbose: bool, plugins: tuple[str, ...]
) -> int:
    """Run the conformance kit on each TARGET: a component, a plugin, a kind, or a file of components.

    A component's name is short or full, or kind:name where kinds share it; a plugin's is its
    distribution's (annx-lion, or annx for our own); a file ends in .py. KEY=VALUE after the name of a single
    component gives one of its hyperparameters, as in: annx check csv path=my.csv target=y

    Ends with 0 where all checks hold, 1 where some fail or a plugin is broken, 5 where nothing matched.
    """
    from anncore.cli.group import NOTHING_MATCHED, OK, SOME_FAILED

    named = [target for target in targets if "=" not in target]
    registry, files = _load(named, plugins)
    chosen = _choose(registry, files, named)
    values = _values(registry, chosen, [target for target in targets if "=" in target])
    results = _run(registry, chosen, values, only, visible=not as_json)
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
    unknown = list(_without_match(only, results, chosen))
    for line in unknown:
        say(line, err=True)
    if chosen.broken or any(result.failed for result in results):
        return SOME_FAILED
    return OK if results and not unknown else NOTHING_MATCHED


# From targets to components


def _is_file(target: str) -> bool:
    return target.endswith(".py")


def _load(named: Sequence[str], plugins: Sequence[str]) -> tuple[Registry, dict[str, str]]:
    """Return the registry with the files among the targets, and the reasons of those that are broken."""
    from anncore import load_registry
    from anncore.contract.errors import PluginError

    files = [target for target in named if _is_file(target)]
    broken: dict[str, str] = {}
    for file in files:
        if not Path(file).is_file():
            raise PluginError(f"file {file!r} does not exist. Give the path of a Python file.")
    try:
        return load_registry([*plugins, *files]), broken
    except PluginError:
        load_registry(plugins)  # what was only loaded besides must not be broken
    for file in files:
        try:
            load_registry([*plugins, file])
        except PluginError as error:
            broken[file] = str(error).partition(" is broken: ")[2] or str(error)
    return load_registry([*plugins, *(file for file in files if file not in broken)]), broken


def _choose(registry: Registry, broken_files: Mapping[str, str], named: Sequence[str]) -> Chosen:
    components: list[Component] = []
    broken: dict[str, str] = {}
    left_out: list[Component] = []
    for target in named:
        if target in broken_files:
            broken[target] = broken_files[target]
            continue
        plugins = _plugins(registry, target)
        mine = [c for c in registry.components if c.plugin in {plugin.name for plugin in plugins}]
        kind = kind_called(target)
        found = _named(registry, target, known=bool(plugins)) or mine
        if kind is not None:
            found = registry.of_kind(kind)
        elif found == mine:
            broken.update({plugin.name: plugin.problem for plugin in plugins if plugin.problem})
        # By its own name it is asked for; among others it is left out.
        alone = len(found) == 1 and kind is None
        components += [each for each in found if alone or not _reads_a_file(each)]
        left_out += [each for each in found if not alone and _reads_a_file(each)]
    return Chosen(list(dict.fromkeys(components)), broken, left_out)


def _plugins(registry: Registry, target: str) -> list[Plugin]:
    """Return the plugins that a target names: a file's, a distribution's, or the one of that entry."""
    if _is_file(target):
        path = str(Path(target).resolve())
        return [plugin for plugin in registry.plugins if plugin.origin == path]
    dist = target.lower().replace("_", "-")
    return [plugin for plugin in registry.plugins if target == plugin.name or dist == plugin.dist]


def _named(registry: Registry, target: str, known: bool) -> list[Component]:
    """Return the component of that name; none where it is a plugin's name, or a kind's."""
    from anncore.cli.show import find
    from anncore.contract.errors import ComponentError

    if kind_called(target) or _is_file(target):
        return []
    try:
        return [find(registry, target)]
    except ComponentError:
        if known:
            return []
        raise


def _reads_a_file(component: Component) -> bool:
    """Tell whether nothing can be made of it without a file's path."""
    from anncore.contract.hyperparameters import Plain, declared

    cls: Any = component.cls
    paths = [
        each
        for each in declared(cls).values()
        if isinstance(each.domain, Plain) and each.domain.type == "path"
    ]
    return any(not each.default for each in paths)


def _values(registry: Registry, chosen: Chosen, written: Sequence[str]) -> dict[str, Any]:
    """Return the hyperparameters that were given; raises unless they are one component's, and enough."""
    from anncore.contract.errors import AnnxError, ComponentError
    from anncore.contract.hyperparameters import resolve
    from anncore.experiment.overrides import parse_override

    values: dict[str, Any] = {}
    for text in written:
        (key, *rest), value = parse_override(text)
        if rest:
            raise ComponentError(f"{text!r} must be KEY=VALUE with a hyperparameter's name for KEY.")
        values[key] = value
    if values and len(chosen.components) != 1:
        number = counted(len(chosen.components), "component")
        raise AnnxError(f"{written[0]!r} is for a single component, and {number} were named; check it alone.")
    if len(chosen.components) == 1:
        (component,) = chosen.components
        resolve(component.cls, values)
        if _reads_a_file(component) and not values:
            name = shown_name(registry, component)
            raise ComponentError(f"{component.kind} {name!r} reads a file: annx check {name} path=FILE")
    return values


# From components to outcomes


def _run(
    registry: Registry, chosen: Chosen, values: Mapping[str, Any], only: Sequence[str], visible: bool
) -> list[Checked]:
    """Run every check of every component; on a terminal, say meanwhile where it is."""
    import contextlib
    import sys

    from anncore.testing import checks_for

    status: Any = contextlib.nullcontext()
    if visible and sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        status = Console(stderr=True, highlight=False).status("")
    results = []
    with status as shown:
        for component in chosen.components:
            name = shown_name(registry, component)
            if shown is not None:
                shown.update(Text(printable(f"Checking {component.kind} {name}")))
            checks = [each for each in checks_for(component, values=values) if not only or each.name in only]
            if checks:
                results.append(Checked(component, name, [check.outcome() for check in checks]))
    return results


def _without_match(only: Sequence[str], results: Sequence[Checked], chosen: Chosen) -> Iterator[str]:
    """Yield what to say of each check that was asked for and that none of the components has."""
    from anncore.contract.errors import nearest
    from anncore.testing import checks_for

    ran = {outcome.check.name for result in results for outcome in result.outcomes}
    for name in only:
        if name not in ran and chosen.components:
            known = {check.name for component in chosen.components for check in checks_for(component)}
            guess = nearest(name, known) or f" Checks are {', '.join(sorted(known))}."
            yield f"No check of these is called {name!r}.{guess}"


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
                        "name": outcome.check.name,
                        "promise": outcome.check.promise,
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
    """Yield plain lines: a component each, and below it what fails and why."""
    for result in results:
        yield f"{result.component.kind} {result.name}: {result.verdict} ({result.seconds:.1f} s)"
        for outcome in result.outcomes if verbose else result.failed:
            yield f"  {outcome.check.name}: {outcome.reason or 'ok'}"
            if verbose:
                yield f"      {outcome.check.promise} {_looked_at(outcome)}".rstrip()
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
    said = f"{failed} of them fail" if failed else "all hold"
    return f"{counted(len(results), 'component')}, {counted(checks, 'check')}: {said}."


def _show(results: Sequence[Checked], chosen: Chosen, verbose: bool) -> None:
    """Print a table on the terminal, and below it what fails and why."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header in ("kind", "component", "", "seconds"):
        table.add_column(header, justify="right" if header == "seconds" else "left")
    for result in results:
        verdict = Text(result.verdict, style="bold red" if result.failed else "green")
        table.add_row(result.component.kind, Text(printable(result.name)), verdict, f"{result.seconds:.1f}")
    if results:
        console.print(table)
    for result in results:
        shown = result.outcomes if verbose else result.failed
        if shown:
            console.print(Text(f"\n{result.component.kind} {printable(result.name)}", style="bold"))
        for outcome in shown:
            mark = Text("✗ " if outcome.reason else "✓ ", style="red" if outcome.reason else "green")
            console.print(
                mark + Text(printable(f"{outcome.check.name}: {outcome.reason or outcome.check.promise}"))
            )
            if verbose and outcome.reason:
                console.print(Text(printable(f"  {outcome.check.promise}"), style="dim"))
            for line in outcome.detail.splitlines() if verbose else ():
                console.print(Text(printable(f"  {line}"), style="dim"))
    for name, reason in chosen.broken.items():
        console.print(Text(printable(f"✗ plugin {name} is broken: {reason}"), style="red"))
    if len(results) > 1:
        console.print(f"\n{_summary(results)}")
