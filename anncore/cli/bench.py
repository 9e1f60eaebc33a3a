"""`annx bench`: what each optimizer, activation and loss costs on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import complete_components, print_json, say, shown_name, table
from anncore.cli.group import OK, SOME_FAILED
from anncore.cli.options import json_option, plugin_option

if TYPE_CHECKING:
    from anncore.contract.registry import Registry
    from anncore.running.component_costs import Cost


@click.command(short_help="Measure what optimizers, activations and losses cost here.")
@click.argument("names", nargs=-1, metavar="[NAME ...]", shell_complete=complete_components)
@click.option(
    "--repetitions",
    type=click.IntRange(min=1),
    default=9,
    show_default=True,
    metavar="N",
    help="How often each component is measured, by turns.",
)
@json_option
@plugin_option
def command(names: tuple[str, ...], repetitions: int, as_json: bool, plugins: tuple[str, ...]) -> int:
    """Measure what each optimizer, activation and loss costs on this machine; with NAMEs, only these.

    A NAME is a component or a kind (optimizer, activation, loss). Each component runs as in training, with
    its defaults, in float32 on one core, on arrays that fit into the cache and on larger ones.

    A step is one update (optimizer), forward and backward (activation), value and gradient (loss). "ns each"
    is the time per number and step: per parameter, per unit of a batch, per output. Times are medians of
    repetitions that are measured by turns; the spread is half the distance between the quartiles.
    """
    from anncore import load_registry
    from anncore.running.component_costs import choose, measure

    registry = load_registry(plugins)
    costs = measure(registry, choose(registry, names), repetitions=repetitions)
    if as_json:
        print_json({"machine": _machine(registry), "dtype": "float32", "costs": [c.to_json() for c in costs]})
    else:
        say(table(_rows(registry, costs)))
    failed = {cost.component.full_name: cost.error for cost in costs if cost.error}
    for name, error in failed.items():
        say(f"{name} cannot be measured: {error}", err=True)
    return SOME_FAILED if failed else OK


def _machine(registry: Registry) -> dict[str, Any]:
    from pathlib import Path

    from anncore.running.environment import environment

    everything = environment(registry, Path.cwd())
    keys = ("annx", "python", "platform", "cpu", "cores", "packages", "blas")
    return {key: everything[key] for key in keys}


def _rows(registry: Registry, costs: Sequence[Cost]) -> Iterator[Sequence[str]]:
    """Yield the header and a line per component, its sizes side by side."""
    sizes = sorted({cost.numbers for cost in costs})
    yield ("", "", *(cell for size in sizes for cell in (f"{size:10,}", "numbers", "")), "")
    yield ("", "", *(("us/step".rjust(10), "ns each", "spread") * len(sizes)), "")
    lines: dict[str, list[Cost]] = {}
    for cost in costs:
        lines.setdefault(f"{cost.component.kind}:{cost.component.full_name}", []).append(cost)
    kind = ""
    for line in lines.values():
        component = line[0].component
        first = component.kind if component.kind != kind else ""
        kind = component.kind
        cells = [cell for cost in line for cell in _cells(cost)]
        yield (first, shown_name(registry, component), *cells, line[-1].note)


def _cells(cost: Cost) -> tuple[str, str, str]:
    if cost.error:
        return ("failed".rjust(10), "", "")
    low, middle, high = cost.quartiles()
    spread = f"±{(high - low) / 2 / middle:.0%}"
    return (f"{middle * 1e6:10,.1f}", f"{middle * 1e9 / cost.numbers:7.3f}", spread)
