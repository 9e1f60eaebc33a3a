"""Learning curves of the page: one line for each arm on a problem, from the trials that are done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.trial import TrialResult

LONGEST = 64  # points that are kept of a trial's curve
DRAWN = 33  # points of a line on the page


class Curve(NamedTuple):
    """One trial's curve: the metric at each step."""

    steps: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]


@dataclass
class Configuration:
    """The curves of one configuration of an arm on a problem, by run key; all of trials that ended well."""

    curves: dict[str, Curve] = field(default_factory=dict)

    def score(self) -> float:
        """Return the median over trials of the last value; NaN without any."""
        last = [float(curve.values[-1]) for curve in self.curves.values()]
        return float(np.median(last)) if last else math.nan

    def line(self) -> Curve:
        """Return the median over trials at each step, thinned to DRAWN steps with the first and the last."""
        curves = list(self.curves.values())
        steps = curves[0].steps
        for curve in curves[1:]:
            if steps is not curve.steps and not np.array_equal(steps, curve.steps):
                steps = np.union1d(steps, curve.steps)
        table = np.full((len(curves), len(steps)), np.nan)
        for row, curve in zip(table, curves, strict=True):
            row[np.searchsorted(steps, curve.steps)] = curve.values
        if len(steps) > DRAWN:
            places = np.unique(np.linspace(0, len(steps) - 1, DRAWN).round().astype(int))
            steps, table = steps[places], table[:, places]
        there = ~np.isnan(table).all(axis=0)
        return Curve(steps[there], np.nanmedian(table[:, there], axis=0))


def metric_of(result: TrialResult, wanted: str) -> str:
    """Return which of a result's curves to draw: the wanted one, else a loss, else the first; "" of none."""
    for name in (wanted, "valid_loss", "train_loss"):
        if name in result.curves:
            return name
    return next(iter(result.curves), "")


def curve_of(result: TrialResult, metric: str) -> Curve | None:
    """Return a trial's curve without what is not finite, thinned above LONGEST points by a power of two.

    The first point and the last stay, so that trials of other lengths share most of their steps. None where
    there is no curve, or what a damaged store has in its place.
    """
    values = result.curves.get(metric, ())
    if result.status != "ok" or not values or len(values) != len(result.steps):
        return None
    try:
        steps, places = _kept_steps(result.steps)
        with np.errstate(over="ignore"):  # what is too large for a float32 is infinite there, and left out
            kept = np.array([values[place] for place in places]).astype(np.float32)
    except (ValueError, TypeError, OverflowError):
        return None
    finite = np.isfinite(kept)
    if finite.all():
        return Curve(steps, kept)
    return Curve(steps[finite], kept[finite]) if finite.any() else None


@lru_cache(maxsize=256)
def _kept_steps(steps: tuple[int, ...]) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Return the steps that are kept, and their places; most trials of a sweep share them."""
    places = list(range(len(steps)))
    if len(steps) > LONGEST:
        stride = 1 << math.ceil(math.log2(len(steps) / LONGEST))
        places = sorted({*range(0, len(steps), stride), len(steps) - 1})
    return np.array([steps[place] for place in places], np.int64), places


def best_of(configurations: Mapping[str, Configuration], goal: str) -> str | None:
    """Return the configuration with the best score so far, the first of equals; None where none has one."""
    scores = {config: held.score() for config, held in configurations.items() if held.curves}
    if not scores:
        return None
    sign = -1 if goal == "max" else 1
    return min(scores, key=lambda config: sign * scores[config])


def rounded(values: np.ndarray[Any, Any]) -> list[float]:
    """Return numbers with four digits, which is more than a page shows."""
    return [float(f"{value:.4g}") for value in values.tolist()]
