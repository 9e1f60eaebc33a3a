"""The experiment file: read once, checked whole before anything runs."""

from anncore.experiment.model import (
    Axis,
    Comparison,
    Entry,
    Experiment,
    Limits,
    Range,
    Rows,
    Rule,
    SearchSettings,
    Select,
)
from anncore.experiment.read import load_experiment

__all__ = [
    "Axis",
    "Comparison",
    "Entry",
    "Experiment",
    "Limits",
    "Range",
    "Rows",
    "Rule",
    "SearchSettings",
    "Select",
    "load_experiment",
]
