"""A plot as a drawing in the report's style, for PNG and SVG."""

from __future__ import annotations

from typing import Any

import numpy as np

from anncore.report import drawing
from anncore.report.drawing.sheet import Drawing
from anncore.report.plots.plot import BANDS, Panel, Plot, Points, band_of
from anncore.report.theme import MARKERS, Theme

WIDTH, HEIGHT = 5.6, 2.9  # inches: of the sheet, and of a panel
LEFT, RIGHT, LOW, TOP, GAP = 0.62, 0.2, 0.5, 0.34, 0.75
PIXELS = 240  # along a side of a plane with heights
SHADE = (0x5B / 255, 0x87 / 255, 0xAE / 255)  # half-transparent it suits white and black paper alike


def in_figure(plot: Plot) -> Drawing:
    """Return the plot on a sheet, its panels one below the other."""
    from anncore.report.drawing import drawing_style

    with drawing_style():
        theme = Theme.of([line.label for panel in plot.panels for line in panel.lines])
        body = len(plot.panels) * (HEIGHT + TOP) + (len(plot.panels) - 1) * GAP + LOW
        sheet = drawing.new_sheet(WIDTH, body, plot.title, plot.subtitle, theme)
        for at, panel in enumerate(plot.panels):
            bottom = LOW + (len(plot.panels) - 1 - at) * (HEIGHT + TOP + GAP)
            ax = drawing.place(sheet, LEFT, bottom, WIDTH - LEFT - RIGHT, HEIGHT)
            _draw(ax, panel, theme)
    words = f"{plot.title}. {plot.subtitle}"
    return Drawing(sheet, plot.name, plot.title, words, plot.subtitle)


def _draw(ax: Any, panel: Panel, theme: Theme) -> None:
    """Draw one panel with its legend above."""
    drawing.plain_axis(ax.xaxis, *panel.x_range, 9)
    axis = drawing.log_axis if panel.log_y else drawing.plain_axis
    axis(ax.yaxis, *panel.y_range)
    ax.set_xlabel(panel.x_label)
    ax.set_ylabel(panel.y_label)
    if panel.heights is not None:
        ax.grid(visible=False)
        ax.imshow(_bands(panel), extent=(*panel.x_range, *panel.y_range), origin="lower", aspect="auto")
        ax.set(xlim=panel.x_range, ylim=panel.y_range)
    else:
        for value, (low, high), line in ((0, panel.x_range, ax.axvline), (0, panel.y_range, ax.axhline)):
            if low < value < high:
                line(value, color=theme.token("frame"), linewidth=0.7, zorder=1)
    for line in reversed(panel.lines):
        style = theme[line.label]
        if panel.heights is not None:  # a rim of paper, so that the path stands out from the bands
            ax.plot(line.x, line.y, color=theme.token("paper"), linewidth=2.8, alpha=0.7)
        ax.plot(line.x, line.y, color=style.color, linestyle=style.dash, linewidth=1.6, label=line.label)
    for points in panel.points:
        ax.plot(points.x, points.y, linestyle="none", label=points.label, **_mark(points, theme))
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(
        range(len(labels)),
        key=lambda i: (
            [line.label for line in panel.lines].index(labels[i])
            if labels[i] in theme.styles
            else len(labels)
        ),
    )
    if len(labels) > 1:
        ax.legend(
            [handles[i] for i in order],
            [labels[i] for i in order],
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=min(len(labels), 5),
            frameon=False,
            fontsize=7.5,
            borderaxespad=0.2,
            handlelength=2.6,
            columnspacing=1.4,
        )


def _mark(points: Points, theme: Theme) -> dict[str, Any]:
    """Return how points are drawn."""
    ink, paper = theme.token("ink"), theme.token("paper")
    if points.role == "start":
        return {
            "marker": "o",
            "color": paper,
            "markeredgecolor": ink,
            "markersize": 6,
            "mew": 1.2,
            "zorder": 5,
        }
    if points.role == "minimum":
        return {
            "marker": "P",
            "color": ink,
            "markeredgecolor": paper,
            "markersize": 7,
            "mew": 0.9,
            "zorder": 5,
        }
    return {
        "marker": MARKERS[points.place % len(MARKERS)],
        "color": theme.class_color(points.place),
        "markeredgecolor": paper,
        "markersize": 4,
        "mew": 0.35,
    }


def _bands(panel: Panel) -> Any:
    """Return the heights as bands of one colour, the higher the deeper, with a line of paper between two."""
    assert panel.heights is not None
    (left, right), (bottom, top) = panel.x_range, panel.y_range
    share = (np.arange(PIXELS) + 0.5) / PIXELS
    x, y = np.meshgrid(left + share * (right - left), bottom + share * (top - bottom))
    bands = band_of(panel.heights(x, y))
    alpha = 0.06 + 0.5 * bands / BANDS
    alpha[1:][np.diff(bands, axis=0) != 0] *= 0.35
    alpha[:, 1:][np.diff(bands, axis=1) != 0] *= 0.35
    picture = np.empty((PIXELS, PIXELS, 4))
    picture[..., :3], picture[..., 3] = SHADE, np.round(alpha * 40) / 40
    return np.round(picture * 255).astype(np.uint8)
