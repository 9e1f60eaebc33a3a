"""What a report calls what arms are compared on, and what is measured there: one place for all of it.

`unit` is the plural, as `report.json` holds it: "data sets", or "functions" where objectives are minimised.
"""

from __future__ import annotations

SEEDS, DATA_SETS, FUNCTIONS = "seeds", "data sets", "functions"


def singular(unit: str) -> str:
    """Return the singular of a unit: "data set", "function", "seed"."""
    return unit.removesuffix("s")


def said_of(text: str, unit: str) -> str:
    """Return a text that speaks of data sets, saying the unit in their place: a figure's question."""
    return text.replace(singular(DATA_SETS), singular(unit))


def metric_words(metric: str, unit: str) -> str:
    """Write a metric's column in words: "test loss" of "test_loss".

    On functions every loss, on whatever split, is the function's value, and is called that.
    """
    if unit == FUNCTIONS and metric.rpartition("_")[2] == "loss":
        return "function value"
    return metric.replace("_", " ")
