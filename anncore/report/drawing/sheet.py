"""What every figure needs: a sheet with its heading, log ticks, labels that keep apart, saving.

Lengths are inches. A figure's heading says what was found, the line below it how to read the drawing;
both are wrapped by their measured width. Names come from users, so mathematics in text is off.
"""

from __future__ import annotations

import base64
import html
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from anncore.contract.shown import Shown
from anncore.report.drawing.our_matplotlib import our_matplotlib
from anncore.report.drawing.text import evenly, shorten, text_width, two_lines, wrap
from anncore.report.theme import TOKENS, Theme

PHONE, NARROW, WIDE = 3.6, 7.4, 9.6
MARGIN = 0.16
DPI = 150
RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.parse_math": False,
    "text.color": TOKENS["ink"][0],
    "axes.edgecolor": TOKENS["frame"][0],
    "axes.labelcolor": TOKENS["ink"][0],
    "axes.labelsize": 8,
    "axes.facecolor": TOKENS["paper"][0],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.unicode_minus": True,
    "grid.color": TOKENS["grid"][0],
    "grid.linewidth": 0.7,
    "xtick.color": TOKENS["frame"][0],
    "ytick.color": TOKENS["frame"][0],
    "xtick.labelcolor": TOKENS["ink"][0],
    "ytick.labelcolor": TOKENS["ink"][0],
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "hatch.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.facecolor": TOKENS["paper"][0],
    "savefig.facecolor": TOKENS["paper"][0],
    "svg.fonttype": "path",
    "svg.hashsalt": "annx",
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
}


@dataclass(frozen=True, repr=False)
class Drawing(Shown):
    """A finished figure: what it shows (`title`, a finding), how to read it, and the same in words."""

    figure: Any  # matplotlib.figure.Figure
    name: str
    title: str
    alt: str
    subtitle: str = ""

    def _title(self) -> str:
        return f"Drawing {self.name!r}"

    def _facts(self) -> dict[str, object]:
        return {"shows": self.title, "how to read it": self.subtitle}

    def _repr_html_(self) -> str:
        """Show the figure itself in a notebook, with its text for those who cannot see it."""
        buffer = io.BytesIO()
        self.save(buffer)
        pixels = base64.b64encode(buffer.getvalue()).decode()
        return (
            f'<img src="data:image/png;base64,{pixels}" alt="{html.escape(self.alt)}" '
            f'style="max-width: 100%; width: {self.figure.get_figwidth()}in">'
        )

    def save(self, file: Any) -> None:
        """Write the figure in the report's style; the name's ending says how (.png, .svg, .pdf).

        Into an open binary file a PNG is written.
        """
        with drawing_style():
            self.figure.savefig(file, dpi=DPI)


@cache
def _style() -> dict[str, Any]:
    """Return matplotlib's defaults with the report's settings; to validate all of them takes milliseconds."""
    matplotlib = our_matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        # rc_context does not restore the backend, and asking for it may choose one.
        return {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}


@contextmanager
def drawing_style() -> Iterator[None]:
    """Draw and save in the report's style, whatever the host's settings are."""
    matplotlib = our_matplotlib()
    with matplotlib.rc_context(), warnings.catch_warnings(), _fonts_known():
        dict.update(matplotlib.rcParams, _style())  # as rc_context does itself: these values are validated
        # A user's label may be in a script that the font lacks; the tables carry it in full.
        warnings.filterwarnings("ignore", message="(?s)Glyph .* missing from")
        yield


_FONTS: dict[int, Any] = {}
"""The fonts' files by the hash of what was asked for, in the report's style."""


@contextmanager
def _fonts_known() -> Iterator[None]:
    """Look for a font once: matplotlib reads a dozen settings for each of thousands of texts."""
    from matplotlib.font_manager import fontManager

    manager: Any = fontManager
    find = type(manager)._find_fonts_by_props
    before = vars(manager).get("_find_fonts_by_props")

    def known(prop: Any) -> Any:
        files = _FONTS.get(hash(prop))
        if files is None:
            files = _FONTS[hash(prop)] = find(manager, prop)
        return files

    manager._find_fonts_by_props = known
    try:
        yield
    finally:
        if before is None:
            del manager._find_fonts_by_props
        else:
            manager._find_fonts_by_props = before


_HEADED: ContextVar[bool] = ContextVar("headed", default=True)


@contextmanager
def without_heading() -> Iterator[None]:
    """Let `new_sheet` leave headings out: in a paper the caption says what a figure shows."""
    token = _HEADED.set(False)
    try:
        yield
    finally:
        _HEADED.reset(token)


def new_sheet(width: float, body: float, title: str, subtitle: str, theme: Theme) -> Any:
    """Return a Figure with its heading drawn above a free area of `body` inches in height."""
    from matplotlib.figure import Figure

    inner = width - 2 * MARGIN
    titles = evenly(title, inner, 11, "bold")
    subtitles = wrap(subtitle, inner, 8)
    head = 0.12 + 0.21 * len(titles) + 0.17 * len(subtitles) + 0.1
    if not _HEADED.get():
        return Figure(figsize=(width, body + 0.05))
    figure = Figure(figsize=(width, head + body))
    y = head + body - 0.12
    for lines, size, step, color, weight in (
        (titles, 11, 0.21, "ink", "bold"),
        (subtitles, 8, 0.17, "muted", "normal"),
    ):
        for line in lines:
            figure.text(
                MARGIN / width,
                y / (head + body),
                line,
                size=size,
                weight=weight,
                color=theme.token(color),
                va="top",
            )
            y -= step
    return figure


def place(figure: Any, left: float, bottom: float, width: float, height: float) -> Any:
    """Add axes at a place given in inches from the sheet's lower left corner."""
    from anncore.report.drawing.lean_axes import LeanAxes

    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h), axes_class=LeanAxes)


def panels(
    figure: Any,
    count: int,
    columns: int,
    size: tuple[float, float],
    *,
    left: float,
    bottom: float,
    gaps: tuple[float, float],
) -> list[Any]:
    """Add `count` axes of `size` (inches) row by row, the last row ending at `bottom`.

    left and bottom: the margins of the lowest left panel; gaps: between columns and between rows.
    """
    rows = math.ceil(count / columns)
    places = []
    for i in range(count):
        row, column = divmod(i, columns)
        x = left + column * (size[0] + gaps[0])
        y = bottom + (rows - 1 - row) * (size[1] + gaps[1])
        places.append(place(figure, x, y, *size))
    return places


def fit_columns(count: int, most: int, inner: float, least: float, gap: float) -> tuple[int, float]:
    """Return how many of `count` panels lie side by side within `inner` inches, and the width of one.

    At most `most`, and no more than leave each of them `least` inches, with gaps between them; at least one.
    """
    columns = max(1, min(count, most, int((inner + gap + 1e-9) // (least + gap))))
    return columns, (inner - gap * (columns - 1)) / columns


def panel_title(ax: Any, text: str) -> None:
    """Write a panel's title, on two smaller lines or cut where it would run into its neighbour's.

    It stands on the upper edge of the axes: to look for ticks and labels that it must avoid, matplotlib
    measures all texts of the panel a second time.
    """
    room = ax.get_position().width * ax.figure.get_figwidth()
    style = {"weight": "bold", "loc": "left", "y": 1.0}
    if text_width(text, 8.5, "bold") <= room:
        ax.set_title(text, size=8.5, **style)
    else:
        ax.set_title(two_lines(text, room, 7, "bold"), size=7, linespacing=1.05, **style)


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions apart to at least `gap`, inside [low, high], as little as possible.

    Neighbours that overlap are merged into a block around their mean (pool adjacent violators). Where
    the room is too small for all, they share it evenly.
    """
    if not positions:
        return []
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    gap = min(gap, (high - low) / max(1, len(positions) - 1)) if len(positions) > 1 else gap
    blocks: list[tuple[float, int]] = []  # the mean of (position - gap * place in order), how many
    for rank, index in enumerate(order):
        mean, count = min(max(positions[index], low), high) - gap * rank, 1
        while blocks and blocks[-1][0] > mean:
            other, n = blocks.pop()
            mean, count = (other * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    placed = [0.0] * len(positions)
    rank = 0
    for mean, count in blocks:
        mean = min(max(mean, low), high - gap * (len(positions) - 1))
        for _ in range(count):
            placed[order[rank]] = mean + gap * rank
            rank += 1
    return placed


LANE = 0.085  # inches that a mark on a strip has to itself


def side_strip(ax: Any, marks: int, theme: Theme) -> list[float]:
    """Make a strip right of the x axis' end and return the places of so many marks on it, side by side.

    Called once the axis has its range and ticks; what lies on the strip has no place on the axis.
    """
    (first, last), log = ax.get_xlim(), ax.get_xscale() == "log"
    if not marks:
        return []
    to, back = (math.log, math.exp) if log else (float, float)
    inches = ax.get_position().width * ax.figure.get_figwidth()
    strip = LANE * (marks + 0.6)
    inch = (to(last) - to(first)) / (inches - strip)
    ticks = [tick for tick in ax.get_xticks() if first * (1 - 1e-9) <= tick <= last * (1 + 1e-9)]
    ax.set_xticks(ticks)
    end = back(to(last) + strip * inch)
    ax.set_xlim(first, end)
    ax.axvspan(last, end, color=theme.token("zebra"), linewidth=0, zorder=0.5)
    return [back(to(last) + LANE * (place + 0.8) * inch) for place in range(marks)]


def corner_texts(ax: Any, texts: Sequence[tuple[str, str]], theme: Theme, most: int = 8) -> None:
    """Write (text, colour) below one another at the side of the axes where they cover none of the lines.

    Where every place covers some, the y axis grows upwards until there is one that does not. Called once the
    axes have their ranges. Of more than `most` texts it says how many there are.
    """
    if not texts:
        return
    height = ax.get_position().height * ax.figure.get_figheight()
    width = ax.get_position().width * ax.figure.get_figwidth()
    shown = list(texts)
    if len(shown) > most:
        shown = [*shown[: most - 1], (f"and {len(texts) - most + 1} more", theme.token("muted"))]
    shown = [(shorten(text, width - 0.1, 6.5, "bold"), color) for text, color in shown]
    step = 0.125 / height
    room = max(text_width(text, 6.5, "bold") for text, _ in shown) / width + 0.04, step * len(shown) + 0.03
    right, top, covered = _emptiest(ax, room)
    if covered and room[1] < 0.7:
        _raise_top(ax, room[1])
        right, top, _ = _emptiest(ax, room)
    for place, (text, color) in enumerate(shown):
        ax.text(
            0.98 if right else 0.02,
            top - step * place,
            text,
            transform=ax.transAxes,
            ha="right" if right else "left",
            va="top",
            size=6.5,
            weight="bold",
            color=color,
            zorder=6,
            bbox={"facecolor": theme.token("paper"), "edgecolor": "none", "pad": 0.6, "alpha": 0.75},
        )


def _raise_top(ax: Any, share: float) -> None:
    """Move the upper end of the y axis so far that this share of the axes lies above what it showed."""
    low, high = ax.get_ylim()
    if ax.get_yscale() == "log":
        ax.set_ylim(low, low * (high / low) ** (1 / (1 - share)))
    else:
        ax.set_ylim(low, low + (high - low) / (1 - share))


def _emptiest(ax: Any, room: tuple[float, float]) -> tuple[bool, float, int]:
    """Return where a box of this share of the axes covers the least of the lines: at the right?, its top, and
    how much it covers.

    Of equal places the highest, and the right one.
    """
    to_axes = ax.transData + ax.transAxes.inverted()
    pieces = [np.zeros((0, 2))]
    for line in ax.lines:
        points = np.asarray(line.get_xydata(), float)
        points = points[np.isfinite(points).all(axis=1)]
        if len(points) and line.get_transform() == ax.transData:
            points = to_axes.transform(points)
            along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
            steps = np.arange(0, along[-1] + 0.02, 0.02)
            pieces.append(np.column_stack([np.interp(steps, along, values) for values in points.T]))
    x, y = np.concatenate(pieces).T

    def covered(at: tuple[bool, float]) -> int:
        right, top = at
        beside = x > 0.98 - room[0] if right else x < 0.02 + room[0]
        return int((beside & (y < top + 0.02) & (y > top - room[1])).sum())

    tops = np.linspace(0.98, min(0.98, room[1] + 0.02), 6)
    places = [(right, float(top)) for top in tops for right in (True, False)]
    best = min(places, key=covered)
    return *best, covered(best)


def end_labels(
    ax: Any, labels: Sequence[tuple[float, str, str]], *, size: float = 7.5, room: float = 1.0
) -> None:
    """Write (y, text, colour) beside the right end of an axes, moved apart, each with a leader."""
    if not labels:
        return
    figure = ax.figure
    height = ax.get_position().height * figure.get_figheight()
    inverse = ax.transAxes.inverted()
    wanted = [
        float(inverse.transform(ax.transData.transform((ax.get_xlim()[1], y)))[1]) for y, _, _ in labels
    ]
    gap = size * 1.25 / 72 / height
    for y, at, (_, text, color) in zip(wanted, spread(wanted, gap, 0.02, 0.98), labels, strict=True):
        ax.annotate(
            shorten(text, room - 0.2, size, "bold"),
            xy=(1.0, min(max(y, 0), 1)),
            xycoords="axes fraction",
            xytext=(1.0 + 0.17 / (ax.get_position().width * figure.get_figwidth()), at),
            textcoords="axes fraction",
            size=size,
            weight="bold",
            color=color,
            va="center",
            annotation_clip=False,
            # The leader ends at the text's left edge, not at its middle.
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "linewidth": 0.8,
                "shrinkA": 1,
                "shrinkB": 1,
                "relpos": (0, 0.5),
            },
        )
