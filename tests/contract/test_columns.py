"""Names of columns: what is made can be parsed, and nothing is taken for what it is not."""

from __future__ import annotations

import pytest

from anncore.contract import columns


@pytest.mark.parametrize(
    ("column", "parsed"),
    [
        ("optimizer.lr", ("optimizer", "lr")),
        ("optimizer.inner.lr", ("optimizer", "inner.lr")),
        ("train_dead_units.2", None),
        ("x.1", None),
        ("optimizer", None),
        ("test_loss", None),
    ],
)
def test_hyperparameters_are_told_from_curves(column: str, parsed: tuple[str, str] | None) -> None:
    assert columns.parse_hyperparameter(column) == parsed
    assert columns.is_hyperparameter(column) == (parsed is not None)
    if parsed is not None:
        assert columns.hyperparameter_column(*parsed) == column


@pytest.mark.parametrize(
    ("column", "parsed"),
    [
        ("valid_loss", ("valid", "loss")),
        ("test_balanced_accuracy", ("test", "balanced_accuracy")),
        ("train_seconds", ("train", "seconds")),
        ("floor_steps", ("", "floor_steps")),
        ("steps_done", ("", "steps_done")),
        ("valid", ("", "valid")),
    ],
)
def test_a_metric_belongs_to_a_split_or_to_none(column: str, parsed: tuple[str, str]) -> None:
    assert columns.parse_metric(column) == parsed
    if parsed[0]:
        assert columns.metric_column(*parsed) == column


def test_a_suffix_belongs_to_its_own_metric_only() -> None:
    assert columns.watched_curve("dead_units", "2") == "train_dead_units.2"
    assert columns.suffix_of("train_dead_units.2", "dead_units") == "2"
    assert columns.suffix_of("train_dead_units", "dead_units") == ""
    assert columns.suffix_of("train_dead_units_share.2", "dead_units") is None
    assert columns.suffix_of("valid_dead_units.2", "dead_units") is None


def test_arguments_are_counted_from_one() -> None:
    assert [columns.argument_curve(place) for place in (1, 2)] == ["x.1", "x.2"]
