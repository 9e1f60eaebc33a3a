"""Arm by data set: where it matters which one is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    counted,
    drawing,
    hookimpl,
    number,
    singular,
)


@dataclass(frozen=True)
class HeatMap(Figure):
    """Mean score and rank of every arm on every data set, coloured by the gap to the column's best.

    Each column has its own colour scale, from its best arm to its worst finite one, so that an easy data
    set shows its order as clearly as a hard one; where all gaps are below one per cent (a tenth of a point)
    the column stays pale. A cell is failed where half of its seeds or more did not finish; the value of one
    that lost fewer, the mean of the others, stands in brackets and sets no end of the scale.
    """

    name: ClassVar[str] = "heat_map"
    question: ClassVar[str] = "On which data sets does the choice matter?"
    order: ClassVar[int] = 15
    section: ClassVar[str] = "leaderboard"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        arms = [row["arm"] for row in report["leaderboard"]["overall"]]
        problems = report["problems"]
        if len(arms) < 2 or not problems:
            return "There are not two arms to compare."
        if drawing.nothing_ran(report):
            return "No report trial has run."
        columns = [_Column(report, problem, arms) for problem in problems]
        left = 0.35 + min(1.6, max(drawing.text_width(arm, 8) for arm in arms))
        right = 1.25
        cell = min(1.0, (drawing.WIDE - left - right) / len(problems))
        width, height = cell * len(problems), 0.36 * len(arms)
        texts = [c.text(arm) for c in columns for arm in arms if not c.failed(arm)]
        # Numbers that run into each other tell nothing, and there are a thousand of them.
        narrow = (
            max((drawing.text_width(text, 6.5) for text in dict.fromkeys(texts)), default=0) > cell - 0.02
        )
        title, subtitle = self._title(columns, report), self._subtitle(report, narrow)
        steep = any(drawing.text_width(p, 7.5) > cell - 0.06 for p in problems)
        head = 0.2 + (min(1.1, max(drawing.text_width(p, 7.5) for p in problems)) * 0.75 if steep else 0.12)
        sheet = drawing.new_sheet(left + width + right, height + head + 0.62, title, subtitle, theme)
        ax = drawing.place(sheet, left, 0.6, width, height)
        self._cells(ax, columns, arms, theme, narrow)
        names = [drawing.shorten(arm, 1.6, 8) for arm in arms]
        ax.set_yticks([i + 0.5 for i in range(len(arms))], names, size=8, rotation=0)
        ax.set_xticks(
            [i + 0.5 for i in range(len(problems))],
            [drawing.two_lines(p, 1.1, 7.5) if steep else p for p in problems],
            size=7.5,
            rotation=40 if steep else 0,
            ha="left" if steep else "center",
            rotation_mode="anchor",
        )
        ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        ranks = drawing.place(sheet, left + width + 0.12, 0.6, right - 0.6, height)
        self._ranks(ranks, report["leaderboard"]["overall"], theme)
        drawing.ramp_key(
            sheet, left, 0.3, 1.8, drawing.RampKey("", [(0, "best of the column"), (1, "worst")]), theme
        )
        return Drawing(
            sheet, self.name, title, self._words(title, columns, arms, report["problem_unit"]), subtitle
        )

    def _cells(self, ax: Any, columns: list[_Column], arms: list[str], theme: Any, narrow: bool) -> None:
        import numpy as np
        import seaborn as sns
        from matplotlib.colors import ListedColormap

        levels = np.array([[theme.level(c.share(arm)) for c in columns] for arm in arms])
        failed = np.array([[c.failed(arm) for c in columns] for arm in arms])
        sns.heatmap(
            levels,
            mask=failed,
            ax=ax,
            cmap=ListedColormap(list(theme.ramp)),
            vmin=-0.5,
            vmax=len(theme.ramp) - 0.5,
            cbar=False,
            linewidths=1.5,
            linecolor=theme.token("paper"),
        )
        ax.grid(visible=False)
        for y, arm in enumerate(arms):
            for x, column in enumerate(columns):
                row = column.rows[arm]
                if column.failed(arm):
                    self._lost(ax, x, y, drawing.lost_words(row), theme, narrow)
                    continue
                ink = theme.text_on(int(levels[y, x]))
                if narrow:
                    first = "bold" if row["rank"] == 1 else "normal"
                    lost = f"×{row['n'] - row['ok']}" if row["ok"] < row["n"] else ""
                    words = f"{row['rank']:g}" + (f"\n{lost}" if lost else "")
                    middle = {"ha": "center", "va": "center", "linespacing": 1.05}
                    ax.text(x + 0.5, y + 0.5, words, size=5.5, weight=first, color=ink, **middle)
                    continue
                weight = "bold" if row["rank"] == 1 else "normal"
                text = column.text(arm)
                size = 8 if len(text) < 7 and len(columns) < 12 else 6.5
                ax.text(
                    x + 0.5, y + 0.45, text, ha="center", va="center", size=size, weight=weight, color=ink
                )
                ax.text(x + 0.95, y + 0.9, f"{row['rank']:g}", ha="right", va="bottom", size=6.5, color=ink)
                if row["ok"] < row["n"]:
                    lost = f"×{row['n'] - row['ok']}"
                    ax.text(x + 0.05, y + 0.9, lost, va="bottom", size=6.5, weight="bold", color=ink)

    def _lost(self, ax: Any, x: float, y: float, words: str, theme: Any, narrow: bool) -> None:
        """Hatch the cell of an arm that lost half of its seeds or more, and write how many."""
        from matplotlib.patches import Rectangle

        box = Rectangle((x + 0.02, y + 0.03), 0.96, 0.94, facecolor=theme.token("alarm_fill"))
        box.set(edgecolor=theme.token("alarm"), hatch="////", linewidth=0)
        ax.add_patch(box)
        ax.text(
            x + 0.5,
            y + 0.5,
            words.split()[-1] if narrow else "\n".join(words.split(", " if "," in words else None, 1)),
            ha="center",
            va="center",
            rotation=90 if narrow else 0,
            size=5.5 if narrow else 6.5,
            weight="bold",
            color=theme.token("alarm"),
            linespacing=1.1,
            bbox={"facecolor": theme.token("alarm_fill"), "edgecolor": "none", "pad": 1},
        )

    def _ranks(self, ax: Any, board: list[dict[str, Any]], theme: Any) -> None:
        values = [row["mean_rank"] for row in board]
        ax.barh([i + 0.5 for i in range(len(board))], values, height=0.6, color=theme.token("bar"))
        for i, value in enumerate(values):
            ax.text(value, i + 0.5, f" {value:.1f}", va="center", size=8, weight="bold")
        ax.set(xlim=(0, len(board) * 1.02), ylim=(len(board), 0))
        ax.set_title("mean rank", size=7.5, weight="normal", loc="left")
        ax.axis("off")

    def _title(self, columns: list[_Column], report: Any) -> str:
        """Say on which data set the arms lie closest and on which farthest apart."""
        finite = [column for column in columns if math.isfinite(column.width)]
        lost = {c.problem: [row for arm, row in c.rows.items() if c.failed(arm)] for c in columns}
        waiting = [problem for problem, rows in lost.items() if any(row["not_run"] for row in rows)]
        broken = [problem for problem, rows in lost.items() if rows and problem not in waiting]
        kinds = " + ".join(report["vary"]) or "arm"
        if not finite:
            return f"No {singular(report['problem_unit'])} has two arms that finished: {kinds}"
        scales = {column.measure["scale"] for column in finite}
        if len(finite) == 1:
            title = f"Best and worst {kinds} on {finite[0].problem} differ by {finite[0].gap()}"
        elif len(scales) == 1:
            near, far = (choose(finite, key=lambda c: c.width) for choose in (min, max))
            least, most = f"{near.gap()} on {near.problem}", f"{far.gap()} on {far.problem}"
            title = f"Best and worst {kinds} differ by {least}, by {most}"
            if near.gap() == far.gap():
                title = (
                    f"Best and worst {kinds} differ by {far.gap()} on each {singular(report['problem_unit'])}"
                )
        else:
            lead = report["leaderboard"]["overall"][0]
            units = counted(lead["problems"], report["problem_unit"])
            title = f"{lead['arm']} ranks best on {lead['wins']} of {units}"
        title += f"; failures on {', '.join(broken[:3])}" if broken else ""
        return title + (f"; not all has run on {', '.join(waiting[:3])}" if waiting else "")

    def _subtitle(self, report: Any, narrow: bool) -> str:
        labels = sorted({measure["label"] for measure in report["measures"].values()})
        scales = {measure["scale"] for measure in report["measures"].values()}
        mean = "geometric mean" if scales == {"log"} else "mean"
        seeds = counted(len(report["seeds"]["report"]), "seeds")
        if narrow:
            return (
                f"Number: rank of the {mean} {' or '.join(labels)} over {seeds}; report.md's tables have the "
                "scores. Colour: gap to the best arm of the column, each column on its own scale. ×n: n "
                "seeds did not finish; hatched: half or more did not."
            )
        boards = report["leaderboard"]["problems"].values()
        lost = any(row["ok"] < row["n"] for board in boards for row in board)
        return (
            f"Cell: {mean} {' or '.join(labels)}{' (%)' if scales == {'unit'} else ''} over {seeds}. "
            "Colour: gap to the best arm of the column, each column on its own scale. Small number: rank in "
            "the column."
        ) + (
            " ×n: n seeds did not finish; the mean of the others is in brackets, and the arm ranks behind "
            "those that lost none."
            if lost
            else ""
        )

    def _words(self, title: str, columns: list[_Column], arms: list[str], units: str) -> str:
        best = [f"{c.problem}: {', '.join(arm for arm in arms if c.rows[arm]['rank'] == 1)}" for c in columns]
        return f"Table of arms by {units}, coloured by gap. {title}. Best: {'; '.join(best[:20])}."


class _Column:
    """One data set's scores, as gaps to its best."""

    def __init__(self, report: Any, problem: str, arms: list[str]) -> None:
        self.problem = problem
        self.measure = report["measures"][problem]
        self.rows = {row["arm"]: row for row in report["leaderboard"]["problems"][problem]}
        self.costs = {arm: self._cost(self.rows[arm]) for arm in arms if not self.failed(arm)}
        finite = [cost for cost in self.costs.values() if math.isfinite(cost)]
        whole = [cost for arm, cost in self.costs.items() if self.whole(arm) and math.isfinite(cost)]
        finite = whole if len(whole) > 1 else finite
        self.best = min(finite, default=math.nan)
        self.width = max(finite) - self.best if len(finite) > 1 else math.nan

    def failed(self, arm: str) -> bool:
        return drawing.half_lost(self.rows[arm])

    def whole(self, arm: str) -> bool:
        return bool(self.rows[arm]["ok"] == self.rows[arm]["n"])

    def _cost(self, row: Any) -> float:
        if self.measure["scale"] == "log":
            return math.log(row["value"])
        return float(row["value"] if self.measure["goal"] == "min" else -row["value"])

    def share(self, arm: str) -> float:
        """The gap as a share of the column's widest, on the pale side where all gaps are tiny."""
        if self.failed(arm) or not math.isfinite(self.width):
            return 0.0
        least = {"log": 0.01, "unit": 0.001}.get(self.measure["scale"], 1e-9)
        return (self.costs[arm] - self.best) / max(self.width, least)

    def text(self, arm: str) -> str:
        value = self.rows[arm]["value"]
        text = f"{100 * value:.1f}" if self.measure["scale"] == "unit" else number(value)
        if value <= self.measure["floor"]:
            text = "floor"
        return text if self.whole(arm) else f"({text})"

    def gap(self) -> str:
        if self.measure["scale"] == "log":
            ratio = math.exp(self.width)
            if ratio < 1.01 or ratio > 1e6:
                return "less than 1 %" if ratio < 2 else "a factor of more than a million"
            return f"{100 * (ratio - 1):.0f} %" if ratio < 2 else f"a factor of {number(ratio, 2)}"
        if self.measure["scale"] == "unit":
            return f"{100 * self.width:.1f} points" if self.width >= 0.001 else "less than 0.1 points"
        return number(self.width)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [HeatMap]
