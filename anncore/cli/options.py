"""Options that several verbs share, and those that belong together handed to a verb as one value."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import say

if TYPE_CHECKING:
    from anncore.contract.kinds import Executor
    from anncore.experiment.model import Experiment
    from anncore.experiment.sharding import Shard

Command = Callable[..., Any]


def grouped(group: type[Any], *options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds options and passes their values to the verb as one `group`.

    The groups come first among the verb's arguments, in the order of their decorators.
    """
    names = [field.name for field in dataclasses.fields(group)]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_group(*groups: Any, **values: Any) -> Any:
            return command(*groups, group(**{name: values.pop(name) for name in names}), **values)

        decorated: Command = with_group
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


LONGEST = 1e8  # seconds, three years: a clock of the operating system counts to no more than 292


class Duration(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.4 on
    """A number of seconds, written as 90, "90s", "10m" or "1.5h"."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds, or fail with the rule."""
        if isinstance(value, float):
            return value
        written = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([smh]?)", str(value).strip(), re.ASCII)
        seconds = float(written[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[written[2]] if written else 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is not a time; write for example 90s, 10m or 1.5h", param, ctx)
        return min(seconds, LONGEST)


class ShardOf(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.4 on
    """A part of a plan, written as 2/5."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """Return the shard, or fail with the rule."""
        from anncore.contract.errors import ExperimentError
        from anncore.experiment.sharding import Shard

        try:
            return value if isinstance(value, Shard) else Shard.read(value)
        except ExperimentError as error:
            self.fail(str(error).rstrip("."), param, ctx)


class NamedPath(click.Path):
    """A path that has a name: an empty one, as of an unset variable, would mean the current folder."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path, or fail with the rule."""
        if not str(value).strip():
            self.fail(f"{value!r} names nothing; write '.' for the current folder", param, ctx)
        return super().convert(value, param, ctx)


plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE.py",
    type=NamedPath(),
    help="Also load the components of this file; repeatable.",
)
figures_option = click.option(
    "--no-figures",
    is_flag=True,
    help="Write the report without figures, which take most of a short sweep's time.",
)
jobs_option = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of worker processes; by default one per core.",
)
scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS", help="The scheduler of a Dask cluster, as tcp://HOST:8786."
)
scheduler_file_option = click.option(
    "--scheduler-file",
    metavar="FILE",
    type=NamedPath(),
    help="The file in which a scheduler wrote its address.",
)
require_option = click.option(
    "--require",
    "required",
    multiple=True,
    metavar="CLAIM",
    help="End with 6 unless this holds: 'A better than B', 'A not worse than B by 0.5 points', "
    "'A equivalent to B within 2 %', each with 'on PROBLEM' if it is about one; repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@dataclass(frozen=True)
class ExperimentOptions:
    """The experiment that a verb is about, how it is changed on the command line, and its run folder."""

    file: str
    overrides: tuple[str, ...]
    only: tuple[str, ...]
    skip: tuple[str, ...]
    quick: bool
    plugins: tuple[str, ...]
    out: str | None
    until_decided: bool
    max_seeds: int | None

    def load(self) -> Experiment:
        """Read and check the experiment; options that contradict each other are a usage error."""
        from anncore.experiment import load_experiment

        experiment = load_experiment(
            self.file,
            overrides=self.overrides,
            only=self.only,
            skip=self.skip,
            quick=self.quick,
            plugins=self.plugins,
        )
        if self.max_seeds is not None and not self.until_decided and experiment.in_rounds is None:
            raise click.UsageError("--max-seeds needs --until-decided, or [rounds] in the file.")
        named = foreign_code(experiment, self.plugins)
        if named:
            say(f"annx: {experiment.file} runs the code of {', '.join(named)}.", err=True)
        for note in experiment.notes:
            say(f"annx: {experiment.file}: {note}", err=True)
        return experiment

    @property
    def folder(self) -> Path:
        """The run folder: the one given, else reports/ and the experiment file's name without .toml."""
        return Path(self.out) if self.out is not None else Path("reports") / Path(self.file).stem


def foreign_code(experiment: Experiment, given: Sequence[str]) -> list[str]:
    """Return the plugin files and the names from libraries by which an experiment itself runs others' code.

    given: the plugin files of the command line, which the user knows.
    """
    typed = {str(Path(file).resolve()) for file in given}
    files = [file for file in experiment.plugin_files if file not in typed]
    made = [known.full_name for known in experiment.registry.made]
    return [*(min(file, os.path.relpath(file), key=len) for file in files), *made]


experiment_options = grouped(
    ExperimentOptions,
    click.argument("file", type=NamedPath()),
    click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]"),
    click.option("--only", multiple=True, metavar="KIND=LABEL", help="Keep only these entries; repeatable."),
    click.option("--skip", multiple=True, metavar="KIND=LABEL", help="Leave these entries out; repeatable."),
    click.option("--quick", is_flag=True, help="Few seeds and steps, to see that everything runs."),
    plugin_option,
    click.option(
        "--out",
        metavar="DIR",
        type=NamedPath(),
        help="The run folder; by default reports/ and the experiment file's name without .toml.",
    ),
    click.option(
        "--until-decided",
        is_flag=True,
        help="Add report seeds in rounds until every claim about a data set is settled.",
    ),
    click.option(
        "--max-seeds",
        type=click.IntRange(min=1),
        metavar="N",
        help="With --until-decided: use at most N report seeds; by default ten times the file's number.",
    ),
)


@dataclass(frozen=True)
class RunOptions:
    """How a sweep runs."""

    jobs: int | None
    executor: str | None
    scheduler: str | None
    scheduler_file: str | None
    fresh: bool
    retry_failed: bool
    fail_fast: bool
    max_time: float | None
    shard: Shard | None
    unchecked: bool

    def arguments(self, experiment: Experiment) -> dict[str, Any]:
        """Return the arguments of `anncore.sweep` that these options mean."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        places = {name: values.pop(name) for name in ("scheduler", "scheduler_file")}
        given = {name: place for name, place in places.items() if place is not None}
        return {**values, "executor": self._placed(experiment, given) if given else self.executor}

    def _placed(self, experiment: Experiment, given: dict[str, str]) -> Executor:
        """Return the executor that is named, here or in the file, with its scheduler."""
        from anncore.cli.cluster import executor_at

        in_file = experiment.chosen.get("executor")
        if self.executor is None and in_file is not None and not in_file.is_default:
            return executor_at(experiment.registry, in_file.component.full_name, {**in_file.values, **given})
        return executor_at(experiment.registry, self.executor, given)


run_options = grouped(
    RunOptions,
    jobs_option,
    click.option("--executor", metavar="NAME", help="What runs the trials; see 'annx list executor'."),
    scheduler_option,
    scheduler_file_option,
    click.option("--fresh", is_flag=True, help="Run all trials again, also those that are done."),
    click.option("--retry-failed", is_flag=True, help="Run failed, crashed and timed-out trials again."),
    click.option("--fail-fast", is_flag=True, help="Stop at the first trial that fails."),
    click.option(
        "--max-time",
        type=Duration(),
        metavar="TIME",
        help="Stop after this time (90s, 10m, 1.5h); the same command resumes.",
    ),
    click.option(
        "--shard",
        type=ShardOf(),
        metavar="I/N",
        help="Run the I-th of N parts of the plan, for a job array; 'annx merge' joins them.",
    ),
    click.option(
        "--unchecked",
        is_flag=True,
        help="Run other packages' components also if they fail the checks that guard numbers.",
    ),
)


@dataclass(frozen=True)
class OutputOptions:
    """What a sweep prints, and whether its report has figures."""

    as_json: bool
    quiet: bool
    verbose: bool = False
    no_progress: bool = True
    no_figures: bool = False


output_options = grouped(
    OutputOptions,
    json_option,
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    click.option("-v", "--verbose", is_flag=True, help="Also print each trial that did not end ok, and why."),
    click.option("--no-progress", is_flag=True, help="Show no progress bar, also on a terminal."),
    figures_option,
)
