"""The names of columns and curves, made and parsed in one place.

optimizer.lr        a hyperparameter: kind, dot, key
test_accuracy       a metric on a split: split, underscore, metric
train_dead_units.2  what a metric found inside the network, here in layer 2: the suffix after a dot
x.1                 where a function was taken: its first argument
floor_steps         steps after which a function's value was first at or below its floor
"""

from __future__ import annotations

from anncore.contract.kind_names import KINDS

SPLITS = ("train", "valid", "test")
LOSS = "loss"
FLOOR_STEPS = "floor_steps"
_ARGUMENT = "x"


def hyperparameter_column(kind: str, key: str) -> str:
    """Return "optimizer.lr" of "optimizer" and "lr"."""
    return f"{kind}.{key}"


def parse_hyperparameter(column: str) -> tuple[str, str] | None:
    """Return ("optimizer", "lr") of "optimizer.lr"; None where the column is no hyperparameter's."""
    kind, dot, key = str(column).partition(".")
    return (kind, key) if dot and kind in KINDS else None


def is_hyperparameter(column: str) -> bool:
    """Say whether a column holds a hyperparameter; a metric's name may have a dot too."""
    return parse_hyperparameter(column) is not None


def metric_column(split: str, metric: str = LOSS) -> str:
    """Return "valid_loss" of "valid" and "loss"."""
    return f"{split}_{metric}"


def parse_metric(column: str) -> tuple[str, str]:
    """Return ("valid", "loss") of "valid_loss"; ("", column) where the column belongs to no split."""
    split, underscore, metric = str(column).partition("_")
    return (split, metric) if underscore and split in SPLITS else ("", str(column))


def watched_curve(metric: str, suffix: str = "") -> str:
    """Return "train_dead_units.2" of "dead_units" and "2": watched metrics look at training examples."""
    column = metric_column("train", metric)
    return f"{column}.{suffix}" if suffix else column


def suffix_of(curve: str, metric: str) -> str | None:
    """Return "2" of "train_dead_units.2" for "dead_units", "" without a suffix; None for another metric."""
    column = watched_curve(metric)
    if curve == column:
        return ""
    return curve[len(column) + 1 :] if curve.startswith(f"{column}.") else None


def argument_curve(place: int) -> str:
    """Return "x.1" of 1: the curve of a function's argument, counted from 1."""
    return f"{_ARGUMENT}.{place}"
