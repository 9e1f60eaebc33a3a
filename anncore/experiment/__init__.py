"""The experiment file: read once, checked whole before anything runs."""

from anncore.experiment.load import load_experiment
from anncore.experiment.model import (
    KINDS,
    PARTS,
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

__all__ = [
    "KINDS",
    "PARTS",
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
