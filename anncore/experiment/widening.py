"""Wider ranges where a chosen value lies at the edge of its own: `[search] widen = true`.

A best value at the edge means that a better one may lie outside. Then the range of that hyperparameter grows
tenfold at that end, for every arm that tunes it, so that all keep equal budgets, and tuning is done again; at
most three times. Logarithmic ranges grow, and lists of positive numbers that span a factor of ten or
more: the values of a list are repeated, divided (or multiplied) by ten.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import Search, resolve
from anncore.experiment.document import is_number
from anncore.experiment.model import Axis, Entry, Experiment, Range, Rows, Widening
from anncore.experiment.points import tidy

if TYPE_CHECKING:
    import pandas as pd

MOST = 3  # how often one end may grow
FACTOR = 10
Ends = frozenset[tuple[str, str]]
"""Pairs of a hyperparameter such as "optimizer.lr" and an end, "down" or "up"."""


def ends_reached(selection: pd.DataFrame, trials: pd.DataFrame) -> Ends:
    """Return the hyperparameters whose chosen value lies at an end of the values tried, and which end.

    selection: of `selection.select`; trials: the tuning phase's.
    """
    ends = set()
    for row in selection.to_dict("records"):
        mine = trials[(trials["problem"] == row["problem"]) & (trials["arm"] == row["arm"])]
        for name in filter(None, row["edge"].split(", ")):
            chosen = mine.loc[mine["config"] == row["config"], name].iloc[0]
            ends.add((name, "down" if chosen == mine[name].min() else "up"))
    return frozenset(ends)


def wider(experiment: Experiment, ends: Iterable[tuple[str, str]]) -> Experiment | None:
    """Return the experiment with the ranges of `ends` grown once more; None where nothing can grow."""
    growths = {growth.key: growth for growth in experiment.widened}
    entries = dict(experiment.entries)
    for name, end in sorted(ends):
        kind, _, key = name.partition(".")
        growth = growths.get(name, Widening(name, 0, 0))
        if kind not in experiment.tuned_kinds or getattr(growth, end) >= MOST:
            continue
        grown = tuple(_grown(entry, key, end) for entry in entries[kind])
        if grown != entries[kind]:
            entries[kind] = grown
            growths[name] = growth._replace(**{end: getattr(growth, end) + 1})
    widened = tuple(growths.values())
    if widened == experiment.widened:
        return None
    return dataclasses.replace(experiment, entries=entries, widened=widened)


def widened(experiment: Experiment, growths: Iterable[Widening]) -> Experiment:
    """Return the experiment with its ranges grown as an earlier sweep grew them."""
    for name, down, up in growths:
        for end, times in (("down", down), ("up", up)):
            for _ in range(times):
                experiment = wider(experiment, [(name, end)]) or experiment
    return experiment


def _grown(entry: Entry, key: str, end: str) -> Entry:
    axes = tuple(
        _grown_axis(entry, axis, end) if axis.keys == (key,) and key in entry.varying else axis
        for axis in entry.axes
    )
    return dataclasses.replace(entry, axes=axes) if axes != entry.axes else entry


def _grown_axis(entry: Entry, axis: Axis, end: str) -> Axis:
    if isinstance(axis, Range):
        low, high = axis.search.values
        moved = _shifted(low if end == "down" else high, end)
        if axis.search.how != "log" or moved is None or not _admitted(entry, axis.keys[0], moved):
            return axis
        return axis._replace(search=Search("log", (moved, high) if end == "down" else (low, moved)))
    values = [row[0] for row in axis.rows]
    if not all(is_number(value) and value > 0 for value in values) or max(values) < FACTOR * min(values):
        return axis
    edge = min(values) if end == "down" else max(values)
    new = [moved for value in values if (moved := _shifted(value, end)) is not None]
    beyond = [value for value in new if (value < edge if end == "down" else value > edge)]
    # A value that differs from the edge only by rounding is the edge.
    fresh = [
        v for v in beyond if not math.isclose(v, edge, rel_tol=1e-9) and _admitted(entry, axis.keys[0], v)
    ]
    if not fresh:
        return axis
    rows = [(value,) for value in sorted(set(fresh))]
    return Rows(axis.keys, (*rows, *axis.rows) if end == "down" else (*axis.rows, *rows))


def _shifted(value: Any, end: str) -> Any:
    """Return a value a factor of ten further; None for a whole number that has none there."""
    if isinstance(value, int):
        if end == "up":
            return value * FACTOR
        return value // FACTOR if value % FACTOR == 0 else None
    return tidy(value / FACTOR if end == "down" else value * FACTOR)


def _admitted(entry: Entry, key: str, value: Any) -> bool:
    """Tell whether a value lies in the domain that the component declares."""
    if entry.component is None:
        return False
    try:
        resolve(entry.component.cls, {key: value})
    except ComponentError:
        return False
    return True
