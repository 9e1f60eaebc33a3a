"""Axes: ticks, ranges, and marks at the edge for scores that lie far off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.report.drawing.text import evenly, text_width

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


def far_off(groups: Sequence[Sequence[float]], log: bool, margin: float = 0.08) -> bool:
    """Say whether some value lies beyond the padded `robust_range`, where `edge_values` writes it."""
    low, high = robust_range(groups, log)
    if math.isnan(low):
        return False
    low, high = padded(low, high, log, margin)
    every = np.concatenate([np.asarray(values, dtype=float) for values in groups])
    every = every[np.isfinite(every)]
    return bool(((every < low) | (every > high)).any())


def _usable(values: Sequence[float], log: bool) -> Any:
    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x) & ((x > 0) | (not log))]
    return np.log10(x) if log else x


def _near(values: Any) -> Any:
    low, high = np.quantile(values, (0.25, 0.75))
    reach = 3 * (high - low) + 1e-9 * max(abs(low), abs(high))
    return (values >= low - reach) & (values <= high + reach)


def y_labels(axes: Sequence[Any], columns: int, texts: Sequence[str]) -> None:
    """Name the y axes of panels: in the first column only if all texts are equal, else beside every panel.

    A name that is longer than its axis gets small type, and two lines where that is not enough.
    """
    alike = len(set(texts)) == 1
    for i, (ax, text) in enumerate(zip(axes, texts, strict=True)):
        if i % columns == 0 or not alike:
            room = 1.1 * ax.get_position().height * ax.figure.get_figheight()  # a panel has space above it
            size = ax.yaxis.label.get_size() if alike else 7
            if text_width(text, size) > room:
                size = 7
            ax.set_ylabel("\n".join(evenly(text, room, size)[:3]), size=size)


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
            (gap, 2),  # above the row, as its bar may reach the edge
            textcoords="offset points",
            ha=side,
            va="bottom",
            size=6,
            color=colour,
            zorder=5,
        )
