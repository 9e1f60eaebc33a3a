"""Which measure chooses each arm's configuration, where the file leaves it open."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from anncore.contract.errors import ComponentError, ExperimentError, nearest
from anncore.contract.kinds import TASKS
from anncore.contract.registry import Registered
from anncore.experiment.model import Experiment, Select
from anncore.experiment.parts import tasks_of


def resolve_select(experiment: Experiment) -> Select:
    """Return metric and goal: as written, else valid_loss, else the headline metric of the task.

    Raises ExperimentError for a metric that does not exist, does not fit the task of every data set, or
    has another goal; and for valid_loss where the arms or configurations differ in their loss.
    """
    metric, given = experiment.select_metric, experiment.select_goal
    if not experiment.problem.scored and metric not in (None, "valid_loss"):
        raise ExperimentError(
            f"{experiment.file}: [select] metric must be 'valid_loss' for {experiment.problem.kind}s, whose "
            f"value it is, got "
            f"{metric!r}; leave the key out."
        )
    clash = _losses_differ(experiment)
    if metric == "valid_loss" and clash:
        raise ExperimentError(
            f"{experiment.file}: [select] metric must not be 'valid_loss' where {clash}: losses of different "
            "formulas cannot be compared; name a metric such as 'valid_accuracy' or 'valid_rmse'."
        )
    if metric is None and clash:
        metric = _headline(experiment)
    if metric in (None, "valid_loss"):
        if given == "max":
            raise ExperimentError(
                f"{experiment.file}: [select] goal of valid_loss must be 'min', got 'max'; leave the key out."
            )
        return Select("valid_loss", "min")
    assert metric is not None
    goal = _metric_goal(experiment, metric)
    if given not in (None, goal):
        raise ExperimentError(
            f"{experiment.file}: [select] goal of {metric} must be {goal!r}, got {given!r}; "
            "leave the key out."
        )
    return Select(metric, goal)


def by_headline(experiment: Experiment, tasks: Collection[str]) -> Experiment:
    """Return an unsupervised experiment that selects by its headline metric, if its file names no metric.

    A learning rule descends no loss, and the reconstruction error is in the units of the data. tasks: those
    of the data sets.
    """
    if experiment.select_metric is not None or {*tasks} != {"unsupervised"}:
        return experiment
    component = experiment.registry.primary_metric("unsupervised")
    return replace(experiment, selection=Select(f"valid_{component.name}", component.cls.goal))


def _losses_differ(experiment: Experiment) -> str:
    if "loss" in experiment.vary and len(experiment.entries["loss"]) > 1:
        return "losses are compared"
    for entry in experiment.entries["loss"]:
        if entry.varying:
            return f"{entry.varying[0]} of loss {entry.label!r} varies"
    return ""


def _headline(experiment: Experiment) -> str:
    """Return valid_<metric> of the one task; raise ExperimentError where there are several."""
    tasks = tasks_of(experiment)
    if len(tasks) > 1:
        raise ExperimentError(
            f"{experiment.file}: [select] needs a metric, since {_losses_differ(experiment)} and the "
            f"data sets have different tasks ({', '.join(sorted(tasks))}); name one that fits all, or split "
            "the experiment by task."
        )
    try:
        return "valid_" + experiment.registry.primary_metric(next(iter(tasks))).name
    except ComponentError as error:
        raise ExperimentError(f"{experiment.file}: {error}") from None


def _metric_goal(experiment: Experiment, metric: str) -> Literal["min", "max"]:
    name = metric.removeprefix("valid_")
    metrics = experiment.registry.of_kind("metric")
    known = ["valid_loss", *(f"valid_{other.name}" for other in metrics if not _watches(other))]
    try:
        component = experiment.registry.get("metric", name)
        goal: Literal["min", "max"] = component.cls.goal
    except ComponentError:
        raise ExperimentError(
            f"{experiment.file}: [select] metric: no metric is called {name!r}; known are "
            f"{', '.join(known)}." + nearest(metric, known)
        ) from None
    if _watches(component):
        raise ExperimentError(
            f"{experiment.file}: [select] metric must not be {metric!r}: {name} looks into the network and "
            "does not score its predictions. Name it in [train] watch instead."
        )
    return goal


def _watches(component: Registered) -> bool:
    return bool(component.cls.watches)


def check_select(experiment: Experiment, tasks: dict[str, str]) -> None:
    """Refuse a metric that is undefined on some data set; `tasks` by problem."""
    metric = experiment.select.metric
    if metric == "valid_loss":
        return
    component = experiment.registry.get("metric", metric.removeprefix("valid_"))
    _refuse_without(experiment, component)
    for problem, task in tasks.items():
        if task not in component.cls.tasks:
            fitting = [
                f"valid_{other.name}"
                for other in experiment.registry.of_kind("metric")
                if {*tasks.values()} <= {*other.cls.tasks} and not _watches(other)
            ]
            raise ExperimentError(
                f"{experiment.file}: [select] metric {metric!r} is for "
                f"{', '.join(t for t in TASKS if t in component.cls.tasks)} tasks, but {problem} is {task}; "
                f"fit for all data sets: {', '.join(['valid_loss', *fitting])}."
            )


def _refuse_without(experiment: Experiment, metric: Registered) -> None:
    """Refuse a metric that networks give of themselves, if one of the networks does not."""
    why = not_measured(experiment, metric)
    if why:
        raise ExperimentError(f"{experiment.file}: [select] {why}")


def not_measured(experiment: Experiment, metric: Registered) -> str:
    """Return which network does not give a metric of itself that needs it, "" if there is none."""
    if not metric.cls.from_network:
        return ""
    offering = [
        network.name
        for network in experiment.registry.of_kind("network")
        if metric.name in network.cls.measured
    ]
    for entry in experiment.entries["network"]:
        component = entry.component
        if component is not None and metric.name not in component.cls.measured:
            return (
                f"metric {metric.name!r} is measured by networks themselves "
                f"({', '.join(offering) or 'none that is installed'}), and [network.{entry.label}] does not; "
                "name another metric."
            )
    return ""


def further_curves(experiment: Experiment) -> tuple[str, ...]:
    """Return the full name of the metric of the selection, where trials do not record its curve anyway.

    Times to a target are read off its curve; other experiments' trials do not change.
    """
    metric = experiment.select.metric
    if metric == "valid_loss":
        return ()
    component = experiment.registry.get("metric", metric.removeprefix("valid_"))
    return () if component.cls.curve else (component.full_name,)
