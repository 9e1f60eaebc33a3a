"""What several verbs share: what they print and how, and names of components."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.printing import print_json as print_json, say as say, width as width
from anncore.contract.component_names import find as find, shown_name as shown_name
from anncore.contract.documentation import documentation
from anncore.contract.kind_names import KINDS
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.contract.registry import Registry


# Printing

NARROWEST = 14  # characters of a column that is folded; below, lines are cut at the terminal's edge


def counted(number: int, noun: str) -> str:
    """Return "1 seed", "2 seeds"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def table(rows: Iterable[Sequence[str]], indent: str = "") -> str:
    """Return rows as text with aligned columns; on a terminal too narrow for them, long cells are folded."""
    rows = [[printable(cell) for cell in row] for row in rows]
    columns = max(map(len, rows), default=0)
    widths = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(columns)]
    limit = width()
    if limit is not None:
        _narrow(widths, limit - len(indent) - 2 * (columns - 1))
    lines = []
    for row in rows:
        for cells in _folded(row, widths):
            line = (indent + "  ".join(cells)).rstrip()
            lines.append(line if limit is None or len(line) <= limit else line[: limit - 1] + "…")
    return "\n".join(lines)


def _narrow(widths: list[int], room: int) -> None:
    """Take from the widest column, again and again, until all fit into the room or are narrow."""
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1


def _folded(row: Sequence[str], widths: Sequence[int]) -> Iterator[list[str]]:
    """Yield the lines of a row whose cells are folded to the columns' widths."""
    rooms = widths[: len(row)]
    cells = [
        [cell] if len(cell) <= room else textwrap.wrap(cell, room)
        for cell, room in zip(row, rooms, strict=True)
    ]
    for line in zip_longest(*cells, fillvalue=""):
        yield [text.ljust(room) for text, room in zip(line, rooms, strict=True)]


def folded(text: str) -> str:
    """Return a text whose lines are broken between words where they are too long for the terminal."""
    limit = width()
    if limit is None:
        return text
    blocks = ([printable(line) for line in block.split("\n")] for block in text.split("\n\n"))
    return "\n\n".join("\n".join(_fitted(block, limit)) for block in blocks)


def broken(line: str) -> str:
    """Return a line for standard error, broken between words where it is too long for the terminal.

    Paths and commands stay whole, so that they can be copied.
    """
    limit = width(err=True)
    if limit is None or len(line) <= limit:
        return line
    return textwrap.fill(
        line, limit, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _fitted(lines: list[str], limit: int) -> list[str]:
    """Return a paragraph's lines, filled anew where one is too long; indented ones are formulas or items."""
    if max(map(len, lines)) <= limit:
        return lines
    if not any(line.startswith(" ") for line in lines):
        return textwrap.wrap(" ".join(lines), limit)
    broken = []
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())] + "    "
        broken += textwrap.wrap(line, limit, subsequent_indent=indent) or [""]
    return broken


def say_what_is_gone(registry: Registry) -> None:
    """Name, on standard error, the packages whose components are not here as they were."""
    from anncore.contract.stand_ins import gone

    for line in gone(registry):
        say(line, err=True)


# Names of components


def summary(cls: Any) -> str:
    """Return the first line of a component's documentation."""
    return documentation(cls).partition("\n")[0]


def complete_components(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the component names that begin with what is typed, for the shell."""
    from anncore import load_registry

    registry = load_registry()
    names = {shown_name(registry, component) for component in registry.components}
    return sorted(name for name in names if name.startswith(incomplete))


def complete_kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the kinds that begin with what is typed, for the shell."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]
