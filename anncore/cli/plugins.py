"""`annx plugins`: which plugins there are, what each provides, which are broken and why."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from anncore.cli.common import counted, print_json, say, table
from anncore.cli.options import json_option, plugin_option

if TYPE_CHECKING:
    from anncore.contract.registry import Registered, Registry


@click.command(short_help="Show the plugins: which are loaded, which are broken and why.")
@json_option
@click.option(
    "-v", "--verbose", is_flag=True, help="Also show where each plugin is, and the tracebacks of broken ones."
)
@plugin_option
def command(as_json: bool, verbose: bool, plugins: tuple[str, ...]) -> int:
    """Show the plugins of each distribution: what they provide, or why they are broken.

    ANNX_PLUGINS=a,b loads only these third-party distributions (empty: none).
    ANNX_STRICT_PLUGINS=1 makes a broken plugin an error for every verb. A plugin that takes longer than ten
    seconds to load is left out here, with its name; other verbs wait for it.
    """
    from anncore import load_registry
    from anncore.contract.patience import limited_patience

    with limited_patience():
        registry = load_registry(plugins)
    if as_json:
        print_json([dataclasses.asdict(plugin) for plugin in registry.plugins])
        return 0
    owners = dict.fromkeys((plugin.dist, plugin.version, plugin.local) for plugin in registry.plugins)
    for dist, version, local in owners:
        mine = [p for p in registry.plugins if (p.dist, p.version, p.local) == (dist, version, local)]
        good = [plugin for plugin in mine if not plugin.problem]
        provided = sum(len(plugin.components) for plugin in good)
        where = mine[0].origin if local else f"{dist} {version}".rstrip()
        say(f"{where}: {counted(provided, 'component')} from {counted(len(good), 'plugin')}")
        if dist != "annx" or verbose:
            rows = [(p.name, p.origin if verbose else "", ", ".join(p.components)) for p in good]
            if rows:
                say(table(([cell for cell in row if cell] for row in rows), indent="  "))
            for component in _hidden(registry, dist):
                say(
                    f"  {component.kind} {component.name!r} means annx's own; this one is called "
                    f"{component.full_name!r}"
                )
        for plugin in mine:
            if plugin.problem:
                say(f"  {plugin.name} is BROKEN: {plugin.problem}")
                if verbose and plugin.detail:
                    say("\n".join(f"      {line}" for line in plugin.detail.splitlines()))
    return 0


def _hidden(registry: Registry, dist: str) -> list[Registered]:
    """Return the components of a distribution whose short names belong to annx's own."""
    mine = [component for component in registry.components if component.dist == dist != "annx"]
    return [c for c in mine if any(other.dist == "annx" for other in registry.namesakes(c))]
