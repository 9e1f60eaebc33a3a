"""`annx list`: every component, by kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from anncore.cli.catalogue import Catalogue, Row, catalogue
from anncore.cli.common import complete_kinds, print_json, say, table
from anncore.cli.group import NOTHING_MATCHED, OK
from anncore.cli.options import json_option, plugin_option
from anncore.contract.kind_names import KINDS, kind_called


@click.command(short_help="List the components, of one kind or all.")
@click.argument("kind", required=False, shell_complete=complete_kinds)
@click.option(
    "--like",
    metavar="TEXT",
    help="Only those whose name or first line is like TEXT, kind by kind, the closest first; for example "
    "--like adam.",
)
@json_option
@plugin_option
def command(kind: str | None, like: str | None, as_json: bool, plugins: tuple[str, ...]) -> int:
    """List the components of one KIND, or all, with one line about each."""
    from anncore.contract.errors import ComponentError, nearest

    chosen = kind_called(kind) if kind is not None else None
    if kind is not None and chosen is None:
        guess = nearest(kind, KINDS) or f" Kinds are {', '.join(KINDS)}."
        raise ComponentError(f"No kind is called {kind!r}.{guess}")
    if like is not None and not like.strip():
        raise click.UsageError("--like needs a text; write for example --like adam.")
    installed = catalogue(plugins)
    rows = _rows(installed, [known for known in KINDS if chosen in (None, known)], like)
    if as_json:
        print_json([_plain(row) for row in rows])
    elif chosen is not None and rows:
        say(table((row.name, row.summary) for row in rows))
    elif rows or like is None:
        say(table(_by_kind(installed, rows, empty=like is None)))
    if not rows and like is not None:
        verb = " ".join(["annx list", *([chosen] if chosen else [])])
        what = chosen or "component"
        say(f"No {what} has a name or a first line like {like!r}. {verb!r} names all.", err=True)
    if installed.broken and not as_json:
        names = ", ".join(installed.broken)
        say(f"Broken plugins are left out: {names}; 'annx plugins' says why.", err=True)
    return OK if rows else NOTHING_MATCHED


def _rows(installed: Catalogue, kinds: Sequence[str], like: str | None) -> list[Row]:
    """Return the components of some kinds, kind by kind; with `like` the close ones, closest first."""
    from anncore.cli.closeness import Said, closest_first

    rows = [row for kind in kinds for row in installed.rows if row.kind == kind]
    if like is None:
        return rows
    near = [rows[place] for place in closest_first(like, [Said(row.name, row.summary) for row in rows])]
    return sorted(near, key=lambda row: kinds.index(row.kind))


def _plain(row: Row) -> dict[str, str]:
    return {
        "kind": row.kind,
        "name": row.short_name,
        "full_name": row.full_name,
        "version": row.version,
        "summary": row.summary,
    }


def _by_kind(installed: Catalogue, rows: Sequence[Row], *, empty: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the lines of all kinds. empty: also of libraries, and how to add to a kind without components."""
    for kind in KINDS:
        mine = [row for row in rows if row.kind == kind]
        if not mine and empty:
            yield kind, "(none)", f"'annx new-plugin NAME --kind {kind}' writes the package of one."
        for place, row in enumerate(mine):
            yield kind if place == 0 else "", row.name, row.summary
    if empty:
        yield from _libraries(installed)


def _libraries(installed: Catalogue) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each library whose own components an experiment can use by their paths."""
    for place, (prefix, text) in enumerate(installed.libraries):
        yield "" if place else "library", prefix, text
