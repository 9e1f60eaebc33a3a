"""[report] success: from which value of a metric on a trial counts as a success."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from anncore.contract.columns import LOSS, SPLITS, metric_column, parse_metric
from anncore.contract.errors import ExperimentError, nearest
from anncore.contract.hyperparameters import Interval
from anncore.experiment.document import Document, is_number
from anncore.experiment.select_metric import not_measured

if TYPE_CHECKING:
    from anncore.contract.registry import Registered
    from anncore.experiment.model import Experiment

KEYS = ("metric", "at_least", "at_most")
RULE = "a number, or a table with a number for each data set"


class SuccessRule(NamedTuple):
    """When a trial has succeeded: its `metric`, a column of the trials, is at or beyond a limit.

    metric: None for the score that each problem is reported by. limits: one number, or numbers by problem or
    data set; where none is named, nothing is counted. at_least: whether larger values succeed.
    """

    metric: str | None
    limits: float | Mapping[str, float]
    at_least: bool

    @property
    def sign(self) -> int:
        """What turns a value so that lower is better."""
        return -1 if self.at_least else 1

    def limit(self, problem: str, data_set: str) -> float | None:
        """Return the limit on a problem, None where there is none."""
        if not isinstance(self.limits, Mapping):
            return self.limits
        return self.limits.get(problem, self.limits.get(data_set))


def read_success(document: Document) -> None:
    """Check the form of [report] success; what is wrong is noted."""
    report = document.section("report")
    if "success" not in report.data:
        return
    example = '{ metric = "test_accuracy", at_least = 0.99 }'
    if not isinstance(report.data["success"], Mapping):
        report.note_wrong("success", f"a table such as {example}")
        return
    section = document.section("report", "success")
    section.allow(KEYS)
    section.text("metric", None)
    given = [key for key in ("at_least", "at_most") if key in section.data]
    if len(given) != 1:
        what = "at_least and at_most are both given; keep one" if given else f"needs a limit, as in {example}"
        raise section.error(given[0] if given else None, f"{what}.")
    limit = section.data[given[0]]
    values = [*limit.values()] if isinstance(limit, Mapping) else [limit]
    if not values or not all(map(is_number, values)):
        raise section.wrong(given[0], RULE)


def success_rule(options: Mapping[str, Any]) -> SuccessRule | None:
    """Return the rule of a [report] table that was checked; None where it has none."""
    table = options.get("success")
    if not isinstance(table, Mapping):
        return None
    limit = table.get("at_least", table.get("at_most"))
    limits: Any = dict(limit) if isinstance(limit, Mapping) else limit
    return SuccessRule(table.get("metric"), limits, "at_least" in table)


def check_success(experiment: Experiment, tasks: Mapping[str, str]) -> None:
    """Refuse a metric that no trial of the report has, or whose better values lie on the other side.

    tasks: by data set; empty for functions.
    """
    rule = success_rule(experiment.report)
    if rule is None:
        return
    goal: str | None = experiment.select.goal
    column = rule.metric or metric_column("test", parse_metric(experiment.select.metric)[1])
    if rule.metric is not None:
        goal = _goal(experiment, column, {*tasks.values()})
    if goal is not None and (goal == "max") != rule.at_least:
        written, right = ("at_least", "at_most") if rule.at_least else ("at_most", "at_least")
        way = "higher" if goal == "max" else "lower"
        raise _refused(
            experiment, f"{column} is better the {way} it is; write {right} in place of {written}."
        )
    _check_bounds(experiment, column, rule, {*tasks.values()})


def check_limits(experiment: Experiment, known: Collection[str]) -> None:
    """Refuse a limit for what is no problem of the experiment."""
    rule = success_rule(experiment.report)
    for name in rule.limits if rule is not None and isinstance(rule.limits, Mapping) else ():
        if name not in known:
            raise _refused(
                experiment,
                f"a limit names {name!r}, which is no data set; there are {', '.join(sorted(known))}."
                f"{nearest(name, known)}",
            )


def _goal(experiment: Experiment, column: str, tasks: Collection[str]) -> str | None:
    """Return which values of a column are better, None for what only looks into the network."""
    split, name = parse_metric(column)
    if split and name == LOSS:
        return "min"
    known = _columns(experiment, tasks)
    if split not in SPLITS or not experiment.problem.scored or column.partition(".")[0] not in known:
        raise _refused(
            experiment,
            f"metric must be a column of the trials, got {column!r}; known are {', '.join(known)}."
            f"{nearest(column, known)}",
        )
    component = known[column.partition(".")[0]]
    if component is None or component.cls.watches:
        return None
    why = not_measured(experiment, component)
    if why:
        raise _refused(experiment, why)
    return str(component.cls.goal)


def _check_bounds(experiment: Experiment, column: str, rule: SuccessRule, tasks: Collection[str]) -> None:
    """Refuse a limit outside of where the metric's values lie, for instance 90 for an accuracy of 90 %."""
    component = _columns(experiment, tasks).get(column.partition(".")[0])
    if component is None:  # a loss
        return
    bounds = Interval.parse(component.cls.bounds)
    limits = rule.limits.values() if isinstance(rule.limits, Mapping) else [rule.limits]
    for limit in limits:
        if not bounds.holds(limit):
            key = "at_least" if rule.at_least else "at_most"
            share = f"; {limit:g} % is {limit / 100:g}" if bounds.high == 1 and 1 < limit <= 100 else ""
            raise _refused(
                experiment, f"{key} must be in {bounds}, where {column} lies, got {limit:g}{share}."
            )


def _columns(experiment: Experiment, tasks: Collection[str]) -> dict[str, Registered | None]:
    """Return the columns that the report's trials of every data set have, with their metrics."""
    columns: dict[str, Registered | None] = dict.fromkeys(metric_column(split) for split in SPLITS[::-1])
    if not experiment.problem.scored:
        return columns
    for metric in experiment.registry.of_kind("metric"):
        if metric.cls.watches:
            if metric.full_name in experiment.train.watch:
                columns[metric_column("train", metric.name)] = metric
        elif {*tasks} <= {*metric.cls.tasks}:
            splits = SPLITS if metric.cls.curve else SPLITS[1:]
            columns |= {metric_column(split, metric.name): metric for split in splits[::-1]}
    return columns


def _refused(experiment: Experiment, why: str) -> ExperimentError:
    return ExperimentError(f"{experiment.file}: [report.success] {why}")
