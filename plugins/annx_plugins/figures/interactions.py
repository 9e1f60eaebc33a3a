"""Does the effect of one factor depend on the other?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Drawing, Figure, FigureInput, agreeing, counted, drawing, hookimpl, joined

MOST_PANELS = 4


@dataclass(frozen=True)
class Interactions(Figure):
    """A line per level of one factor over the levels of the other; parallel lines are no interaction.

    A point is how much better than the average combination a pair is, averaged over all other factors: the
    average over data sets, or over seeds on one, with its own 95 % interval. Ratios where scores are compared
    on a logarithmic scale, points for shares. Blocks' own levels are taken out, so that intervals are those
    of paired scores.
    """

    name: ClassVar[str] = "interactions"
    question: ClassVar[str] = "Does the effect of one factor depend on the other?"
    order: ClassVar[int] = 16
    section: ClassVar[str] = "factorial"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        drawn = drawing.factors_together(report)
        if isinstance(drawn, str):
            return drawn
        left_out = f" {MOST_PANELS} of {len(drawn)} panels are shown." if len(drawn) > MOST_PANELS else ""
        drawn = drawn[:MOST_PANELS]
        title = _title(drawn)
        analysis, pair = drawn[0]
        better = "lower is better" if analysis["scale"] == "log" else "higher is better"
        blocks = counted(analysis["n"], analysis["unit"])
        subtitle = (
            f"Point: a pair against the average pair, {better}. Bar: its 95 % interval over {blocks}. "
            f"Parallel lines: the effect of {pair['second']} is the same at each level of "
            f"{pair['first']}.{left_out}{drawing.left_out_levels([one for one, _ in drawn])}"
        )
        left, low, gap = 0.72, 0.55, 0.9
        names = {level for _, one in drawn for level in _levels(one, 1)}
        right = 0.2 + min(1.5, max(drawing.text_width(name, 7.5, "bold") for name in names) + 0.12)
        room = data.width - left - right
        columns, width = drawing.fit_columns(len(drawn), 2, room, 2.2, gap + right)
        width = min(width, 4.6)
        rows = math.ceil(len(drawn) / columns)
        height, between = 2.1, 0.85
        body = rows * height + (rows - 1) * between + low + 0.3
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        axes = drawing.panels(
            sheet, len(drawn), columns, (width, height), left=left, bottom=low, gaps=(gap + right, between)
        )
        for ax, (one, both) in zip(axes, drawn, strict=True):
            _panel(ax, one, both, report)
        return Drawing(sheet, self.name, title, _words(title, drawn), subtitle)


def _title(drawn: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    _, pair = drawn[0]
    if len(drawn) == 1:
        return str(pair["sentence"]).removesuffix(".")
    changes = sum(both["verdict"] == "depends" for _, both in drawn)
    if len({(both["first"], both["second"]) for _, both in drawn}) == 1:
        return (
            f"The effect of {pair['second']} depends on {pair['first']} in {changes} of {len(drawn)} panels"
        )
    return f"{changes} of {len(drawn)} interactions {agreeing(changes, 'are')} shown to be there"


def _levels(pair: Mapping[str, Any], which: int) -> list[str]:
    return list(dict.fromkeys(cell["levels"][which] for cell in pair["cells"]))


def _value(gain: float | None, scale: str) -> float:
    """Return a gain as it is drawn: a ratio to the average, points, or the number itself."""
    if gain is None:
        return math.nan
    if scale == "log":
        return math.exp(min(max(-gain, -700.0), 700.0))
    return 100 * gain if scale in ("unit", "range") else gain


def _panel(ax: Any, analysis: Mapping[str, Any], pair: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    scale, firsts, seconds = analysis["scale"], _levels(pair, 0), _levels(pair, 1)
    theme = drawing.Theme.of(seconds)
    cells = {tuple(cell["levels"]): cell for cell in pair["cells"]}
    ends: list[tuple[float, str, str]] = []
    seen = [1.0 if scale == "log" else 0.0]
    for place, second in enumerate(seconds):
        style = theme[second]
        offset = 0.05 * (place - (len(seconds) - 1) / 2) if len(seconds) <= 8 else 0.0
        x = [i + offset for i in range(len(firsts))]
        own = [cells[first, second] for first in firsts]
        y = [_value(cell["gain"], scale) for cell in own]
        ax.plot(
            x,
            y,
            marker=style.marker,
            linestyle=style.dash,
            color=style.color,
            markersize=4.5,
            linewidth=1.4,
            zorder=3,
        )
        for at, cell in zip(x, own, strict=True):
            between = [_value(cell[name], scale) for name in ("low", "high")]
            if all(map(math.isfinite, between)):
                ax.plot([at, at], between, color=style.color, linewidth=1.1, zorder=2)
                seen += between
        seen += [value for value in y if math.isfinite(value)]
        if math.isfinite(y[-1]):
            ends.append((y[-1], drawing.shorten(second, 1.4, 7.5, "bold"), style.color))
    ax.axhline(seen[0], color=drawing.Theme().token("frame"), linewidth=0.8, zorder=1)
    low, high = drawing.padded(min(seen), max(seen), scale == "log")
    (drawing.log_axis if scale == "log" else drawing.plain_axis)(ax.yaxis, low, high, 5)
    ax.set_xlim(-0.3, len(firsts) - 0.85)  # the names stand near the ends of their lines
    width = ax.get_position().width * ax.figure.get_figwidth() / len(firsts)
    many = len(firsts) > 12
    shown = [
        "" if many and i % 2 else drawing.two_lines(name, width - 0.06, 7) for i, name in enumerate(firsts)
    ]
    ax.set_xticks(range(len(firsts)), shown, size=7)
    ax.tick_params(axis="y", labelsize=7)
    ax.grid(visible=False, axis="x")
    ax.set_xlabel(pair["first"], size=7.5)
    drawing.y_labels([ax], 1, [_label(analysis, report)])
    drawing.end_labels(ax, ends)
    drawing.panel_title(ax, analysis["where"] or f"all {analysis['unit']}")


def _label(analysis: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    measures = report["measures"]
    problems = [analysis["where"]] if analysis["where"] else list(measures)
    labels = {measures[problem]["label"] for problem in problems}
    label = labels.pop() if len(labels) == 1 else "score"
    units = {"log": f"{label} ÷ that of the average pair (log)", "unit": f"{label}, points above average"}
    return units.get(analysis["scale"], f"{label}, better than average by")


def _words(title: str, drawn: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    """Say who leads where, for those who cannot see the picture."""
    parts = [
        f"With {row['level']}: {row['best']} leads"
        + (f", not told apart from {joined(row['unbeaten'][1:], 3)}." if len(row["unbeaten"]) > 1 else ".")
        for _, pair in drawn
        for row in pair["rows"]
    ]
    return f"Interaction plot. {title}. {' '.join(parts[:24])}"


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [Interactions]
