"""`annx list`: every component, by kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from anncore.cli.common import complete_kinds, print_json, say, shown_name, summary, table
from anncore.cli.group import NOTHING_MATCHED, OK
from anncore.cli.options import json_option, plugin_option
from anncore.contract.kind_names import KINDS, kind_called

if TYPE_CHECKING:
    from anncore.contract.registry import Registered, Registry


@click.command(short_help="List the components, of one kind or all.")
@click.argument("kind", required=False, shell_complete=complete_kinds)
@json_option
@plugin_option
def command(kind: str | None, as_json: bool, plugins: tuple[str, ...]) -> int:
    """List the components of one KIND, or all, with one line about each."""
    from anncore import load_registry
    from anncore.contract.errors import ComponentError, nearest

    chosen = kind_called(kind) if kind is not None else None
    if kind is not None and chosen is None:
        guess = nearest(kind, KINDS) or f" Kinds are {', '.join(KINDS)}."
        raise ComponentError(f"No kind is called {kind!r}.{guess}")
    registry = load_registry(plugins)
    listed = {known: registry.of_kind(known) for known in KINDS if chosen in (None, known)}
    if as_json:
        print_json(
            [
                {
                    "kind": component.kind,
                    "name": component.name,
                    "full_name": component.full_name,
                    "version": component.version,
                    "summary": summary(component.cls),
                }
                for components in listed.values()
                for component in components
            ]
        )
    elif chosen is not None:
        say(table((shown_name(registry, c), summary(c.cls)) for c in listed[chosen]))
    else:
        rows = [row for known, components in listed.items() for row in _rows(registry, known, components)]
        say(table([*rows, *_libraries(registry)]))
    if registry.broken and not as_json:
        names = ", ".join(plugin.name for plugin in registry.broken)
        say(f"Broken plugins are left out: {names}; 'annx plugins' says why.", err=True)
    return OK if any(listed.values()) else NOTHING_MATCHED


def _rows(registry: Registry, kind: str, components: Sequence[Registered]) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of a kind; one that says how to add a component where there is none."""
    if not components:
        yield kind, "(none)", f"'annx new-plugin NAME --kind {kind}' writes the package of one."
    for place, component in enumerate(components):
        yield kind if place == 0 else "", shown_name(registry, component), summary(component.cls)


def _libraries(registry: Registry) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each library whose own components an experiment can use by their paths."""
    for place, library in enumerate(offered.library for offered in registry.libraries):
        offers = ", ".join(library.offers)
        text = f'What {library.title} has ({offers}), as it is: use = "{library.prefix}:PATH".'
        yield "" if place else "library", library.prefix, text
