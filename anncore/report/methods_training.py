"""The methods section on training: how long trials train, on what, and how their data are divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.sentences import counted, joined, percent, short
from anncore.experiment.document import show
from anncore.report.suites import span, splits_used

LENGTHS = ("steps", "epochs")


def minimising_text(experiment: Any) -> str:
    """Say how functions are minimised."""
    train = experiment.train
    return (
        "Functions are minimised in place of networks on data: every loss in the files, of training, "
        "validation and test, is a function's value without noise, counted from the value at its minimum "
        "where that is known. Every trial makes "
        f"{lengths_of(experiment.every_train)} in {train.dtype}.{_stopping(train)} All arms of one seed "
        "start at the same point and see the same noise, so their scores are paired."
    )


def _stopping(train: Any) -> str:
    stop = ""
    if train.stop.loss is not None:
        stop += f" Training stops early at a training loss of {short(train.stop.loss, 6)}."
    if train.stop.patience is not None:
        stop += (
            f" It stops after {counted(train.stop.patience, 'evaluations')} without an improvement of "
            f"{train.stop.monitor} by more than {short(train.stop.min_delta, 6)}."
        )
    return stop


def is_unsupervised(experiment: Any) -> bool:
    """Tell whether the metric of the selection is for unsupervised tasks alone, and so all tasks are."""
    name = experiment.select.metric.removeprefix("valid_")
    return any(
        metric.name == name and tuple(metric.cls.tasks) == ("unsupervised",)
        for metric in experiment.registry.of_kind("metric")
    )


def _metric_values(experiment: Any) -> str:
    """Say which hyperparameters of metrics the file has set."""
    settings = [
        f"{experiment.registry.get('metric', name).name} with "
        + joined([f"{key} = {show(value)}" for key, value in values.items()])
        for name, values in experiment.train.metrics.items()
    ]
    return f" Metrics that the file sets: {'; '.join(settings)}." if settings else ""


def lengths_of(trains: Sequence[Any]) -> str:
    """Return how long trials train, over all problems: "500 steps", "200 to 1,000 steps"."""
    by_unit = {unit: [n for train in trains if (n := getattr(train, unit)) is not None] for unit in LENGTHS}
    return " or ".join(span(numbers, unit) for unit, numbers in by_unit.items() if numbers)


def _batches(trains: Sequence[Any]) -> str:
    """Return on what a step looks, over all problems: "the full batch", "batches of 16 and 32"."""
    sizes = sorted({train.batch_size for train in trains if train.batch_size != "full"})
    words = [f"batches of {joined(list(map(str, sizes)))}"] if sizes else []
    words += ["the full batch"] if any(train.batch_size == "full" for train in trains) else []
    return " or ".join(words)


def training_text(experiment: Any) -> str:
    """Say how networks are trained on data, and how these are divided."""
    train, ((split, _), *others) = experiment.train, splits_used(experiment)
    length, batch = lengths_of(experiment.every_train), _batches(experiment.every_train)
    stop = _stopping(train)
    unsupervised = is_unsupervised(experiment)
    scaled = f" {_scaled(split, unsupervised)}." if split.standardize else ""
    if unsupervised:
        scaled += " The data have no targets: networks are scored by how well they give back their inputs."
    return (
        f"Every trial trains for {length} on {batch} in {train.dtype}.{stop}{_engine(train)} "
        f"{held_out(split)}, at random "
        f"by seed{_strata(split, unsupervised)}.{own_splits(experiment)}{scaled}"
        f"{divided_otherwise(others, unsupervised)}{_metric_values(experiment)} "
        "All arms of one seed see the same data, split, initial weights and batch order, so their scores are "
        "paired."
    )


def _engine(train: Any) -> str:
    """Say which engine computes the steps, where it is not the usual one."""
    if train.engine == "blas":
        return ""
    elsewhere = " where it can, and by 'blas' elsewhere, as each trial's key says"
    which = elsewhere if train.engine == "auto" else ""
    return (
        f" Steps, predictions and losses are computed by the engine 'lanes'{which}; what 'lanes' computes "
        "has the same bits on every processor."
    )


def divided_otherwise(others: Sequence[tuple[Any, Sequence[str]]], unsupervised: bool) -> str:
    """Say which data sets of a suite are divided in another way than the file's."""
    return "".join(
        f" The examples of {joined(labels)} are divided otherwise: {held_out(split)}"
        f"{_strata(split, unsupervised)}. {_scaled(split, unsupervised)}."
        for split, labels in others
    )


def _strata(split: Any, unsupervised: bool) -> str:
    return ", stratified by class where there are classes" if split.stratify and not unsupervised else ""


def _scaled(split: Any, unsupervised: bool) -> str:
    inputs = "Inputs" if unsupervised else "Inputs (and regression targets)"
    return (
        f"{inputs} are {'standardised on the training split' if split.standardize else 'taken as they are'}"
    )


def own_splits(experiment: Any) -> str:
    """Say which data sets divide their rows otherwise: by a column, or in groups."""
    tables = experiment.document.get("dataset", {})
    sections = {label: table for label, table in tables.items() if isinstance(table, dict)}
    by_column = [label for label, table in sections.items() if table.get("split_column")]
    grouped = [label for label, table in sections.items() if table.get("group")]
    text = f" A column of {joined(by_column)} says which rows are held out." if by_column else ""
    if grouped:
        text += f" Of {joined(grouped)} all rows of a group are in one split."
    return text


def held_out(split: Any) -> str:
    """Say which shares of the examples are held out."""
    valid, test = (percent(share, 0) if share else "none" for share in (split.valid, split.test))
    if not split.valid:
        return f"{test} of the examples are held out for the test and none for validation"
    if not split.test:
        return (
            f"{valid} of the examples are held out for validation and none for the test; as nothing was "
            "chosen by them, the scores of validation are those that are reported. The examples are held out"
        )
    return f"{valid} of the examples are held out for validation and {test} for the test"


def trained_elsewhere(content: Mapping[str, Any]) -> bool:
    """Tell whether the results were trained elsewhere, so that nothing is known of how."""
    return "judged" in content["provenance"]
