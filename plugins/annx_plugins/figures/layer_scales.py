"""Do gradients vanish or explode on their way through the layers?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    Drawing,
    Figure,
    FigureInput,
    LayerGrid,
    counted,
    drawing,
    hookimpl,
    layer_grids,
    metric_words,
)

ARMS, MOST_PAIRS = 8, 4  # at most: lines in a panel, and pairs of panels
LABELS, GAP = 0.66, 0.42  # inches right of a panel for its numbers, and between panels
DECADES = 12  # from 1, that an axis has at most
APART = 10  # a ratio of layers that is worth a word


@dataclass(frozen=True)
class LayerScales(Figure):
    """Sizes that were watched layer by layer, on their way from the last layer back to the first.

        ratio(layer) = size in the layer / size in the last layer          the median over seeds of their own

    It draws every watched metric that is never negative and has no upper bound, as a norm of gradients: a
    panel for the first evaluation and one for the last, a line per arm. A line that falls vanishes on its
    way back, one that rises explodes; at the first layer its ratio is written. Where there are more data sets
    or arms than it can show, it takes those whose ratio is farthest from 1.

    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    2010, compare layers like this.
    """

    name: ClassVar[str] = "layer_scales"
    question: ClassVar[str] = "Does anything vanish or explode on its way through the layers?"
    order: ClassVar[int] = 62
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        report = data.report
        watched = [w for w in report.get("watched", ()) if w["low"] == 0 and not math.isfinite(w["high"])]
        sizes = [size for w in watched if (size := _Size(w, _grids(data, w["metric"]))).deep]
        if not sizes:
            return "No report trial has run with a watched metric that is a size."

        def far(which: int) -> Any:
            return lambda name: max(size.farthest(name, which) for size in sizes)

        every = [arm for arm in report["arms"] if any(key[1] == arm for s in sizes for key in s.grids)]
        where = [p for p in report["problems"] if any(key[0] == p for s in sizes for key in s.grids)]
        arms = drawing.weightiest(every, far(1), ARMS)
        problems = drawing.weightiest(where, far(0), max(1, MOST_PAIRS // len(sizes)))
        places = report["problem_unit"] if len(where) > 1 else ""
        title = "; ".join(size.finding(places) for size in sizes)
        subtitle = self._subtitle(sizes, report, (problems, where), (arms, every))
        pairs = [(size, problem) for size in sizes for problem in problems]
        sheet = self._sheet(data, pairs, arms, (title, subtitle))
        return Drawing(sheet, self.name, title, self._words(title, pairs, arms), subtitle)

    def _sheet(
        self,
        data: FigureInput,
        pairs: Sequence[tuple[_Size, str]],
        arms: Sequence[str],
        heading: tuple[str, str],
    ) -> Any:
        """Draw a panel of the first evaluation and one of the last for each size and problem."""
        theme = data.theme if all(arm in data.theme.styles for arm in arms) else drawing.Theme.of(arms)
        left, low, height, between = 0.62, 0.5, 1.55, 0.55
        columns, width = drawing.fit_columns(2 * len(pairs), 4, data.width - left - 0.1, 1.2 + LABELS, GAP)
        columns -= columns % 2 if columns > 1 else 0  # start and end of one data set stay together
        width = min(2.6, (data.width - left - 0.1 - GAP * (columns - 1)) / columns - LABELS)
        rows = math.ceil(2 * len(pairs) / columns)
        legend = drawing.Legend(arms, data.width - 0.4)
        body = rows * height + (rows - 1) * between + low + 0.36 + legend.height
        sheet = drawing.new_sheet(data.width, body, *heading, theme)
        legend.draw(sheet, 0.2, body - legend.height, theme)
        axes = drawing.panels(
            sheet,
            2 * len(pairs),
            columns,
            (width, height),
            left=left,
            bottom=low,
            gaps=(LABELS + GAP, between),
        )
        for i, ax in enumerate(axes):
            size, problem = pairs[i // 2]
            lines = {arm: size.lines[problem, arm][i % 2] for arm in arms if (problem, arm) in size.lines}
            self._panel(ax, size, lines, theme)
            step = size.step(problem, -(i % 2))
            drawing.panel_title(ax, f"{problem}, step {step:g}" if math.isfinite(step) else problem)
            if i % columns == 0:
                ax.set_ylabel(f"{size.words} ÷ last layer's", size=7)
            if i + columns >= len(axes):
                ax.set_xlabel("layer, from the last back")
            lost = [
                (f"{arm} {drawing.row_mark(row)}", theme[arm].color)
                for row in data.report["leaderboard"]["problems"][problem]
                for arm in [row["arm"]]
                if arm in arms and row["ok"] < row["n"]
            ]
            drawing.corner_texts(ax, lost, theme)
        return sheet

    def _panel(self, ax: Any, size: _Size, lines: Mapping[str, Array], theme: drawing.Theme) -> None:
        low, high = size.span
        drawing.log_axis(ax.yaxis, low, high, 5)
        depth = max(map(len, size.names.values()), default=2)
        names = size.layer_names(depth)
        shown = range(0, depth, math.ceil(depth / 8))
        ax.set_xticks(list(shown), [drawing.shorten(names[i], 0.3, 7) for i in shown], size=7)
        ax.set_xlim(-0.15, depth - 0.85)
        ax.axhline(1, color=theme.token("frame"), linewidth=0.8, zorder=1)
        labels = []
        for arm, ratios in lines.items():
            known = np.flatnonzero(np.isfinite(ratios))
            if not len(known):
                continue
            style, inside = theme[arm], np.clip(ratios[known], low, high)
            ax.plot(
                known,
                inside,
                color=style.color,
                marker=style.marker,
                markersize=4,
                markeredgecolor=theme.token("paper"),
                markeredgewidth=0.4,
                linewidth=1.5,
                label=arm,
                clip_on=False,
                zorder=3,
            )
            labels.append((float(inside[-1]), _ratio_text(float(ratios[known[-1]])), style.color))
        drawing.end_labels(ax, labels, size=7, room=LABELS)

    def _subtitle(
        self,
        sizes: Sequence[_Size],
        report: Any,
        problems: tuple[Sequence[str], Sequence[str]],
        arms: tuple[Sequence[str], Sequence[str]],
    ) -> str:
        said = ". ".join(f"{size.words[:1].upper() + size.words[1:]}: {size.definition}" for size in sizes)
        seeds = counted(len(report["seeds"]["report"]), "seeds")
        said += f". Line: each layer's over the last layer's, median over {seeds}, at the first evaluation "
        said += "and at the last; number: the first layer's."
        parts = [
            f"{len(shown)} of {counted(len(whole), what)}"
            for (shown, whole), what in ((problems, report["problem_unit"]), (arms, "arms"))
            if len(shown) < len(whole)
        ]
        if parts:
            said += f" Shown: {' and '.join(parts)}, chosen by how far first and last layer differ."
        boards = report["leaderboard"]["problems"]
        marks = [drawing.row_mark(row) for problem in problems[0] for row in boards[problem]]
        said += drawing.mark_words(marks, "k of n seeds did not finish and are left out.")
        return said + (" Where half or more did not finish nothing is drawn." if any(marks) else "")

    def _words(self, title: str, pairs: Sequence[tuple[_Size, str]], arms: Sequence[str]) -> str:
        parts = []
        for size, problem in pairs:
            for arm in arms:
                first, last = map(_ratio_text, size.ratios.get((problem, arm), (math.nan, math.nan)))
                if first and last:
                    parts.append(f"{problem}, {arm}: {first} → {last}")
        values = f" First layer over last, start → end: {'; '.join(parts[:16])}." if parts else ""
        return f"Lines of sizes over the layers, a line per arm. {title}.{values}"


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
        self.words = metric_words(watched["metric"])
        self.definition = watched["definition"].rstrip(".")
        self.ratios = {key: [_ratio(grid, at) for at in (0, -1)] for key, grid in grids.items()}
        self.names = {key: tuple(grid.layers) for key, grid in grids.items()}
        self.lines = {key: [_from_last(grid, at) for at in (0, -1)] for key, grid in grids.items()}

    @property
    def deep(self) -> bool:
        """Whether any arm has layers to compare."""
        return any(len(names) > 1 for names in self.names.values())

    def step(self, problem: str, at: int) -> float:
        """Return the step of a problem's first (0) or last (-1) evaluation; NaN without any."""
        steps = [grid.steps[at] for key, grid in self.grids.items() if key[0] == problem and len(grid.steps)]
        return float(max(steps) if at else min(steps)) if steps else math.nan

    def layer_names(self, depth: int) -> list[str]:
        """Return the layers' names from the last to the first; how far from the last where arms differ."""
        every = {names[::-1] for names in self.names.values()}
        if len(every) == 1:
            return [name or "all" for name in every.pop()]
        return ["last", *(f"−{i}" for i in range(1, depth))]

    @property
    def span(self) -> tuple[float, float]:
        """The ends of the axis that all panels of the size share: at least a factor of ten around 1."""
        values = np.concatenate([[0.3, 3.0], *(line for both in self.lines.values() for line in both)])
        values = values[np.isfinite(values) & (values > 0)]
        low, high = drawing.padded(float(values.min()), float(values.max()), True)
        return max(low, 10.0**-(DECADES)), min(high, 10.0**DECADES)

    def farthest(self, name: str, which: int) -> float:
        """Decades between first and last layer on a data set (which = 0) or of an arm (1); -1 without any."""
        own = [ratio for key, both in self.ratios.items() if key[which] == name for ratio in both]
        return max((_decades(ratio) for ratio in own if math.isfinite(ratio)), default=-1.0)

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


def _from_last(grid: LayerGrid, at: int) -> Array:
    """Return every layer's value over the last layer's, from the last to the first: medians over seeds."""
    ratios = np.full(len(grid.layers), np.nan)
    if not len(grid.values) or not len(grid.steps):
        return ratios
    values = grid.values[:, ::-1, at]
    with np.errstate(all="ignore"):
        own = values / values[:, :1]
    for layer, column in enumerate(own.T):
        known = column[np.isfinite(column)]
        if len(known):
            ratios[layer] = np.median(known)
    return ratios


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


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [LayerScales]
