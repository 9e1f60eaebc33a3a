"""Do gradients vanish or explode on their way through the layers?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    LayerGrid,
    counted,
    drawing,
    hookimpl,
    layer_grids,
)

ARMS, LINES = 8, 3  # at most, of panels
DECADES = 10  # of one colour scale, at most
APART = 10  # a ratio of layers that is worth a word


@dataclass(frozen=True)
class LayerScales(Figure):
    """Sizes that were watched layer by layer, on a logarithmic colour scale over the steps, a panel per arm.

    It draws every watched metric that is never negative and has no upper bound, as a norm of gradients.
    Value: median over the seeds that finished. Above each panel stands the ratio of the first layer to the
    last, at the first evaluation and at the last one (the median over the seeds of each one's own): far below
    1 the size vanishes on its way back to the first layer, far above it explodes. Where there are more data
    sets or arms than it can show, it takes those whose ratio is farthest from 1.
    """

    name: ClassVar[str] = "layer_scales"
    question: ClassVar[str] = "Does anything vanish or explode on its way through the layers?"
    order: ClassVar[int] = 62
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        report = data.report
        watched = [w for w in report.get("watched", ()) if w["low"] == 0 and not math.isfinite(w["high"])]
        sizes = [size for w in watched if (size := _Size(w, _grids(data, w["metric"]))).grids]
        if not sizes:
            return "No report trial has run with a watched metric that is a size."

        def far(which: int) -> Any:
            return lambda name: max(size.farthest(name, which) for size in sizes)

        every = [arm for arm in report["arms"] if any(key[1] == arm for s in sizes for key in s.grids)]
        where = [p for p in report["problems"] if any(key[0] == p for s in sizes for key in s.grids)]
        arms = drawing.weightiest(every, far(1), ARMS)
        lines = len(sizes) * (2 if len(arms) > 6 else 1)
        problems = drawing.weightiest(where, far(0), max(1, LINES // lines))
        rows, keys = [], []
        for size in sizes:
            low, high = size.range(problems, arms)
            for problem in problems:
                heading = f"{size.words} on {problem}" if len(where) > 1 else size.words
                rows.append((heading, [size.panel(problem, arm, report, low, high) for arm in arms]))
            keys.append(_key(size.words, low, high))
        places = report["problem_unit"] if len(where) > 1 else ""
        title = "; ".join(size.finding(places) for size in sizes)
        said = ". ".join(f"{size.words.capitalize()}: {size.definition}" for size in sizes)
        seeds = counted(len(report["seeds"]["report"]), "seeds")
        subtitle = (
            f"{said}. Colour, and number at the last step: median over {seeds}. Above "
            "each panel: the first layer's over the last layer's, at the first evaluation → at the last."
        )
        parts = [
            f"{len(shown)} of {counted(len(whole), what)}"
            for shown, whole, what in ((problems, where, report["problem_unit"]), (arms, every, "arms"))
            if len(shown) < len(whole)
        ]
        if parts:
            subtitle += f" Shown: {' and '.join(parts)}, chosen by how far first and last layer differ."
        if any(panel.ok < panel.n for _, panels in rows for panel in panels):
            subtitle += " ×k/n: k of n seeds did not finish and are left out. From half on nothing is drawn."
        sheet = drawing.layer_sheet(title, subtitle, rows, keys, data.theme)
        return Drawing(sheet, self.name, title, drawing.layer_words(title, rows), subtitle)


def _grids(data: FigureInput, metric: str) -> dict[tuple[str, str], LayerGrid]:
    """Return the grids; those of arms of which half of the seeds or more are lost hold nothing."""
    grids = layer_grids(data, metric)
    boards = data.report["leaderboard"]["problems"]
    gone = {(p, row["arm"]) for p, board in boards.items() for row in board if drawing.half_lost(row)}
    return {
        key: LayerGrid(grid.layers, grid.steps, grid.values[:0]) if key in gone else grid
        for key, grid in grids.items()
    }


class _Size:
    """A watched metric without an upper bound, with all that it found."""

    def __init__(self, watched: Mapping[str, Any], grids: Mapping[tuple[str, str], LayerGrid]) -> None:
        self.grids = grids
        self.words = watched["metric"].replace("_", " ")
        self.definition = watched["definition"].rstrip(".")
        self.median = {key: grid.median for key, grid in grids.items()}
        self.ratios = {key: [_ratio(grid, at) for at in (0, -1)] for key, grid in grids.items()}

    def farthest(self, name: str, which: int) -> float:
        """Decades between first and last layer on a data set (which = 0) or of an arm (1); -1 without any."""
        own = [ratio for key, both in self.ratios.items() if key[which] == name for ratio in both]
        return max((_decades(ratio) for ratio in own if math.isfinite(ratio)), default=-1.0)

    def range(self, problems: Sequence[str], arms: Sequence[str]) -> tuple[float, float]:
        """Return the ends of the colour scale, whole powers of ten around all that is shown."""
        shown = [m for (problem, arm), m in self.median.items() if problem in problems and arm in arms]
        values = [v for panel in shown for v in panel.ravel().tolist() if math.isfinite(v) and v > 0]
        if not values:
            return 0.1, 1.0
        high = math.ceil(math.log10(max(values)) - 1e-9)
        low = max(math.floor(math.log10(min(values)) + 1e-9), high - DECADES)
        return 10.0 ** min(low, high - 1), 10.0**high

    def panel(self, problem: str, arm: str, report: Any, low: float, high: float) -> drawing.LayerPanel:
        row = next(r for r in report["leaderboard"]["problems"][problem] if r["arm"] == arm)
        counts = (row["ok"], row["n"], row["diverged"])
        grid = self.grids.get((problem, arm))
        if grid is None:
            return drawing.LayerPanel(arm, ("",), np.zeros(1), np.full((1, 1), np.nan), ("",), *counts)
        values = self.median[problem, arm]
        known = np.where(np.isfinite(values), np.clip(values, low, high), np.nan)
        shares = np.log(known / low) / math.log(high / low)
        texts = [drawing.tick_text(float(f"{v:.1g}")) if math.isfinite(v) else "–" for v in values[:, -1]]
        first, last = map(_ratio_text, self.ratios[problem, arm])
        note = f"{first} → {last}" if len(grid.layers) > 1 and first else ""
        return drawing.LayerPanel(arm, grid.layers, grid.steps, shares, texts, *counts, note=note)

    def finding(self, places: str) -> str:
        """Say where first and last layer differ most, at the first or the last evaluation.

        places: what the problems are, in the plural; "" where there is one only.
        """
        ratios = {
            key: max(map(_decades, both))
            for key, both in self.ratios.items()
            if all(map(math.isfinite, both))
        }
        if not ratios:
            return f"No arm has a ratio of first to last layer: {self.words}"
        key = max(ratios, key=lambda pair: ratios[pair])
        start, end = self.ratios[key]
        layers = self.grids[key].layers
        if ratios[key] < math.log10(APART):
            return (
                f"Between layers {layers[0]} and {layers[-1]} {self.words} differs by less than a factor of "
                f"{APART} for every arm, at the start and at the end of training"
            )
        on = f" on {key[0]}" if places else ""
        small = max(start, end, key=_decades) < 1
        own = [max(self.ratios[other], key=_decades) for other in ratios if other[1] == key[1]]
        alike = sum(_decades(ratio) >= math.log10(APART) and (ratio < 1) == small for ratio in own)
        reach = f"1/{APART} or less" if small else f"{APART} times or more"
        where = f"; {reach} on {alike} of {counted(len(own), places)}" if places else ""
        return (
            f"{key[1]}: {self.words} in layer {layers[0]} is {_times(start)} that in layer {layers[-1]} at "
            f"the start of training{on}, {_times(end)} it at the end{where}"
        )


def _ratio(grid: LayerGrid, at: int) -> float:
    """Return the median over the seeds of the first layer's value over the last one's; NaN without any."""
    if len(grid.layers) < 2 or not len(grid.values):
        return math.nan
    first, last = grid.values[:, 0, at], grid.values[:, -1, at]
    known = np.isfinite(first) & np.isfinite(last) & (last > 0)
    return float(np.median(first[known] / last[known])) if known.any() else math.nan


def _decades(ratio: float) -> float:
    """Return how far a ratio is from 1; what is 0 counts as a hundred decades."""
    return abs(math.log10(ratio)) if ratio > 0 else 100.0


def _ratio_text(ratio: float) -> str:
    """Write a ratio in two digits: "1/2700", "0.8", "31"."""
    if not math.isfinite(ratio):
        return ""
    if 0 < ratio < 0.1005:
        inverse = float(f"{1 / ratio:.2g}")
        return f"1/{inverse:.0f}" if inverse < 1e5 else f"{drawing.tick_text(float(f'{ratio:.1g}'))}"
    return drawing.tick_text(float(f"{ratio:.2g}"))


def _times(ratio: float) -> str:
    text = _ratio_text(ratio)
    return f"{text} of" if text.startswith("1/") else f"{text} times"


def _key(words: str, low: float, high: float) -> drawing.RampKey:
    first, last = round(math.log10(low)), round(math.log10(high))
    every = max(1, math.ceil((last - first) / 4))
    powers = [power for power in range(first, last + 1) if (power - first) % every == 0]
    ticks = [((power - first) / (last - first), drawing.tick_text(10.0**power)) for power in powers]
    return drawing.RampKey(f"{words} (log)", ticks)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [LayerScales]
