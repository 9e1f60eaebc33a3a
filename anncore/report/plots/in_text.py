"""A plot as lines of text: curves as braille dots, or as plain characters where the encoding has no braille.

The axes and marks are ASCII in both forms: box-drawing characters and round bullets are as wide as two
letters on terminals set up for Chinese, Japanese or Korean; braille is not. What a colour says, a dash or a
mark says too.

plotext 6.1, plotille 6.0 and uniplot 0.23 were tried in place of this module. None of them draws dashes, so
that two curves look the same without colour, and none draws contours. plotext takes 0.2 s to import; uniplot
brings a library that reads keys.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from anncore.contract.kinds import Array
from anncore.report.drawing.axes import log_ticks
from anncore.report.plots.plot import Line, Panel, Plot, Points, band_of

Styled = list[tuple[str, str]]
"""One line of text: pieces, each with the name of its style ("" for none)."""

WIDEST, NARROWEST = 100, 40  # columns
CURVES, PLANES = 15, 21  # rows of a panel
LABELS = 8  # columns of the labels of the y axis
DASHES = ((1, 0), (4, 3), (1, 2), (6, 2, 1, 2))  # dots on and off along a line
STROKES = "*+o#"  # the same, where there is no braille
MARKS = "ox+*#@%&"  # of classes
SPECIAL = {"start": "S", "minimum": "M"}
BRAILLE = 0x2800
DOT = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # of a cell, by row and column


def in_text(plot: Plot, columns: int, *, braille: bool = True) -> list[Styled]:
    """Return a plot as lines of at most `columns` columns (never fewer than NARROWEST).

    Styles are "title", "muted", and "line0", "line1", ... for lines and classes.
    """
    columns = max(NARROWEST, min(columns, WIDEST))
    lines: list[Styled] = [[(text, "title")] for text in textwrap.wrap(plot.title, columns)]
    lines += [[(text, "muted")] for text in textwrap.wrap(plot.subtitle, columns)]
    for panel in plot.panels:
        lines += [[("", "")], *_legend(panel, columns, braille), *_panel(panel, columns, braille)]
    return lines


def _legend(panel: Panel, columns: int, braille: bool) -> list[Styled]:
    """Return what each line and mark means, in as many lines as it takes."""
    entries: Styled = [
        (f"{_sample(at, braille)} {line.label}", f"line{at}") for at, line in enumerate(panel.lines)
    ]
    entries += [(f"{_mark(points)} {points.label}", _mark_style(points)) for points in panel.points]
    lines: list[Styled] = []
    width = columns
    for text, style in entries:
        if not lines or width + 3 + len(text) > columns:
            lines.append([(" " * (LABELS + 1), "")])
            width = LABELS + 1 - 3
        else:
            lines[-1].append(("   ", ""))
        lines[-1].append((text, style))
        width += 3 + len(text)
    return lines


def _sample(at: int, braille: bool) -> str:
    """Return a short piece of a line."""
    if not braille:
        return STROKES[at % len(STROKES)] * 3
    on = [_is_on(at, dot) for dot in range(6)]
    return "".join(chr(BRAILLE + 0x02 * on[2 * cell] + 0x10 * on[2 * cell + 1]) for cell in range(3))


def _is_on(at: int, dot: int) -> bool:
    """Tell whether the dash of a line has this dot along its way."""
    dash = DASHES[at % len(DASHES)]
    place = dot % sum(dash)
    for i, length in enumerate(dash):
        if place < length:
            return i % 2 == 0
        place -= length
    return False


def _mark(points: Points) -> str:
    return SPECIAL.get(points.role) or MARKS[points.place % len(MARKS)]


def _mark_style(points: Points) -> str:
    return f"line{points.place}" if points.role == "class" else "title"


def _panel(panel: Panel, columns: int, braille: bool) -> list[Styled]:
    """Return the rows of a panel with its axes."""
    canvas = _Canvas(panel, columns - LABELS - 2, braille)
    if panel.heights is not None:
        canvas.draw_bands(panel.heights)
    elif panel.lines:
        canvas.draw_zero()
    for at, line in reversed(list(enumerate(panel.lines))):  # the first one lies on top
        canvas.draw_line(at, line)
    for points in panel.points:
        canvas.draw_points(points)
    labels = {canvas.row_of(value): _tick(value) for value in _ticks(panel.y_range, 6, panel.log_y)}
    lines: list[Styled] = [
        [(f"{labels.get(row, ''):>{LABELS}.{LABELS}} {'+' if row in labels else '|'}", ""), *pieces]
        for row, pieces in enumerate(canvas.rows())
    ]
    return [*lines, *_x_axis(panel, canvas)]


def _x_axis(panel: Panel, canvas: _Canvas) -> list[Styled]:
    """Return the axis below, its tick labels, and what it holds."""
    axis, labels = list("-" * canvas.columns), list(" " * (canvas.columns + LABELS // 2))
    free = 0  # the first column that is not taken by a label
    for value in _ticks(panel.x_range, 9, log=False):
        at, text = canvas.column_of(value), _tick(value)
        axis[at] = "+"
        first = max(0, at + LABELS // 2 - len(text) // 2)
        if first >= free and first + len(text) <= len(labels):
            labels[first : first + len(text)] = text
            free = first + len(text) + 1
    indent = " " * (LABELS + 2)
    below = "".join(labels).rstrip()
    named = f"{panel.x_label}, {panel.y_label} upwards" if panel.y_label else panel.x_label
    return [
        [(f"{'':{LABELS}} +{''.join(axis)}", "")],
        [(f"{indent[: LABELS + 2 - LABELS // 2]}{below}", "")],
        *(
            [(f"{indent}{text:^{canvas.columns}}".rstrip(), "muted")]
            for text in textwrap.wrap(named, canvas.columns)
        ),
    ]


class _Canvas:
    """Dots and characters of a panel: two by four dots to a cell with braille, one without."""

    def __init__(self, panel: Panel, columns: int, braille: bool) -> None:
        plane = panel.heights is not None or any(points.role == "class" for points in panel.points)
        self._panel, self.columns, self._braille = panel, columns, braille
        self._height = PLANES if plane else CURVES
        across, up = (2, 4) if braille else (1, 1)
        self._dots = np.full((self._height * up, columns * across), -1)  # the line that a dot belongs to
        self._marks: dict[tuple[int, int], tuple[str, str]] = {}
        self._faint = np.zeros(self._dots.shape, bool)

    def row_of(self, value: float) -> int:
        """Return the row of a value on the y axis."""
        return self._cell(self._up(np.array([value])), self._height)

    def column_of(self, value: float) -> int:
        """Return the column of a value on the x axis."""
        return self._cell(self._across(np.array([value])), self.columns)

    def _cell(self, share: Array, cells: int) -> int:
        return int(np.clip(np.floor(share[0] * cells), 0, cells - 1))

    def _across(self, x: Array) -> Array:
        """Return places along the x axis as shares of its length."""
        low, high = self._panel.x_range
        return (np.asarray(x, float) - low) / (high - low)

    def _up(self, y: Array) -> Array:
        """Return places along the y axis as shares of its length, from the top."""
        low, high = self._panel.y_range
        with np.errstate(all="ignore"):
            if self._panel.log_y:
                return 1 - np.log(np.asarray(y, float) / low) / math.log(high / low)
            return 1 - (np.asarray(y, float) - low) / (high - low)

    def draw_bands(self, heights: object) -> None:
        """Draw the borders of the bands of heights as faint dots."""
        rows, columns = self._dots.shape
        (left, right), (bottom, top) = self._panel.x_range, self._panel.y_range
        x = left + (np.arange(columns) + 0.5) / columns * (right - left)
        y = top - (np.arange(rows) + 0.5) / rows * (top - bottom)
        bands = band_of(heights(*np.meshgrid(x, y)))  # type: ignore[operator]
        border = np.zeros(bands.shape, bool)
        border[1:] |= np.diff(bands, axis=0) != 0
        border[:, 1:] |= np.diff(bands, axis=1) != 0
        # Every other dot, so that the paths stand out.
        rows_at, columns_at = np.indices(bands.shape)
        self._faint |= border & ((rows_at + columns_at) % 2 == 0 if self._braille else border)

    def draw_zero(self) -> None:
        """Draw where x and where y is 0 as faint dots."""
        rows, columns = self._dots.shape
        (left, right), (bottom, top) = self._panel.x_range, self._panel.y_range
        step = 3 if self._braille else 1
        if bottom < 0 < top and not self._panel.log_y:
            self._faint[min(rows - 1, int(self._up(np.zeros(1))[0] * rows)), ::step] = True
        if left < 0 < right:
            self._faint[::step, min(columns - 1, int(self._across(np.zeros(1))[0] * columns))] = True

    def draw_line(self, at: int, line: Line) -> None:
        """Draw a line with its dash; what lies outside the axes is left out."""
        rows, columns = self._dots.shape
        x, y = self._across(line.x) * columns, self._up(line.y) * rows
        x = np.where(x == columns, columns - 0.5, x)  # the very edge belongs to the last dot
        y = np.where(y == rows, rows - 0.5, y)
        sound = np.isfinite(x) & np.isfinite(y) & (np.abs(x) < 50 * columns) & (np.abs(y) < 50 * rows)
        travelled, last = 0, (-1, -1)
        for i in range(len(x)):
            if not sound[i]:
                continue
            joined = i > 0 and sound[i - 1]
            reach = max(abs(x[i] - x[i - 1]), abs(y[i] - y[i - 1])) if joined else 0.0
            steps = max(1, math.ceil(2 * reach))
            for k in range(1, steps + 1):
                share = k / steps if joined else 1.0
                before = i - 1 if joined else i
                column = math.floor(x[before] + share * (x[i] - x[before]))
                row = math.floor(y[before] + share * (y[i] - y[before]))
                if (row, column) == last:
                    continue
                last, travelled = (row, column), travelled + 1
                inside = 0 <= row < rows and 0 <= column < columns
                if inside and (not self._braille or _is_on(at, travelled - 1)):
                    self._dots[row, column] = at

    def draw_points(self, points: Points) -> None:
        """Draw each point as one character."""
        for across, up in zip(self._across(points.x), self._up(points.y), strict=True):
            if 0 <= across <= 1 and 0 <= up <= 1:
                cell = (
                    self._cell(np.array([up]), self._height),
                    self._cell(np.array([across]), self.columns),
                )
                self._marks[cell] = (_mark(points), _mark_style(points))

    def rows(self) -> Iterator[Styled]:
        """Yield the rows from the top, each as pieces of one style."""
        for row in range(self._height):
            cells = [
                self._marks.get((row, column)) or self._drawn(row, column) for column in range(self.columns)
            ]
            pieces = [
                ("".join(text for text, _ in group), style)
                for style, group in groupby(cells, key=lambda cell: cell[1])
            ]
            if pieces and not pieces[-1][0].strip(" " + chr(BRAILLE)):
                pieces.pop()
            yield pieces

    def _drawn(self, row: int, column: int) -> tuple[str, str]:
        """Return the character of a cell and its style: that of the line which is on top."""
        if not self._braille:
            at = int(self._dots[row, column])
            faint = bool(self._faint[row, column])
            return (STROKES[at % len(STROKES)], f"line{at}") if at >= 0 else ("." if faint else " ", "muted")
        cell = (slice(4 * row, 4 * row + 4), slice(2 * column, 2 * column + 2))
        dots, faint_dots = self._dots[cell], self._faint[cell]
        lit = dots >= 0
        if not lit.any() and not faint_dots.any():
            return " ", ""
        style = f"line{int(dots[lit].min())}" if lit.any() else "muted"
        # A line keeps its own dots alone, as the faint ones would blur it.
        return chr(BRAILLE + int(DOT[lit if lit.any() else faint_dots].sum())), style


def _ticks(ends: tuple[float, float], most: int, log: bool) -> Sequence[float]:
    """Return at most `most` round values within a range."""
    low, high = ends
    if log:
        return log_ticks(low, high, most)
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(step * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (step * factor) <= most - 1)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def _tick(value: float) -> str:
    return f"{value:.4g}" if value else "0"
