"""`annx suites`: the suites of problems, or the problems of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import counted, print_json, say, shown_name, summary, table
from anncore.cli.group import NOTHING_MATCHED, OK
from anncore.cli.options import json_option, plugin_option

if TYPE_CHECKING:
    from anncore.experiment.problem_lists import ProblemList


@click.command(short_help="List the suites of problems, or the problems of one.")
@click.argument("name", required=False)
@json_option
@plugin_option
def command(name: str | None, as_json: bool, plugins: tuple[str, ...]) -> int:
    """List the suites, or the problems of the suite NAME with their group, sections and training.

    An experiment file compares on a suite by suite = "core".
    """
    from anncore import load_registry
    from anncore.experiment.problem_lists import problem_list

    registry = load_registry(plugins)
    if name is not None:
        suite = problem_list(registry.get("suite", name))
        if as_json:
            print_json(suite.to_json())
        else:
            say(suite.described())
            say(table(problem_rows(suite)))
        return OK
    suites = registry.of_kind("suite")
    lists = [problem_list(component) for component in suites]
    if as_json:
        print_json([suite.to_json() for suite in lists])
    else:
        rows = [
            (
                shown_name(registry, component),
                f"version {suite.version}",
                counted(len(suite.problems), "problem"),
                summary(component.cls),
            )
            for component, suite in zip(suites, lists, strict=True)
        ]
        say(table(rows) if rows else "No suite is installed; 'annx new-plugin NAME --kind suite' writes one.")
    return OK if suites else NOTHING_MATCHED


def problem_rows(suite: ProblemList) -> Iterator[tuple[str, str, str, str]]:
    """Yield for each problem its name, its group, what it is made of and how it is trained and divided."""
    from anncore.experiment.document import show

    for problem in suite.problems:
        parts = "; ".join(
            f"{kind} {_section(label, suite.sections[kind][label])}" for kind, label in problem.parts.items()
        )
        settings = {**problem.train, **{f"split.{key}": value for key, value in problem.split.items()}}
        train = ", ".join(
            f"{key} = {value if isinstance(value, str) else show(value)}" for key, value in settings.items()
        )
        yield problem.name, problem.group, parts, train


def _section(label: str, keys: Any) -> str:
    """Return "two_moons (noise = 0.2)"."""
    own = ", ".join(f"{key} = {value}" for key, value in keys.items() if key != "use")
    name = keys.get("use", label)
    return f"{name} ({own})" if own else str(name)
