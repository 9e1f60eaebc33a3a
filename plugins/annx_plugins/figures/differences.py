"""How far every arm is from the reference, with tiers: the first figure of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from anncore import Drawing, Figure, FigureInput, drawing, hookimpl, joined, singular

MOST_ROWS, MOST_ON_PHONE, MOST_DATA_SETS = 14, 10, 24
ROW, TWO_LINES = 0.2, 0.28  # inches: a row whose name takes one line, or two
FAR = 5.0  # times the median row's reach: beyond it a row is marked at the axis' edge
LEFT, RIGHT, GAP, LOW = 0.3, 0.2, 0.5, 0.5
HIGHEST = 700.0  # of a logarithm: the largest whose exponential is a number


@dataclass(frozen=True)
class Differences(Figure):
    """Each arm's difference from the reference, in the unit that the metric is read in, with its interval.

    The reference is the experiment's control, else the first arm of the first tier. Differences of shares are
    points, those of losses per cent, the others are in the metric's own unit. On one data set a row is an arm
    and the mark the mean difference over seeds; over several the mark is the typical difference over data
    sets, where they have a common unit, and each small dot is one of them. With two arms a row is a data set.
    Rows stand in the order of the tiers, whose shades alternate. The zone around no difference is as wide as
    the smallest difference worth having. Filled marks are told apart from the reference.
    """

    name: ClassVar[str] = "differences"
    question: ClassVar[str] = "How far is every arm from the reference, and how sure is that?"
    order: ClassVar[int] = 5
    section: ClassVar[str] = "leaderboard"

    def draw(self, data: FigureInput) -> Drawing | str:
        report = data.report
        if len(report["arms"]) < 2 or not report["problems"]:
            return "There are not two arms to compare."
        if drawing.nothing_ran(report):
            return "No report trial has run."
        if report["tiers"]["reference"] is None:
            return "No two arms have all their trials, so there is nothing to compare."
        panels, left_out = _panels(data)
        if not panels:
            return "No difference from the reference is known."
        title = report["tiers"]["sentence"]
        if report["success"] is not None:  # which decides the tiers, where the marks are of scores
            title = f"By success rate, {title[:1].lower()}{title[1:]}"
        subtitle = _subtitle(report, panels) + left_out
        phone = data.width <= drawing.PHONE
        most = 1.25 if phone else 3.2
        texts = [_text(row.name, most) for panel in panels for row in panel.rows]
        sizes = [drawing.text_width(line, size, "bold") for text, size in texts for line in text.split("\n")]
        step = TWO_LINES if any("\n" in text for text, _ in texts) else ROW
        tiers = 0.3 if _tiered(panels, report) else 0.0
        left = LEFT + min(most, max(sizes)) + tiers
        columns, width = drawing.fit_columns(len(panels), 2, data.width - left - RIGHT, 2.4, GAP + left)
        alike = len({tuple(row.name for row in panel.rows) for panel in panels}) == 1
        if alike:  # the names stand once, at the left
            columns, width = drawing.fit_columns(len(panels), 3, data.width - left - RIGHT, 1.6, GAP)
        height = max(0.5, step * max(len(panel.rows) for panel in panels) + 0.12)
        lines = math.ceil(len(panels) / columns)
        body = lines * height + (lines - 1) * 0.7 + LOW + (0.3 if len(panels) > 1 else 0.02)
        sheet = drawing.new_sheet(data.width, body, title, subtitle, data.theme)
        gaps = (GAP if alike else GAP + left, 0.7)
        axes = drawing.panels(sheet, len(panels), columns, (width, height), left=left, bottom=LOW, gaps=gaps)
        for place, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
            _draw(ax, panel, data.theme, report)
            if place % columns == 0 or not alike:
                _names(ax, panel, most, bool(tiers))
            if len(panels) > 1:
                drawing.panel_title(ax, panel.label)
        return Drawing(sheet, self.name, title, _words(report, panels, title), subtitle)


@dataclass(frozen=True)
class _Row:
    """A row: whose it is, its estimate, the data sets' own differences, and what is lost of it."""

    name: str
    style: Any
    tier: int | None
    mark: Any = None  # a Standing
    dots: Sequence[tuple[float, bool]] = ()  # a difference, and whether it is told apart
    lost: str = ""
    reference: bool = False
    without: str = ""  # why it has no tier


@dataclass(frozen=True)
class _Panel:
    """Rows whose differences have one unit."""

    scale: str
    label: str
    goal: str
    rows: list[_Row] = field(default_factory=list)
    rope: float | None = None

    def reach(self) -> tuple[float, float]:
        """Return the range of the axis, which rows that lie far beyond the others do not stretch."""
        spans = []
        for row in self.rows:
            ends = [value for value, _ in row.dots]
            if row.mark is not None:
                ends += [row.mark.value, row.mark.low, row.mark.high]
            ends = [end for end in ends if math.isfinite(end)]
            if ends and not row.reference:
                spans.append((min(*ends, 0.0), max(*ends, 0.0)))
        reaches = [max(-low, high) for low, high in spans]
        typical = float(np.median([reach for reach in reaches if reach] or [0.0]))
        limit = max(FAR * typical, 1.5 * (self.rope or 0.0))
        kept = [span for span, reach in zip(spans, reaches, strict=True) if reach <= limit]
        low, high = (choose((end for ends in kept for end in ends), default=0.0) for choose in (min, max))
        least = 1.6 * (self.rope or 0.0) or (1e-3 if high == low else 0.0)
        low, high = min(low, -least), max(high, least)
        pad = 0.08 * (high - low)
        return low - pad, high + pad


def _panels(data: FigureInput) -> tuple[list[_Panel], str]:
    """Return the panels, one for each unit of differences, and what the subtitle says of rows left out."""
    report = data.report
    begun, waiting = drawing.begun_problems(report)
    if len(report["problems"]) == 1:
        return _by_arm(data, begun, data.width <= drawing.PHONE)
    if len(report["arms"]) == 2:
        # The first ones, whatever they say: those that are told apart would flatter.
        most = MOST_ON_PHONE if data.width <= drawing.PHONE else MOST_DATA_SETS
        shown = begun if len(begun) <= most else begun[:most]
        more = len(begun) - len(shown)
        left_out = f" {more} more {report['problem_unit']}: see the tables." if more else ""
        return _by_problem(data, shown), waiting + left_out
    panels, left_out = _by_arm(data, begun, data.width <= drawing.PHONE)
    return panels, waiting + left_out


def _shared(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return how arms stand to the reference over all data sets, where that has a unit."""
    rows = drawing.standings(report)
    return {arm: row for arm, row in rows.items() if row.scale != "range" and math.isfinite(row.value)}


def _by_arm(data: FigureInput, problems: Sequence[str], phone: bool) -> tuple[list[_Panel], str]:
    """Return panels whose rows are arms."""
    report, theme = data.report, data.theme
    reference, one = report["tiers"]["reference"], len(report["problems"]) == 1
    most = MOST_ON_PHONE if phone else MOST_ROWS
    board = report["leaderboard"]["overall"]
    shown = board if len(board) <= most else board[:most]
    if all(row["arm"] != reference for row in shown):
        shown = [*shown[:-1], next(row for row in board if row["arm"] == reference)]
    left_out = len(board) - len(shown)
    shared = drawing.standings(report, problems[0]) if one else _shared(report)
    single = {problem: drawing.standings(report, problem) for problem in problems}
    panels: dict[tuple[str, str, str], _Panel] = {}
    for problem in problems:
        measure = report["measures"][problem]
        key = (measure["scale"], measure["label"], measure["goal"])
        if key in panels:
            continue
        own = [p for p in problems if _unit(report, p) == key]
        panel = panels[key] = _Panel(*key, rope=_rope(single, own))
        for row in shown:
            arm = row["arm"]
            dots = [
                (single[p][arm].value, single[p][arm].verdict == "better") for p in own if arm in single[p]
            ]
            reason = report["tiers"]["without"].get(arm, "")
            mark = None if reason else shared.get(arm)
            panel.rows.append(
                _Row(
                    arm,
                    theme[arm],
                    row["tier"],
                    mark if mark is not None and mark.scale == key[0] else None,
                    [] if one or reason else [dot for dot in dots if math.isfinite(dot[0])],
                    drawing.row_mark(row),
                    arm == reference,
                    reason,
                )
            )
    text = f" {left_out} more arms: see the table." if left_out else ""
    return list(panels.values()), text


def _unit(report: Mapping[str, Any], problem: str) -> tuple[str, str, str]:
    measure = report["measures"][problem]
    return measure["scale"], measure["label"], measure["goal"]


def _rope(single: Mapping[str, Mapping[str, Any]], problems: Sequence[str]) -> float | None:
    """Return the least of the differences worth having on these problems; None where one states none."""
    ropes = [row.rope for problem in problems for row in single[problem].values()]
    stated = [rope for rope in ropes if rope is not None]
    return min(stated) if stated and len(stated) == len(ropes) else None


def _by_problem(data: FigureInput, problems: Sequence[str]) -> list[_Panel]:
    """Return panels whose rows are the problems of two arms, and a last row over all data sets."""
    report = data.report
    reference = report["tiers"]["reference"]
    other = next(arm for arm in report["arms"] if arm != reference)
    style, shared = data.theme[other], _shared(report).get(other)
    boards = report["leaderboard"]["problems"]
    panels: dict[tuple[str, str, str], _Panel] = {}
    for problem in problems:
        key = _unit(report, problem)
        own = [p for p in problems if _unit(report, p) == key]
        single = {p: drawing.standings(report, p) for p in own}
        panel = panels.setdefault(key, _Panel(*key, rope=_rope(single, own)))
        lost = next((mark for row in boards[problem] if (mark := drawing.row_mark(row))), "")
        panel.rows.append(_Row(problem, style, None, single[problem].get(other), (), lost))
    for panel in panels.values():
        if shared is not None and shared.scale == panel.scale and len(panels) == 1:
            panel.rows.append(_Row(f"all {report['unit']}", style, 1, shared))
    return list(panels.values())


def _subtitle(report: Mapping[str, Any], panels: Sequence[_Panel]) -> str:
    """Say how to read the figure."""
    tiers = report["tiers"]
    reference = tiers["reference"]
    role = "the control" if tiers["control"] else "the first arm of the first tier"
    if not tiers["control"] and not tiers["decided"]:
        role = "the first arm of the table"
    rows = [row for panel in panels for row in panel.rows]
    marks = [row.mark for row in rows if row.mark is not None and math.isfinite(row.mark.value)]
    dots = any(row.dots for row in rows)
    one = singular(report["problem_unit"])
    parts = [f"Against {reference}, {role}, at 0."]
    if not any(row.reference for row in rows):  # a row is a data set, and no row says whose it is
        other = next(arm for arm in report["arms"] if arm != reference)
        parts = [f"{other} against {reference}, {role}, at 0."]
    if marks:
        several = len(report["problems"]) > 1
        seeds = "mean" if report["rounds"] is None else "typical"
        what = f"typical difference over {report['unit']}" if dots else f"{seeds} difference"
        if several and not dots:
            what = "difference"
        bar = " Bar: its 95 % interval." if any(math.isfinite(mark.low) for mark in marks) else ""
        parts.append(f"Mark: {what}.{bar}")
    if dots:
        parts.append(f"Small dot: one {one}.")
    parts.append(f"Filled: told apart from {reference}.")
    if len(panels) == 1 and panels[0].rope:
        parts.append(f"Grey zone: {_worth(panels[0])}, too little to matter.")
    elif any(panel.rope for panel in panels):
        parts.append("Grey zone: too little to matter.")
    if _tiered(panels, report):
        parts.append("T1, T2: tiers.")
    if any(_beyond(panel) for panel in panels):
        parts.append("Triangle: beyond the axis.")
    if any(_cut(panel) for panel in panels):
        parts.append("A bar that reaches the axis' end goes on beyond it.")
    if report["success"] is not None:  # which decides the tiers
        labels = joined(list(dict.fromkeys(panel.label for panel in panels)))
        parts.append(f"The marks are of {labels}, the tiers of the success rate.")
    text = " ".join(parts)
    return text + drawing.mark_words([row.lost for row in rows], "k of n seeds have no score.")


def _worth(panel: _Panel) -> str:
    if panel.scale == "log":
        return f"±{drawing.tick_text(float(f'{100 * math.expm1(panel.rope or 0):.3g}'))} %"
    if panel.scale == "unit":
        return f"±{drawing.tick_text(float(f'{100 * (panel.rope or 0):.3g}'))} points"
    return f"±{drawing.tick_text(panel.rope or 0)}"


def _beyond(panel: _Panel) -> bool:
    low, high = panel.reach()
    values = [value for row in panel.rows for value, _ in row.dots]
    values += [row.mark.value for row in panel.rows if row.mark is not None]
    return any(math.isfinite(value) and not low <= value <= high for value in values)


def _cut(panel: _Panel) -> bool:
    """Say whether the interval of a mark that is drawn reaches beyond the axis."""
    low, high = panel.reach()
    marks = [row.mark for row in panel.rows if row.mark is not None and not row.reference]
    return any(
        low <= mark.value <= high and (mark.low < low or mark.high > high)
        for mark in marks
        if math.isfinite(mark.low) and math.isfinite(mark.high)
    )


def _draw(ax: Any, panel: _Panel, theme: Any, report: Mapping[str, Any]) -> None:
    low, high = panel.reach()
    ax.set_ylim(len(panel.rows) - 0.45, -0.55)
    _axis(ax, panel, low, high)
    at = _place(panel.scale)
    if panel.rope:
        ax.axvspan(
            at(-panel.rope), at(panel.rope), color=theme.token("bar"), alpha=0.45, linewidth=0, zorder=0.6
        )
    ax.axvline(at(0.0), color=theme.token("frame"), linewidth=0.9, zorder=1)
    _shade(ax, panel, theme, report)
    for y, row in enumerate(panel.rows):
        _row(ax, y, row, panel, theme, (low, high))
    lost = [(y, row.lost) for y, row in enumerate(panel.rows) if row.lost]
    for y, text in lost:
        ax.text(
            *(0.995, y, text),
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            size=7,
            weight="bold",
            color=theme.token("alarm"),
            bbox={"facecolor": theme.token("paper"), "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
            zorder=6,
        )


def _place(scale: str) -> Any:
    """Return what puts a difference on the axis: its ratio where differences are of logarithms."""
    if scale == "log":
        return lambda value: math.exp(min(max(value, -HIGHEST), HIGHEST))
    return lambda value: (100 if scale == "unit" else 1) * value


def _axis(ax: Any, panel: _Panel, low: float, high: float) -> None:
    """Give the axis its range, and its ticks and label in the reading unit."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    at = _place(panel.scale)
    room = ax.get_position().width * ax.figure.get_figwidth()
    if panel.scale == "log":
        drawing.log_axis(ax.xaxis, at(low), at(high), 4 if room < 3 else 6)
        shown = [ratio for ratio in ax.xaxis.get_majorticklocs() if at(low) <= ratio <= at(high)]
        # Even steps in per cent are easier to read, and leave no side of a narrow axis without a number.
        if high - low < math.log(3) or len(shown) < 3:
            ax.xaxis.set_major_locator(FixedLocator(_percents(low, high, 4 if room < 3 else 7)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: _ratio_text(ratio)))
        unit = "change"
    else:
        drawing.plain_axis(ax.xaxis, at(low), at(high), 4 if room < 3 else 7)
        unit = "points" if panel.scale == "unit" else "difference"
    better = "better ←" if panel.goal == "min" else "better →"
    text = f"{panel.label}: {unit}, {better}"
    ax.set_xlabel(text if drawing.text_width(text, 7) <= room + 0.3 else f"{unit}, {better}", size=7)
    ax.tick_params(axis="x", labelsize=7)
    ax.tick_params(axis="y", length=0)
    ax.set_yticks(range(len(panel.rows)), [""] * len(panel.rows))
    ax.grid(visible=False, axis="y")


def _percents(low: float, high: float, most: int) -> list[float]:
    """Return ratios at even steps in per cent."""
    ends = [100 * math.expm1(end) for end in (low, high)]
    step = 10.0 ** math.floor(math.log10(ends[1] - ends[0])) / 10
    for factor in (1, 2, 5, 10, 20, 50, 100):
        size = step * factor
        places = range(math.ceil(ends[0] / size - 1e-9), math.floor(ends[1] / size + 1e-9) + 1)
        if len(places) <= most:
            return [1 + place * size / 100 for place in places]
    return [1.0]


def _ratio_text(ratio: float) -> str:
    """Write a ratio as a change: "−50 %", "+100 %"; ten times or more as "×10", a tenth or less as "÷10"."""
    if ratio >= 10 * (1 - 1e-9):
        return f"×{drawing.tick_text(float(f'{ratio:.3g}'))}"
    if ratio <= 0.1 * (1 + 1e-9):
        return f"÷{drawing.tick_text(float(f'{1 / ratio:.3g}'))}"
    change = float(f"{100 * (ratio - 1):.3g}") if abs(ratio - 1) > 1e-9 else 0.0
    return f"{'+' if change > 0 else ''}{drawing.tick_text(change)} %" if change else "0"


def _shade(ax: Any, panel: _Panel, theme: Any, report: Mapping[str, Any]) -> None:
    """Shade every second tier, and write at the left which rows are which tier's."""
    if not _tiered([panel], report):
        return
    start = 0
    for y, row in enumerate(panel.rows):
        last = y + 1 == len(panel.rows) or panel.rows[y + 1].tier != row.tier
        if not last:
            continue
        if row.tier and row.tier % 2 == 0:
            ax.axhspan(start - 0.5, y + 0.5, color=theme.token("zebra"), linewidth=0, zorder=0.2)
        if start:
            ax.axhline(start - 0.5, color=theme.token("grid"), linewidth=0.8, zorder=0.4)
        start = y + 1


def _text(name: str, most: float) -> tuple[str, float]:
    """Return a row's name, on two smaller lines or cut where it is wide, and its type size."""
    if drawing.text_width(name, 7.5, "bold") <= most:
        return name, 7.5
    lines = drawing.name_lines(name, most / 1.15, 6.5, 2)  # which measures type that is not bold
    return ("\n".join(lines), 6.5) if lines else (drawing.shorten(name, most, 7.5, "bold"), 7.5)


def _tiered(panels: Sequence[_Panel], report: Mapping[str, Any]) -> bool:
    """Say whether rows are arms, in more than one tier."""
    return bool(report["tiers"]["decided"]) and any(row.reference for panel in panels for row in panel.rows)


def _names(ax: Any, panel: _Panel, most: float, tiers: bool) -> None:
    """Write the rows' names, after their tiers where there are some."""
    texts = [_text(row.name, most) for row in panel.rows]
    ax.set_yticks(range(len(panel.rows)), [text for text, _ in texts])
    for label, row, (_, size) in zip(ax.get_yticklabels(), panel.rows, texts, strict=True):
        label.set(color=row.style.color, weight="bold", size=size, linespacing=1.0)
    if not tiers:
        return
    width = ax.get_position().width * ax.figure.get_figwidth()
    widest = max(drawing.text_width(line, size, "bold") for text, size in texts for line in text.split("\n"))
    for y, row in enumerate(panel.rows):
        first = y == 0 or panel.rows[y - 1].tier != row.tier
        if first:
            ax.text(
                *(-(widest + 0.16) / width, y, f"T{row.tier}" if row.tier else "–"),
                transform=ax.get_yaxis_transform(),
                ha="right",
                va="center",
                size=7,
                color=ax.xaxis.label.get_color(),
            )


def _row(ax: Any, y: int, row: _Row, panel: _Panel, theme: Any, ends: tuple[float, float]) -> None:
    """Draw the dots, the interval and the mark of a row."""
    at = _place(panel.scale)
    paper, color = theme.token("paper"), row.style.color
    if row.reference:
        ax.plot([at(0.0)], [y], row.style.marker, color=color, markersize=5, zorder=4)
        return
    if row.without:
        ax.axhspan(y - 0.5, y + 0.5, color=theme.token("alarm_fill"), linewidth=0, zorder=0.3)
        room = ax.get_position().width * ax.figure.get_figwidth() - 0.6
        text = drawing.shorten(f"no tier: {row.without}", room, 6.5)
        _note(ax, y, text, theme)
        return
    apart = np.linspace(-0.2, 0.2, len(row.dots)) if len(row.dots) > 1 else [0.0]
    for sure in (True, False):
        own = [(at(v), y + off) for (v, told), off in zip(row.dots, apart, strict=False) if told is sure]
        inside = [(x, place) for x, place in own if at(ends[0]) <= x <= at(ends[1])]
        if inside:
            x, places = zip(*inside, strict=True)
            ax.scatter(
                x,
                places,
                s=9,
                facecolors=color if sure else paper,
                edgecolors=color,
                linewidths=0.7,
                zorder=2.5,
            )
    _at_edge(ax, y, row, panel, ends)
    if row.mark is None or not math.isfinite(row.mark.value):
        if row.mark is not None:
            _note(ax, y, f"{'better' if row.mark.better else 'worse'}, by divergence", theme)
        return
    if math.isfinite(row.mark.low) and math.isfinite(row.mark.high):
        low, high = max(row.mark.low, ends[0]), min(row.mark.high, ends[1])
        if low < high or row.mark.low == row.mark.high:
            ax.plot([at(low), at(high)], [y, y], color=color, linewidth=2, zorder=3, solid_capstyle="butt")
    if ends[0] <= row.mark.value <= ends[1]:
        sure = row.mark.verdict == "better"
        ax.plot(
            [at(row.mark.value)],
            [y],
            row.style.marker if row.style.highlighted else "o",
            color=color,
            markersize=6,
            markerfacecolor=color if sure else paper,
            markeredgecolor=paper if sure else color,
            markeredgewidth=0.7 if sure else 1.2,
            zorder=4,
        )


def _note(ax: Any, y: int, text: str, theme: Any) -> None:
    """Write into a row what stands in place of a mark."""
    place = ax.get_yaxis_transform()
    ax.text(0.01, y, text, transform=place, va="center", size=6.5, color=theme.token("alarm"))


def _at_edge(ax: Any, y: int, row: _Row, panel: _Panel, ends: tuple[float, float]) -> None:
    """Mark what lies beyond the axis by a triangle at its edge, with the value that lies farthest."""
    values = [value for value, _ in row.dots]
    if row.mark is not None and math.isfinite(row.mark.value):
        values.append(row.mark.value)
    at = _place(panel.scale)
    for side, own in (
        ("left", [value for value in values if value < ends[0]]),
        ("right", [value for value in values if value > ends[1]]),
    ):
        if not own:
            continue
        far = min(own) if side == "left" else max(own)
        text = _edge_text(far, panel.scale) + (f" ({len(own)})" if len(own) > 1 else "")
        edge = at(ends[0] if side == "left" else ends[1])
        ax.plot(
            [edge],
            [y],
            "<" if side == "left" else ">",
            color=row.style.color,
            markersize=4,
            clip_on=False,
            zorder=5,
        )
        ax.annotate(
            text,
            (edge, y),
            (5 if side == "left" else -5, 1),
            textcoords="offset points",
            ha=side,
            va="center",
            size=6.5,
            color=row.style.color,
            zorder=5,
        )


def _edge_text(value: float, scale: str) -> str:
    if scale == "log":
        return _ratio_text(float(f"{math.exp(min(max(value, -HIGHEST), HIGHEST)):.2g}"))
    text = drawing.tick_text(float(f"{(100 if scale == 'unit' else 1) * value:.2g}"))
    return f"+{text}" if value > 0 else text


def _words(report: Mapping[str, Any], panels: Sequence[_Panel], title: str) -> str:
    """Say every row, for those who cannot see the picture."""
    parts = []
    for panel in panels:
        for row in panel.rows[:12]:
            if row.mark is not None and not row.reference:
                ends = drawing.change_interval(row.mark)
                said = "" if ends == "–" else f" ({ends})"
                parts.append(f"{row.name}: {drawing.change(row.mark)}{said}")
    rest = f" {joined(parts, 12)}." if parts else ""
    reference = report["tiers"]["reference"]
    return f"Dot plot of differences from {reference}. {title}.{rest}"


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [Differences]
