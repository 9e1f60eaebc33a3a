"""Every seed's score, per data set and arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Drawing, Figure, FigureInput, drawing, hookimpl, scores, singular


@dataclass(frozen=True)
class Leaderboard(Figure):
    """Scores of all seeds as dots, with their mean and its 95 % t-interval, one panel per data set.

    A seed far beyond the others is marked by a triangle at the edge of the axis, with its value.

    Arms stand in the order of the tiers, the first on top, in every panel alike. Each
    panel has an axis of its own, logarithmic where scores are compared by ratios. A seed that diverged has
    no place on the axis; it is counted at the panel's right end. The mean of those that finished is hollow
    then, and where half or more did not finish there is none: the few would flatter the arm.
    A data set on which nothing has run has no panel.
    """

    name: ClassVar[str] = "leaderboard"
    question: ClassVar[str] = "Which arm is best on each data set, and how far apart are the seeds?"
    order: ClassVar[int] = 10
    section: ClassVar[str] = "leaderboard"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        arms = [row["arm"] for row in report["leaderboard"]["overall"]]
        if not arms or not report["problems"]:
            return "There is no arm to show."
        if drawing.nothing_ran(report):
            return "No report trial has run."
        begun, waiting = drawing.begun_problems(report)
        problems, left_out = drawing.shown_problems(report, begun, data.width)
        names = 1.5 if data.width > drawing.PHONE else 1.0
        left = 0.3 + min(names, max(drawing.text_width(arm, 7.5, "bold") for arm in arms))
        gap, low = 0.34, 0.5
        columns, width = drawing.fit_columns(len(problems), 4, data.width - left - 0.2, 1.3, gap)
        rows = math.ceil(len(problems) / columns)
        height = max(0.55, 0.19 * len(arms) + 0.12)
        body = rows * height + (rows - 1) * 0.68 + low + 0.3
        title = report["tiers"]["sentence"] or report["answer"]["headline"].rstrip(".")
        n = len(report["seeds"]["report"])
        banded = drawing.in_bands(len(problems) * len(arms), n)
        subtitle = (
            f"{drawing.seeds_said('Small dot', n, 'fresh', banded)}. Large mark and bar: mean and 95 % "
            "t-interval of the seeds that finished. Arms "
            f"in the order of the tiers{'; axes differ by panel' if len(begun) > 1 else ''}."
        )
        boards = [report["leaderboard"]["problems"][problem] for problem in begun]
        if any(row["diverged"] + row["blocked"] > row["not_run"] for board in boards for row in board):
            subtitle += " Red count: diverged or failed seeds."
        if any(row["not_run"] for board in boards for row in board):
            subtitle += " ?k/n: k seeds have not run."
        if any(row["ok"] < row["n"] for board in boards for row in board):
            subtitle += (
                " Hollow: the mean of an arm that lost seeds, which ranks behind all that lost none; where "
                "half or more are lost there is no mean."
            )
        if any(row["centre"] == "median" for board in boards for row in board):
            subtitle += " Where a single seed decides the mean, the mark is the median."
        if any(measure["floor"] for measure in report["measures"].values()):
            subtitle += " Left of the dotted line: at the function's floor, where fewer steps win."
        frame = scores(data)
        finite = frame[np.isfinite(frame["score"])]
        values = {
            pair: column.to_numpy(float) for pair, column in finite.groupby(["problem", "arm"])["score"]
        }
        if any(_far_off(report, problem, arms, values) for problem in problems):
            subtitle += " Triangle: a seed beyond the axis, and its value."
        subtitle += waiting + left_out
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        axes = drawing.panels(
            sheet, len(problems), columns, (width, height), left=left, bottom=low, gaps=(gap, 0.68)
        )
        for i, (ax, problem) in enumerate(zip(axes, problems, strict=True)):
            self._panel(ax, problem, arms, data, values, banded)
            if i % columns == 0:
                ax.set_yticks(range(len(arms)), [drawing.shorten(arm, names, 7.5, "bold") for arm in arms])
                for text, arm in zip(ax.get_yticklabels(), arms, strict=True):
                    text.set(color=theme[arm].color, weight="bold", size=7.5)
        return Drawing(sheet, self.name, title, self._words(report), subtitle)

    def _panel(
        self,
        ax: Any,
        problem: str,
        arms: list[str],
        data: FigureInput,
        values: Mapping[Any, Any],
        banded: bool,
    ) -> None:
        report, theme = data.report, data.theme
        measure = report["measures"][problem]
        factor = 100 if measure["scale"] == "unit" else 1
        board = {row["arm"]: row for row in report["leaderboard"]["problems"][problem]}
        rows = _Rows(ax, theme, factor, drawing.GreyRows(theme), banded)
        seeds = [factor * values.get((problem, arm), np.array([])) for arm in arms]
        ends: list[float] = []
        for y, (arm, own) in enumerate(zip(arms, seeds, strict=True)):
            rows.dots(y, theme[arm], own)
            ends += rows.mark(y, theme[arm], board[arm])
            if board[arm]["note"]:
                rows.note(y, board[arm]["note"].partition(":")[0])
        rows.grey.draw(ax, 0.45)
        ax.set_ylim(len(arms) - 0.45, -0.55)
        ax.set_yticks(range(len(arms)), [""] * len(arms))
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        if measure["floor"]:
            ax.axvline(measure["floor"], color=theme.token("frame"), linewidth=0.9, linestyle=":", zorder=1)
        _range(ax, [*seeds, *([end] for end in ends)], measure["scale"] == "log")
        for y, (arm, own) in enumerate(zip(arms, seeds, strict=True)):
            drawing.edge_values(ax, own, y, theme[arm].color)
        lost = [
            (y, board[arm]["diverged"] + board[arm]["blocked"], board[arm]["n"])
            for y, arm in enumerate(arms)
            if not board[arm]["note"]
        ]
        waiting = [y for y, count, _ in lost if count == board[arms[y]]["not_run"]]
        drawing.lost_counts(ax, lost, theme.token("alarm"), waiting)
        unit = " (%)" if factor == 100 else " (log)" if measure["scale"] == "log" else ""
        arrow = "←" if measure["goal"] == "min" else "→"
        ax.set_xlabel(f"{measure['label']}{unit}, better {arrow}", size=7)
        ax.tick_params(axis="x", labelsize=7)
        drawing.panel_title(ax, problem)

    def _words(self, report: Any) -> str:
        parts = [
            f"{row['arm']}: mean rank {row['mean_rank']:.1f}, best on {row['wins']} of {row['problems']}"
            for row in report["leaderboard"]["overall"][:8]
        ]
        one = singular(report["problem_unit"])
        return f"Dot plot of scores per {one}. {report['answer']['headline']} {'; '.join(parts)}."


@dataclass(frozen=True)
class _Rows:
    """A panel whose rows are arms; those that are not highlighted are collected and drawn at once."""

    ax: Any
    theme: Any
    factor: int
    grey: drawing.GreyRows
    banded: bool

    def dots(self, y: int, style: Any, values: Any) -> None:
        """Draw an arm's seeds."""
        seeds = drawing.seed_row(values, y, self.banded)
        if style.highlighted:
            drawing.draw_seeds(self.ax, seeds, y, style.color, 0.45)
        else:
            self.grey.seeds(seeds, y)

    def mark(self, y: int, style: Any, row: Mapping[str, Any]) -> list[float]:
        """Draw an arm's mean or median with its interval; return what must fit on the axis."""
        if not math.isfinite(row["value"]) or drawing.half_lost(row):
            return []
        whole, value = row["ok"] == row["n"], self.factor * row["value"]
        ends = [self.factor * end for end in _interval(row)]
        if not style.highlighted and whole:
            self.grey.mark(value, y)
            if ends:
                self.grey.bar(ends, y)
            return ends
        if ends:
            self.ax.plot(ends, [y, y], color=style.color, linewidth=2, zorder=3)
        self.ax.plot(
            [value],
            [y],
            style.marker,
            color=style.color,
            markersize=6,
            markerfacecolor=style.color if whole else self.theme.token("paper"),
            markeredgecolor=self.theme.token("paper") if whole else style.color,
            markeredgewidth=0.7 if whole else 1.2,
            zorder=4,
        )
        return ends

    def note(self, y: int, text: str) -> None:
        """Write why an arm has no score."""
        place = self.ax.get_yaxis_transform()
        self.ax.text(0.02, y, text, transform=place, va="center", size=6.5, color=self.theme.token("alarm"))


def _interval(row: Mapping[str, Any]) -> list[float]:
    """Return the ends of the interval that is drawn of an arm; none where one of them is unknown."""
    if not math.isfinite(row["value"]) or drawing.half_lost(row):
        return []
    ends = [float(row[side]) for side in ("low", "high")]
    return ends if all(math.isfinite(end) for end in ends) else []


def _far_off(report: Any, problem: str, arms: list[str], values: Mapping[Any, Any]) -> bool:
    """Say whether a seed lies beyond the axis, which holds all intervals."""
    board = report["leaderboard"]["problems"][problem]
    groups = [values.get((problem, arm), np.array([])) for arm in arms]
    groups += [[end] for row in board if row["arm"] in arms for end in _interval(row)]
    return bool(drawing.far_off(groups, report["measures"][problem]["scale"] == "log"))


def _range(ax: Any, groups: Sequence[Any], log: bool) -> None:
    """Fit the x axis to the values; nothing finite leaves an empty axis that says so."""
    low, high = drawing.robust_range(groups, log)
    if math.isnan(low):
        ax.set_xticks([])
        ax.text(0.02, 0.95, "no finite score", transform=ax.transAxes, size=7, va="top")
        return
    low, high = drawing.padded(low, high, log, 0.08)
    if log:
        drawing.log_axis(ax.xaxis, low, high, 4)
    else:
        drawing.plain_axis(ax.xaxis, low, high, 4)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [Leaderboard]
