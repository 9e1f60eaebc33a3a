"""The curves of results as a long frame, whole or thinned, and the order of metrics' columns."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.contract.columns import LOSS, SPLITS, parse_metric
from anncore.contract.float_maps import series_in
from anncore.contract.trial import TrialResult

if TYPE_CHECKING:
    import pandas as pd


def metrics_in_order(names: Iterable[str]) -> list[str]:
    """Return metrics' columns, losses first, each on train, valid and test; then what has no split."""
    order = {split: place for place, split in enumerate(SPLITS)}

    def place(name: str) -> tuple[bool, bool, str, int, str]:
        split, metric = parse_metric(name)
        counted = re.sub(r"\d+", lambda digits: digits[0].zfill(9), metric)  # x.2 comes before x.10
        return metric != LOSS, not split, counted, order.get(split, len(SPLITS)), name

    return sorted(names, key=place)


def curves_frame(
    results: Iterable[TrialResult],
    keys: Iterable[str],
    *,
    most: float = math.inf,
    spared: Container[str] = (),
) -> pd.DataFrame:
    """Return the curves of all results, long, in the order of `keys`; each by metric, then step.

    Where they hold more than `most` values, each curve keeps its first and last evaluation and every second
    one between, or every fourth, eighth, ..., the fewest that it takes. Those of the keys that are `spared`
    are thinned only where they alone hold too many; the others go down to two evaluations then.
    """
    curves = Curves()
    for result in results:
        curves.add(result)
    return curves.frame(keys, most=most, spared=spared)


class Curves:
    """The curves of results, added one by one; `frame` gives them and keeps none."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[_Layout, Any]] = {}
        # Most trials have metrics and steps in common.
        self._layouts: dict[tuple[Any, ...], tuple[_Layout, list[int] | None]] = {}

    def noted(self, results: Iterable[TrialResult]) -> Iterator[TrialResult]:
        """Yield results on, after their curves are added."""
        for result in results:
            self.add(result)
            yield result

    def add(self, result: TrialResult) -> None:
        """Add a result's curves."""
        curves = series_in(result.curves)
        same = (curves.names, result.steps)
        if same not in self._layouts:
            names = tuple(metrics_in_order(curves.names))
            rows = None if names == curves.names else [curves.names.index(name) for name in names]
            self._layouts[same] = _Layout(names, result.steps), rows
        layout, rows = self._layouts[same]
        table = curves.array
        self._values[result.key] = layout, (table if rows is None else table[rows]).reshape(-1)

    def frame(
        self, keys: Iterable[str], *, most: float = math.inf, spared: Container[str] = ()
    ) -> pd.DataFrame:
        """Return all curves; see `curves_frame`."""
        import pandas as pd

        values, self._values = self._values, {}
        if most < math.inf:
            whole = [key for key in values if key in spared]
            left = most - _thin(values, whole, most)
            _thin(values, [key for key in values if key not in spared], left)
        order = [key for key in keys if key in values]
        lengths = [len(values[key][1]) for key in order]
        empty = np.array([], np.float64)
        step = np.concatenate([empty.astype(np.int64), *(values[key][0].step for key in order)])
        value = np.concatenate([empty, *(values[key][1] for key in order)])
        metric = np.concatenate([empty.astype(object), *(values[key][0].metric for key in order)])
        del values
        text: Any = pd.Series([""]).dtype
        return pd.DataFrame(
            {
                "key": pd.array(np.repeat(np.array(order, object), lengths), dtype=text, copy=False),
                "step": step,
                "metric": pd.array(metric, dtype=text, copy=False),
                "value": value,
            },
            copy=False,
        )


class _Layout:
    """Which metrics and steps the values of a trial's curves have, in their order."""

    def __init__(self, names: tuple[str, ...], steps: tuple[int, ...]) -> None:
        self.names, self.steps = names, steps
        self.metric = np.repeat(np.array(names, object), len(steps))
        self.step = np.tile(np.array(steps, np.int64), len(names))
        self._thinned: dict[int, tuple[_Layout, Any]] = {}

    def thinned(self, every: int) -> tuple[_Layout, Any]:
        """Return the layout of every so many evaluations and the last, and which of the values these are."""
        if every not in self._thinned:
            number = len(self.steps)
            at = sorted({*range(0, number, every), number - 1}) if number else []
            places = (np.arange(len(self.names))[:, None] * number + np.array(at, np.int64)).reshape(-1)
            self._thinned[every] = _Layout(self.names, tuple(self.steps[place] for place in at)), places
        return self._thinned[every]


def _thin(values: dict[str, tuple[_Layout, Any]], keys: Sequence[str], most: float) -> int:
    """Thin the curves of some keys until they hold at most so many values; return how many they hold."""
    number = Counter(values[key][0] for key in keys)
    longest = max((len(layout.steps) for layout in number), default=0)
    every = 1
    while every < longest and _held(number, every) > most:
        every *= 2
    if every > 1:
        for key in keys:
            layout, flat = values[key]
            thinned, places = layout.thinned(every)
            values[key] = thinned, flat[places]
    return _held(number, every)


def _held(number: Counter[_Layout], every: int) -> int:
    return sum(count * len(layout.thinned(every)[1]) for layout, count in number.items())
