"""What several verbs share: options, names of components, plain tables."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from anncore.contract.kind_names import KINDS
from anncore.report.printable import printable, printable_lines, spelt

if TYPE_CHECKING:
    from anncore.contract.registry import Component, Registry

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE.py",
    type=click.Path(),
    help="Also load the components of this file; may be repeated.",
)
out_option = click.option(
    "--out",
    metavar="DIR",
    type=click.Path(),
    help="The run folder; by default reports/ and the experiment file's stem.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def rounds_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what lets a sweep go on until its claims are settled."""
    limit = click.option(
        "--max-seeds",
        type=click.IntRange(min=1),
        metavar="N",
        help="With --until-decided: at most so many report seeds; by default ten times the file's.",
    )
    until = click.option(
        "--until-decided",
        is_flag=True,
        help="Add report seeds in rounds until every claim on a data set is settled.",
    )
    return until(limit(command))


def check_rounds(until_decided: bool, max_seeds: int | None) -> None:
    """Refuse a limit on rounds that nobody asked for."""
    if max_seeds is not None and not until_decided:
        raise click.UsageError("--max-seeds goes with --until-decided, which is not given.")


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every verb takes that reads an experiment file."""
    for option in reversed(
        (
            click.argument("file", type=click.Path()),
            click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]"),
            click.option(
                "--only",
                multiple=True,
                metavar="KIND=LABEL",
                help="Keep only these entries; repeatable.",
            ),
            click.option("--skip", multiple=True, metavar="KIND=LABEL", help="Leave these entries out."),
            click.option("--quick", is_flag=True, help="Few seeds and steps, to see that everything runs."),
            plugin_option,
        )
    ):
        command = option(command)
    return command


def say(text: object = "", *, err: bool = False) -> None:
    """Print lines for people, without the characters that would steer their terminal."""
    click.echo(printable_lines(text), err=err)


def print_json(value: Any) -> None:
    """Print one JSON document on standard output; what is no printable character is escaped in it."""
    click.echo(spelt(json.dumps(value, indent=2, ensure_ascii=False, default=str)))


def shown_name(registry: Registry, component: Component) -> str:
    """Return the short name where it means this component, else the full one."""
    same = [c for c in registry.of_kind(component.kind) if c.name == component.name]
    return component.name if same == [component] or component.dist == "annx" else component.full_name


def counted(number: int, noun: str) -> str:
    """Return "1 seed", "2 seeds"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def summary(cls: Any) -> str:
    """Return the first line of a component's documentation."""
    return (cls.__doc__ or "").strip().partition("\n")[0]


def width() -> int | None:
    """Return the terminal's width, None where standard output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(rows: Iterable[Sequence[str]], indent: str = "") -> str:
    """Return rows as text with aligned columns, cut at the terminal's edge."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(16)]
    lines = []
    for row in rows:
        cells = [cell.ljust(widths[i]) for i, cell in enumerate(row[:-1])] + list(row[-1:])
        line = (indent + "  ".join(cells)).rstrip()
        limit = width()
        lines.append(line if limit is None or len(line) <= limit else line[: limit - 1] + "…")
    return "\n".join(lines)


def complete_components(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the component names that begin so, for the shell."""
    from anncore import load_registry

    registry = load_registry()
    names = {shown_name(registry, component) for component in registry.components}
    return sorted(name for name in names if name.startswith(incomplete))


def complete_kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the kinds that begin so, for the shell."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]
