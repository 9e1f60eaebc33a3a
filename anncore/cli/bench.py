"""`annx bench`: what components, or the steps of an experiment, cost on this machine."""

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
    from anncore.running.engine_costs import EngineCost


@click.command(short_help="Measure what components, or an experiment's steps, cost here.")
@click.argument("names", nargs=-1, metavar="[NAME ... | FILE.toml]", shell_complete=complete_components)
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

    With an experiment FILE.toml: what a step of its trials costs on each engine, "blas" and "lanes", problem
    by problem; evaluations as a share of the steps between them; and the seconds that the kernels of "lanes"
    take once.

    A NAME is a component or a kind (optimizer, activation, loss). Each component runs as in training, with
    its defaults, in float32 on one core, on arrays that fit into the cache and on larger ones.

    A step is one update (optimizer), forward and backward (activation), value and gradient (loss). "ns each"
    is the time per number and step: per parameter, per unit of a batch, per output. Times are medians of
    repetitions that are measured by turns; the spread is half the distance between the quartiles.
    """
    from anncore import load_registry
    from anncore.running.component_costs import choose, measure

    files = [name for name in names if name.endswith(".toml")]
    if files:
        if len(names) > 1:
            raise click.UsageError(
                "an experiment FILE.toml is measured by itself; leave out the other names."
            )
        _bench_engines(files[0], repetitions, as_json, plugins)
        return OK
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


def _bench_engines(file: str, repetitions: int, as_json: bool, plugins: tuple[str, ...]) -> None:
    """Print what the steps of an experiment cost on each engine."""
    from anncore.contract.standard_output import kept_for_results
    from anncore.experiment import load_experiment
    from anncore.experiment.plan import make_plan
    from anncore.running.engine_costs import measure_engines

    with kept_for_results():
        plan = make_plan(load_experiment(file, plugins=plugins), allow_large=True)
        trials = plan.tune() if plan.experiment.tune_seeds else plan.report(None)
        registry = plan.experiment.registry
        costs = measure_engines(trials, registry, len(plan.problems), repetitions=repetitions)
    if as_json:
        print_json({"machine": _machine(registry), "engines": [cost.to_json() for cost in costs]})
    else:
        say(table(_engine_rows(costs)))


def _engine_rows(costs: Sequence[EngineCost]) -> Iterator[Sequence[str]]:
    """Yield the header and a line per problem."""
    yield ("", "", "", "us per trial-step", "", "blas", "evaluation", "", "kernels", "")
    yield ("problem", "weights", "trials", "blas", "lanes", "/ lanes", "blas", "lanes", "seconds", "")
    for cost in costs:
        left = f"{cost.left} left to blas: {cost.why_not}" if cost.left else ""
        blas, lanes = (cost.steps[engine] * 1e6 for engine in ("blas", "lanes"))
        shares = (cost.evaluation[engine] for engine in ("blas", "lanes"))
        yield (
            cost.problem,
            f"{cost.weights:7,}",
            f"{cost.trials:6}",
            *(_known(time, "{:.3g}") for time in (blas, lanes)),
            _known(cost.ratio, "{:.1f}"),
            *(_known(share, "{:.0%}") for share in shares),
            _known(cost.made, "{:.2f}"),
            left,
        )


def _known(value: float, form: str) -> str:
    return form.format(value) if value == value else "-"


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
