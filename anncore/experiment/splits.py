"""What needs a validation or a test split, or examples that count alike, is refused where there is none."""

from __future__ import annotations

from typing import Any

from anncore.contract.errors import ExperimentError
from anncore.contract.kinds import Schedule, learns_by_rule, overrides
from anncore.engine.weighting import loss_is_mean, metric_is_mean
from anncore.experiment.choices import Choice
from anncore.experiment.model import Entry
from anncore.experiment.parts import PartMaker


def refuse_lacking_splits(maker: PartMaker, dataset: Choice, schedule: Entry | None) -> None:
    """Refuse what looks at a split that a data set does not have: tuning, early stopping, a schedule, a test.

    Raises ExperimentError, in one line with a way out.
    """
    shapes, experiment = maker.shapes(dataset), maker.experiment
    if shapes.n_valid and shapes.n_test:
        return
    label = repr(dataset.entry.label)
    start = f"{experiment.file}: data set {label} has no"
    if not shapes.n_valid and not shapes.n_test:
        raise ExperimentError(
            f"{start} validation and no test examples, so nothing could be scored; write [split] test or "
            "valid above 0."
        )
    if not shapes.n_test:
        if experiment.tune_seeds:
            raise ExperimentError(
                f"{start} test examples, and after tuning the validation split is no fresh one to report on; "
                "write [split] test above 0, or leave [seeds] tune out."
            )
        return
    if experiment.tune_seeds:
        raise ExperimentError(
            f"{start} validation examples, by which configurations are chosen; write [split] valid above 0, "
            "or leave [seeds] tune out."
        )
    stop = experiment.train.stop
    if stop.patience is not None and stop.monitor == "valid_loss":
        raise ExperimentError(
            f"{start} validation examples, whose loss [train] stop waits for; write [split] valid above 0, "
            'or stop.monitor = "train_loss".'
        )
    cls: Any = None if schedule is None or schedule.component is None else schedule.component.cls
    if cls is not None and overrides(cls, Schedule.observe):
        raise ExperimentError(
            f"{start} validation examples, whose loss the schedule {cls.name!r} looks at; write [split] "
            "valid above 0, or use another schedule."
        )


def refuse_unweighable(maker: PartMaker, dataset: Choice, loss: Entry, network: Any) -> None:
    """Refuse a loss, a selection or a network that has no weighted form, where examples have weights."""
    experiment, task = maker.experiment, maker.shapes(dataset).task
    start = f"{experiment.file}: the examples of data set {dataset.entry.label!r} have weights, and"
    component = maker.loss_component(loss, task)
    if not loss_is_mean(component.cls(), task, maker.registry):
        raise ExperimentError(
            f"{start} loss {component.name!r} is no mean over examples, so it has no weighted form; use "
            "another loss, or leave the weights out."
        )
    if learns_by_rule(network):
        raise ExperimentError(
            f"{start} {network.name} learns by a rule that takes no weights; use another network, or leave "
            "the weights out."
        )
    name = (experiment.select_metric or "valid_loss").removeprefix("valid_")
    metric = next((m.cls for m in maker.registry.of_kind("metric") if m.name == name), None)
    if (
        metric is not None
        and task in metric.tasks
        and (metric.from_network or not metric_is_mean(metric(), task))
    ):
        raise ExperimentError(
            f"{start} {name} is no mean over examples, so it has no weighted form; name another [select] "
            "metric, or leave the weights out."
        )
