"""Every seed's score, per data set and arm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    WIDE,
    Drawing,
    Figure,
    FigureInput,
    GreyRows,
    half_lost,
    hookimpl,
    log_axis,
    lost_counts,
    new_sheet,
    padded,
    panel_title,
    panels,
    plain_axis,
    shorten,
    shown_problems,
    singular,
    text_width,
)


@dataclass(frozen=True)
class Leaderboard(Figure):
    """Scores of all seeds as dots, with their mean and its 95 % t-interval, one panel per data set.

    Arms are ordered by their mean rank over all data sets, the best on top, in every panel alike. Each
    panel has an axis of its own, logarithmic where scores are compared by ratios. A seed that diverged has
    no place on the axis; it is counted at the panel's right end. The mean of those that finished is hollow
    then, and where half or more did not finish there is none: the few would flatter the arm.
    """

    name: ClassVar[str] = "leaderboard"
    question: ClassVar[str] = "Which arm is best on each data set, and how far apart are the seeds?"
    order: ClassVar[int] = 10
    section: ClassVar[str] = "leaderboard"

    def draw(self, data: FigureInput) -> Drawing | None:
        report, theme = data.report, data.theme
        arms = [row["arm"] for row in report["leaderboard"]["overall"]]
        if not arms or not report["problems"]:
            return None
        problems, left_out = shown_problems(report, report["problems"])
        columns = min(len(problems), 4)
        rows = math.ceil(len(problems) / columns)
        left = 0.3 + min(1.5, max(text_width(arm, 7.5, "bold") for arm in arms))
        gap, low = 0.34, 0.5
        width = (WIDE - left - 0.2 - gap * (columns - 1)) / columns
        height = max(0.55, 0.19 * len(arms) + 0.12)
        body = rows * height + (rows - 1) * 0.68 + low + 0.3
        title = report["answer"]["headline"].rstrip(".")
        n = len(report["seeds"]["report"])
        of = f"one of {n} fresh seeds" if n != 1 else "the one fresh seed"
        subtitle = (
            f"Small dot: {of}. Large mark and bar: mean and 95 % t-interval of the seeds that finished. Red "
            "count: diverged or failed seeds. Arms in order of mean rank; axes differ by panel."
        )
        boards = report["leaderboard"]["problems"].values()
        if any(row["ok"] < row["n"] for board in boards for row in board):
            subtitle += (
                " Hollow: the mean of an arm that lost seeds, which ranks behind all that lost none; where "
                "half or more are lost there is no mean."
            )
        subtitle += left_out
        sheet = new_sheet(WIDE, body, title, subtitle, theme)
        axes = panels(sheet, len(problems), columns, (width, height), left=left, bottom=low, gaps=(gap, 0.68))
        for i, (ax, problem) in enumerate(zip(axes, problems, strict=True)):
            self._panel(ax, problem, arms, data)
            if i % columns == 0:
                ax.set_yticks(range(len(arms)), [shorten(arm, 1.5, 7.5, "bold") for arm in arms])
                for text, arm in zip(ax.get_yticklabels(), arms, strict=True):
                    text.set(color=theme[arm].color, weight="bold", size=7.5)
        return Drawing(sheet, self.name, title, self._words(report), subtitle)

    def _panel(self, ax: Any, problem: str, arms: list[str], data: FigureInput) -> None:
        report, theme = data.report, data.theme
        measure = report["measures"][problem]
        factor = 100 if measure["scale"] == "unit" else 1
        board = {row["arm"]: row for row in report["leaderboard"]["problems"][problem]}
        trials = data.trials
        mine = trials[
            (trials["phase"] == "report") & (trials["problem"] == problem) & (trials["status"] == "ok")
        ]
        known = measure["column"] in mine
        scores = dict(list(mine.groupby("label")[measure["column"]])) if known else {}
        everything: list[float] = []
        grey = GreyRows(theme)
        counts: list[tuple[float, int, int]] = []
        for y, arm in enumerate(arms):
            style, row = theme[arm], board[arm]
            whole = row["ok"] == row["n"]
            values = factor * scores[arm].to_numpy(float) if arm in scores else np.array([])
            values = values[np.isfinite(values)]
            # Seeds are spread by their place, not at random: the same data give the same picture.
            spread = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(len(values))
            if style.highlighted:
                ax.scatter(values, y + spread, s=5, color=style.color, alpha=0.45, linewidths=0, zorder=2)
            else:
                grey.dots(values, y + spread)
            everything.extend(values)
            if math.isfinite(row["value"]) and not half_lost(row):
                ends = [factor * row[side] for side in ("low", "high")]
                both = all(math.isfinite(end) for end in ends)
                everything.extend(ends if both else ())
                if not style.highlighted and whole:
                    grey.mark(factor * row["value"], y)
                    if both:
                        grey.bar(ends, y)
                else:
                    if both:
                        ax.plot(ends, [y, y], color=style.color, linewidth=2, zorder=3)
                    ax.plot(
                        [factor * row["value"]],
                        [y],
                        style.marker,
                        color=style.color,
                        markersize=6,
                        markerfacecolor=style.color if whole else theme.token("paper"),
                        markeredgecolor=theme.token("paper") if whole else style.color,
                        markeredgewidth=0.7 if whole else 1.2,
                        zorder=4,
                    )
            counts.append((y, row["diverged"] + row["blocked"], row["n"]))
        grey.draw(ax, 0.45)
        ax.set_ylim(len(arms) - 0.45, -0.55)
        ax.set_yticks(range(len(arms)), [""] * len(arms))
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        _range(ax, everything, measure["scale"] == "log")
        lost_counts(ax, counts, theme.token("alarm"))
        unit = " (%)" if factor == 100 else " (log)" if measure["scale"] == "log" else ""
        arrow = "←" if measure["goal"] == "min" else "→"
        ax.set_xlabel(f"{measure['label']}{unit}, better {arrow}", size=7)
        ax.tick_params(axis="x", labelsize=7)
        panel_title(ax, problem)

    def _words(self, report: Any) -> str:
        parts = [
            f"{row['arm']}: mean rank {row['mean_rank']:.1f}, best on {row['wins']} of {row['problems']}"
            for row in report["leaderboard"]["overall"][:8]
        ]
        one = singular(report["problem_unit"])
        return f"Dot plot of scores per {one}. {report['answer']['headline']} {'; '.join(parts)}."


def _range(ax: Any, values: list[float], log: bool) -> None:
    """Fit the x axis to the values; nothing finite leaves an empty axis that says so."""
    finite = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    if not finite:
        ax.set_xticks([])
        ax.text(0.02, 0.95, "no finite score", transform=ax.transAxes, size=7, va="top")
        return
    low, high = padded(min(finite), max(finite), log, 0.08)
    if log:
        log_axis(ax.xaxis, low, high, 4)
    else:
        plain_axis(ax.xaxis, low, high, 4)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [Leaderboard]
