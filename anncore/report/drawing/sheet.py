"""What every figure needs: a sheet with its heading, log ticks, labels that keep apart, saving.

Lengths are inches. A figure's heading says what was found, the line below it how to read the drawing;
both are wrapped by their measured width. Names come from users, so mathematics in text is off.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from anncore.report.theme import TOKENS, Theme

NARROW, WIDE = 7.4, 9.6
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


@dataclass(frozen=True)
class Drawing:
    """A finished figure: what it shows (`title`, a finding), how to read it, and the same in words."""

    figure: Any  # matplotlib.figure.Figure
    name: str
    title: str
    alt: str
    subtitle: str = ""


@contextmanager
def drawing_style() -> Iterator[None]:
    """Draw and save in the report's style, whatever the host's settings are."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)  # type: ignore[arg-type]
        # A user's label may be in a script that the font lacks; the tables carry it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@cache
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of one line of text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if not text:
        return 0.0
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def wrap(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Break text into lines no wider than `width` inches, at spaces where it can.

    A number keeps its %, and what closes a bracket the word before it.
    """
    text = re.sub(r"(?<=\d) (?=%)| (?=\d+\))", "\N{NO-BREAK SPACE}", text)
    lines = [""]
    for word in re.split(r"[ \t\n]+", text.strip()):
        joined = f"{lines[-1]} {word}".strip()
        if text_width(joined, size, weight) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        while text_width(word, size, weight) > width and len(word) > 1:
            cut = _longest(len(word) - 1, partial(_head_fits, word, width, size, weight))
            lines[-1], word = word[:cut], word[cut:]
            lines.append("")
        lines[-1] = word
    return lines


def evenly(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Wrap text, and where its last line would not fill a third, at the least width with room."""
    lines = wrap(text, width, size, weight)
    if len(lines) < 2 or text_width(lines[-1], size, weight) >= width / 3:
        return lines
    low, high = min(width, max(text_width(word, size, weight) for word in text.split())), width
    for _ in range(12):
        middle = (low + high) / 2
        tried = wrap(text, middle, size, weight)
        low, high = (low, middle) if len(tried) == len(lines) else (middle, high)
    return wrap(text, high, size, weight)


def _head_fits(word: str, width: float, size: float, weight: str, kept: int) -> bool:
    return text_width(word[:kept], size, weight) <= width


def shorten(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Return `text`, cut in the middle with an ellipsis where it is wider than `width` inches."""
    if text_width(text, size, weight) <= width:
        return text

    def cut(kept: int) -> str:
        head = math.ceil(kept * 0.6)
        return f"{text[:head]}…{text[len(text) - (kept - head) :]}"

    kept = _longest(len(text) - 1, lambda n: text_width(cut(n), size, weight) <= width)
    return cut(kept) if kept > 1 else "…"


def two_lines(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Return text on one line, or on two where it is wider than `width` inches; the second may be cut."""
    first, *rest = wrap(text, width, size, weight)
    return "\n".join([first, shorten(" ".join(rest), width, size, weight)] if rest else [first])


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the greatest n from 1 to `most` that fits, by halving; 1 where none does."""
    low = 1
    while low < most:
        middle = (low + most + 1) // 2
        low, most = (middle, most) if fits(middle) else (low, middle - 1)
    return low


def new_sheet(width: float, body: float, title: str, subtitle: str, theme: Theme) -> Any:
    """Return a Figure with its heading drawn above a free area of `body` inches in height."""
    from matplotlib.figure import Figure

    inner = width - 2 * MARGIN
    titles = evenly(title, inner, 11, "bold")
    subtitles = wrap(subtitle, inner, 8)
    head = 0.12 + 0.21 * len(titles) + 0.17 * len(subtitles) + 0.1
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
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h))


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


def panel_title(ax: Any, text: str) -> None:
    """Write a panel's title, on two smaller lines or cut where it would run into its neighbour's."""
    room = ax.get_position().width * ax.figure.get_figwidth()
    if text_width(text, 8.5, "bold") <= room:
        ax.set_title(text, size=8.5, weight="bold", loc="left")
    else:
        ax.set_title(two_lines(text, room, 7, "bold"), size=7, weight="bold", loc="left", linespacing=1.05)


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def tick_text(value: float) -> str:
    """Write a tick: plain from 0.001 to 9999, else as a power of ten."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.6g}".replace("-", "−")
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    lead = value / 10.0**exponent
    power = f"10{str(exponent).translate(SUPERSCRIPTS)}"
    return power if abs(lead - 1) < 1e-6 else f"{lead:.3g}·{power}".replace("-", "−")


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most `most` ticks within [low, high]: 1-2-5, else 1-3, else powers of ten, thinned."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    edge = 1e-9
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [m * 10.0**e for e in range(first, last + 1) for m in steps]
        inside = [t for t in ticks if low * (1 - edge) <= t <= high * (1 + edge)]
        if 2 <= len(inside) <= most:
            return inside
        if len(inside) < 2:
            break
    else:
        return inside[:: math.ceil(len(inside) / most)]
    # Less than a factor of a few: even steps on a plain scale are easier to read.
    step = 10.0 ** math.floor(math.log10(max(high - low, low * 1e-6)))
    for factor in (0.5, 1, 2, 5, 10):
        inside = [
            n * step * factor
            for n in range(math.ceil(low / step / factor), math.floor(high / step / factor) + 1)
        ]
        if 2 <= len(inside) <= most:
            return inside
    return [low, high] if high > low else [low]


def log_axis(axis: Any, low: float, high: float, most: int = 5) -> None:
    """Give a log axis (ax.xaxis or ax.yaxis) its range and 1-2-5 ticks."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes = axis.axes
    if axis is axes.xaxis:
        axes.set_xscale("log")
        axes.set_xlim(low, high)
    else:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
    axis.set_major_locator(FixedLocator(log_ticks(low, high, most)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
    axis.set_minor_locator(NullLocator())


def plain_axis(axis: Any, low: float, high: float, most: int = 5) -> None:
    """Give a plain axis (ax.xaxis or ax.yaxis) its range and ticks that say their whole value each.

    matplotlib writes what large or close ticks have in common once at the axis' end, where it is overlooked
    and runs into other text.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes = axis.axes
    (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(low, high)
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    least = 1e-9 * (high - low)
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value if abs(value) > least else 0.0)))


def padded(low: float, high: float, log: bool, share: float = 0.06) -> tuple[float, float]:
    """Return a range widened by a share of its length at both ends; never an empty one."""
    if log:
        if high / low < 1 + 1e-9:
            return low / 1.5, high * 1.5
        factor = (high / low) ** share
        return low / factor, high * factor
    width = high - low
    if width <= 1e-12 * max(abs(low), abs(high), 1e-12):
        width = abs(high) or 1.0
    return low - share * width, high + share * width


def robust_range(groups: Sequence[Sequence[float]], log: bool) -> tuple[float, float]:
    """Return the range of values that an axis shows so that a few far-off ones do not flatten the rest.

    groups: values by arm. A value is far off where it lies beyond three interquartile ranges from its own
    arm's quartiles (Tukey's outer fences), on the axis' scale. All values are shown where that makes the
    axis at most twice as long; else the range ends with those that are not far off, and `edge_values` marks
    the others. NaN where no value is finite (and positive on a log axis).
    """
    usable = [_usable(values, log) for values in groups]
    usable = [values for values in usable if len(values)]
    if not usable:
        return math.nan, math.nan
    inside = np.concatenate([values[_near(values)] for values in usable])
    every = np.concatenate(usable)
    low, high = float(inside.min()), float(inside.max())
    length = (high - low) or 1e-9 * max(abs(low), abs(high), 1.0)
    # Each end by itself, so that a far-off value below does not cut one that is near above.
    low = float(every.min()) if low - every.min() <= length else low
    high = float(every.max()) if every.max() - high <= length else high
    return (10.0**low, 10.0**high) if log else (low, high)


def _usable(values: Sequence[float], log: bool) -> Any:
    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x) & ((x > 0) | (not log))]
    return np.log10(x) if log else x


def _near(values: Any) -> Any:
    low, high = np.quantile(values, (0.25, 0.75))
    reach = 3 * (high - low) + 1e-9 * max(abs(low), abs(high))
    return (values >= low - reach) & (values <= high + reach)


def edge_values(ax: Any, values: Sequence[float], y: float, colour: str) -> None:
    """Mark the values of the row at `y` that lie beyond the x axis by a triangle at its edge and the value.

    Of several beyond one edge the farthest is written, with how many there are: "3.6e6 ×2".
    """
    low, high = ax.get_xlim()
    finite = [value for value in values if math.isfinite(value)]
    beyond = {
        "left": sorted(value for value in finite if value < low),
        "right": sorted((value for value in finite if value > high), reverse=True),
    }
    for side, far in beyond.items():
        if not far:
            continue
        at, marker, gap = (low, "<", 5) if side == "left" else (high, ">", -5)
        ax.plot([at], [y], marker, color=colour, markersize=4, clip_on=False, zorder=5)
        ax.annotate(
            tick_text(float(f"{far[0]:.2g}")) + (f" ×{len(far)}" if len(far) > 1 else ""),
            (at, y),
            (gap, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            size=6,
            color=colour,
            zorder=5,
        )


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


def half_lost(row: Mapping[str, Any]) -> bool:
    """Say of a leaderboard's row whether half of its seeds or more did not finish.

    Then there is no median, and the mean of the few that are left says nothing about the arm.
    """
    return bool(2 * row["ok"] <= row["n"])


def lost_words(row: Mapping[str, Any]) -> str:
    """Say how many seeds of a leaderboard's row did not finish: "diverged 5/10", "failed 5/10" where not all
    of them diverged; "no choice" where tuning left nothing to choose from."""
    if row["note"]:
        return "no choice"
    lost = row["n"] - row["ok"]
    return f"{'diverged' if lost == row['diverged'] else 'failed'} {lost}/{row['n']}"


def lost_count(ax: Any, y: float, lost: int, total: int, colour: str) -> None:
    """Write "×lost/total" at the right end of the row at `y`; nothing where none was lost."""
    if lost:
        ax.text(
            1.0,
            y,
            f"×{lost}/{total}",
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            size=7,
            weight="bold",
            color=colour,
            zorder=5,
        )


def lost_counts(ax: Any, rows: Sequence[tuple[float, int, int]], colour: str) -> None:
    """Write `lost_count` for each (y, lost, total), and move the right end of the x axis to make room for it.

    Called once the axis has its range: what was drawn up to its end then lies left of the counts.
    """
    texts = [f"×{lost}/{total}" for _, lost, total in rows if lost]
    if not texts:
        return
    width = ax.get_position().width * ax.figure.get_figwidth()
    share = min(0.5, (max(text_width(text, 7, "bold") for text in texts) + 0.04) / width)
    low, high = ax.get_xlim()
    ax.set_xticks([tick for tick in ax.get_xticks() if low <= tick <= high])  # none below the counts
    if ax.get_xscale() == "log":
        ax.set_xlim(low, low * (high / low) ** (1 / (1 - share)))
    else:
        ax.set_xlim(low, low + (high - low) / (1 - share))
    for y, lost, total in rows:
        lost_count(ax, y, lost, total, colour)


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


def to_svg(figure: Any) -> str:
    """Return a figure as SVG without date, its numbers cut to a hundredth of a point.

    What is not visible is left out as well: indentation, comments, metadata and the names of groups make a
    seventh of the file, and a report holds every figure twice.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r' d="[^"]*"', lambda path: _shorter(path[0]), buffer.getvalue())
    text = re.sub(r"<metadata>.*?</metadata>|<!-- .*? -->", "", text, flags=re.DOTALL)
    text = re.sub(r'(translate\([^)]*\)| [xy]="[^"]*")', lambda place: _cut(place[0]), text)
    text = re.sub(r'<g id="[^"]*_\d+">', "<g>", text)
    return re.sub(r"[ \t]*\n\s*", "\n", text)


def _shorter(path: str) -> str:
    return re.sub(r"\s*\n\s*", " ", _cut(path)).replace(' "', '"')


def _cut(numbers: str) -> str:
    return re.sub(r"(\d\.\d\d)\d+", r"\1", numbers)


def to_png(figure: Any) -> bytes:
    """Return a figure as PNG, without the writing program's name."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
