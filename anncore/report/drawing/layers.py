"""Panels of layers by steps, in the colours of the ramp: one line of panels per measure and data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.report.drawing.axes import log_ticks
from anncore.report.drawing.failures import lost_mark
from anncore.report.drawing.sheet import WIDE, fit_columns, new_sheet, place
from anncore.report.drawing.text import shorten, text_width
from anncore.report.theme import Theme

LINE, SIDE_BY_SIDE = 6, 4  # panels in a line: at most, and of short rows together
LEFT, GAP, LOW = 0.56, 0.16, 0.9
CELLS = 60  # along the steps of a panel, at most


@dataclass(frozen=True)
class LayerPanel:
    """One arm's layers over the steps.

    shares (layers, steps): the place on the ramp in [0, 1], NaN where there is no value. texts: what is
    written at the last step, by layer. ok of n seeds finished, `diverged` did not stay finite, `waiting` have
    not run.
    """

    arm: str
    layers: Sequence[str]
    steps: Array
    shares: Array
    texts: Sequence[str]
    ok: int
    n: int
    diverged: int = 0
    note: str = ""
    waiting: int = 0

    @property
    def mark(self) -> str:
        """How many seeds are lost: "×k/n", "?k/n" where these have not run, "" where none is."""
        return lost_mark(self.n - self.ok, self.n, self.waiting)


@dataclass(frozen=True)
class RampKey:
    """A legend: what is measured, and texts at places on the ramp in [0, 1]."""

    label: str
    ticks: Sequence[tuple[float, str]]


def layer_sheet(
    heading: tuple[str, str],
    rows: Sequence[tuple[str, Sequence[LayerPanel]]],
    keys: Sequence[RampKey],
    theme: Theme,
    wide: float = WIDE,
) -> Any:
    """Return a sheet with a heading, a row of panels under each row's own heading, and the legends below.

    heading: title and subtitle. Short rows stand side by side; one that is too long for the sheet goes on in
    further lines of equal length. Steps lie on a log scale, with a place for step 0 left of it.
    """
    columns, width = _columns([len(panels) for _, panels in rows], wide)
    lines = _packed(rows, columns)
    noted = any(panel.note for _, panels in rows for panel in panels)
    heads = [
        (0.26 if any(text for text, _ in line) else 0.0) + 0.2 + (0.14 if noted else 0.0) for line in lines
    ]
    heights = [
        min(1.7, max(0.5, 0.16 * max(len(panel.layers) for _, panels in line for panel in panels)))
        for line in lines
    ]
    body = sum(heads) + sum(heights) + 0.14 * (len(lines) - 1) + LOW
    sheet = new_sheet(wide, body, *heading, theme)
    top = body
    for i, line in enumerate(lines):
        below = sum(len(panels) for _, panels in lines[i + 1]) if i + 1 < len(lines) else 0
        column = 0
        for text, panels in line:
            left = LEFT + column * (width + GAP)
            if text:
                room = len(panels) * (width + GAP) - 0.1 + (LEFT - 0.16 if column == 0 else 0.0)
                _row_heading(sheet, left if column else 0.16, top - 0.06, text, room, theme)
            for panel in panels:
                place_at = (LEFT + column * (width + GAP), top - heads[i] - heights[i], width, heights[i])
                ax = place(sheet, *place_at)
                draw_layers(ax, panel, theme)
                _panel_heading(ax, panel, width, theme, noted)
                if column:
                    ax.set_yticks([])
                else:
                    ax.set_ylabel("layer")
                # The panels of the last line, and those above that have none below them.
                if column >= below:
                    ax.set_xlabel("step (log)", labelpad=2)
                else:
                    ax.tick_params(labelbottom=False)
                column += 1
        top -= heads[i] + heights[i] + 0.14
    room = (wide - LEFT - 0.3) / len(keys)
    for i, key in enumerate(keys):
        length = 1.3 if wide < 6 else min(2.6, room - 0.5)
        ramp_key(sheet, LEFT + i * room, 0.3, min(length, room - 0.5), key, theme)
    return sheet


def _columns(counts: Sequence[int], wide: float) -> tuple[int, float]:
    """Return how many panels stand in a line, and their width."""
    inner = wide - LEFT - 0.16
    most, _ = fit_columns(LINE, LINE, inner, 1.2, GAP)
    longest = max(counts)
    columns = math.ceil(longest / math.ceil(longest / most))
    columns = max(columns, min(most, SIDE_BY_SIDE, sum(counts)))
    return columns, min(2.2, (inner - GAP * (columns - 1)) / columns)


def _packed(
    rows: Sequence[tuple[str, Sequence[LayerPanel]]], columns: int
) -> list[list[tuple[str, Sequence[LayerPanel]]]]:
    """Break long rows, and put short ones side by side into one line as long as there is room."""
    lines: list[list[tuple[str, Sequence[LayerPanel]]]] = []
    for heading, panels in rows:
        used = sum(len(own) for _, own in lines[-1]) if lines else columns
        if used + len(panels) <= columns:
            lines[-1].append((heading, panels))
            continue
        for start in range(0, len(panels), columns):
            lines.append([("" if start else heading, panels[start : start + columns])])
    return lines


def _row_heading(sheet: Any, left: float, top: float, text: str, room: float, theme: Theme) -> None:
    width, height = sheet.get_size_inches()
    size = 8.5 if text_width(text, 8.5) <= room else 7.5
    muted = theme.token("muted")
    sheet.text(left / width, top / height, shorten(text, room, size), size=size, color=muted, va="top")


def _panel_heading(ax: Any, panel: LayerPanel, width: float, theme: Theme, noted: bool) -> None:
    """Write the arm, how many of its seeds are lost, and the panel's note."""
    lost = f" {panel.mark}" if panel.mark else ""
    name = shorten(panel.arm, width - text_width(lost, 8.5, "bold"), 8.5, "bold") + lost
    pad, color = 14 if noted else 4, theme[panel.arm].color
    ax.set_title(name, size=8.5, weight="bold", loc="left", y=1.0, color=color, pad=pad)
    note = shorten(panel.note, width, 7)
    ax.annotate(note, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", size=7)


def draw_layers(ax: Any, panel: LayerPanel, theme: Theme) -> None:
    """Draw a panel: the first layer on top, one bar for each run of steps of one colour."""
    count = len(panel.layers)
    kept = _apart(step_places(panel.steps)[0])
    places, edges = step_places(np.asarray(panel.steps)[kept])
    ax.set(xlim=(edges[0], edges[-1]), ylim=(count + 0.5, 0.5))
    ax.grid(visible=False)
    _ticks(ax, panel, places)
    height = ax.get_position().height * ax.figure.get_figheight() / count
    if not np.isfinite(panel.shares).any():
        _nothing(ax, panel, theme)
        return
    ax.set_facecolor(theme.token("zebra"))
    for y, row in enumerate(panel.shares[:, kept], start=1):
        levels = [theme.level(share) if math.isfinite(share) else -1 for share in row.tolist()]
        start = 0
        bars, colors = [], []
        for level, run in groupby(levels):
            stop = start + len(list(run))
            if level >= 0:
                bars.append((edges[start], edges[stop] - edges[start]))
                colors.append(theme.ramp[level])
            start = stop
        # An edge of its own colour closes the hairline that rounding leaves between neighbours.
        ax.broken_barh(bars, (y - 0.5, 1), facecolors=colors, edgecolors=colors, linewidth=0.7)
        if levels[-1] >= 0 and height > 0.1:
            ax.text(
                0.985,
                y,
                panel.texts[y - 1],
                transform=ax.get_yaxis_transform(),
                ha="right",
                va="center_baseline",
                size=6.5,
                color=theme.text_on(levels[-1]),
                bbox={"facecolor": theme.ramp[levels[-1]], "edgecolor": "none", "pad": 0.8},
            )


def _ticks(ax: Any, panel: LayerPanel, places: Array) -> None:
    count = len(panel.layers)
    every = max(1, math.ceil(count / 10))
    shown = range(0, count, every)
    names = [shorten(panel.layers[i] or "all", 0.3, 7) for i in shown]
    ax.set_yticks([i + 1 for i in shown], names, size=7)
    steps = panel.steps.tolist()
    after = [step for step in steps if step > 0]
    ticks = {0.0: "0"} if steps[0] == 0 else {}
    if after:
        marks = log_ticks(after[0], after[-1], 4) if len(after) > 1 else after
        ticks |= {mark: f"{mark:.6g}" for mark in marks}
    at = [places[0] if tick == 0 else math.log10(tick) for tick in ticks]
    ax.set_xticks(at, list(ticks.values()), size=7)
    ax.tick_params(length=2, pad=2)


def _apart(places: Array) -> list[int]:
    """Return the evaluations to draw: first, last, and those far enough from the one before to be seen.

    A log scale crowds the late ones into slivers, which make a file large and a picture no better.
    """
    gap = (places[-1] - places[0]) / CELLS
    kept = [0]
    for i in range(1, len(places) - 1):
        if gap <= places[i] - places[kept[-1]] and gap <= places[-1] - places[i]:
            kept.append(i)
    return kept if len(places) == 1 else [*kept, len(places) - 1]


def _nothing(ax: Any, panel: LayerPanel, theme: Theme) -> None:
    """Say why a panel is empty: its seeds did not finish, or nothing is defined there."""
    from matplotlib.patches import Rectangle

    lost = panel.n > 0 and 2 * panel.ok <= panel.n
    fill, ink = (theme.token(f"alarm{end}") if lost else theme.token("zebra") for end in ("_fill", ""))
    if lost:
        box = Rectangle((0, 0), 1, 1, transform=ax.transAxes, facecolor=fill, edgecolor=ink, linewidth=0)
        box.set_hatch("////")
        ax.add_patch(box)
        gone = panel.n - panel.ok
        how = "not run" if panel.waiting == gone else "diverged" if panel.diverged == gone else "failed"
        text = f"{how}\n{gone}/{panel.n}"
    else:
        ax.set_facecolor(fill)
        text, ink = "not defined", theme.token("muted")
    ax.text(
        0.5,
        0.5,
        text,
        transform=ax.transAxes,
        ha="center",
        va="center",
        size=7,
        color=ink,
        bbox={"facecolor": fill, "edgecolor": "none", "pad": 1},
    )


def step_places(steps: Array) -> tuple[Array, Array]:
    """Return where evaluations lie on a log scale, and the edges of their cells, halfway between them.

    Step 0, which has no logarithm, lies before the first step by as much as the second lies after it, and
    at least by a third of a decade.
    """
    steps = np.asarray(steps, float)
    zero = int(len(steps) > 0 and steps[0] == 0)
    after = np.log10(steps[zero:])
    if zero and len(after):
        gap = max(1 / 3, float(after[1] - after[0])) if len(after) > 1 else 1 / 3
        after = np.concatenate([[after[0] - gap], after])
    places = after if len(after) else np.zeros(len(steps))
    if len(places) == 1:
        return places, np.array([places[0] - 0.5, places[0] + 0.5])
    middle = (places[1:] + places[:-1]) / 2
    return places, np.concatenate(
        [[places[0] - (middle[0] - places[0])], middle, [places[-1] + (places[-1] - middle[-1])]]
    )


def ramp_key(sheet: Any, left: float, bottom: float, width: float, key: RampKey, theme: Theme) -> None:
    """Draw a legend of the ramp, its texts below and its label right of it."""
    ax = place(sheet, left, bottom, width, 0.11)
    steps = len(theme.ramp)
    for i, color in enumerate(theme.ramp):
        ax.axvspan(i, i + 1, color=color, linewidth=0.4)
    ax.set(xlim=(0, steps), ylim=(0, 1), yticks=[])
    ax.set_xticks([steps * at for at, _ in key.ticks], [text for _, text in key.ticks], size=7)
    for text, (at, _) in zip(ax.get_xticklabels(), key.ticks, strict=True):
        text.set_horizontalalignment("left" if at == 0 else "right" if at == 1 else "center")
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    if key.label:
        ax.text(1.02, 0.5, key.label, transform=ax.transAxes, size=7, va="center")


def layer_words(title: str, rows: Sequence[tuple[str, Sequence[LayerPanel]]]) -> str:
    """Return the alt text: the title, and what the panels end with, layer by layer."""
    parts = [
        f"{heading}, {panel.arm}: {', '.join(panel.texts)}"
        for heading, panels in rows
        for panel in panels
        if np.isfinite(panel.shares).any()
    ]
    values = f" At the last step, layer by layer: {'; '.join(parts[:16])}." if parts else ""
    return f"Maps of layers by steps, a panel per arm. {title}.{values}"


def weightiest(names: Sequence[str], weight: Callable[[str], float], most: int) -> list[str]:
    """Return the `most` names of the greatest weight, in their own order; the first ones where equal."""
    ranked = sorted(range(len(names)), key=lambda i: (-weight(names[i]), i))[:most]
    return [names[i] for i in sorted(ranked)]
