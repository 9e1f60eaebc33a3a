"""Arm by data set: where it matters which one is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    counted,
    drawing,
    hookimpl,
    joined,
    mean_band,
    number,
    singular,
)

MOST_NUMBERS = 300  # cells: of more the colours are read, and of the numbers the best ones
BEST = 3  # ranks
RANKS = 1.25  # inches right of the cells, for the mean ranks
GREY, LOST = "grid", "alarm_fill"  # colours of cells that are not coloured by their gap


@dataclass(frozen=True)
class HeatMap(Figure):
    """Mean score and rank of every arm on every data set, coloured by the gap to the column's best.

    Each column has its own colour scale, from its best arm to its worst finite one, so that an easy data
    set shows its order as clearly as a hard one; where all gaps are below one per cent (a tenth of a point)
    the column stays pale. Grey are cells whose gap may be chance: the 95 % t-interval of the paired
    difference from the column's best holds 0. A cell is failed where half of its seeds or more did not
    finish; the value of one that lost fewer, the mean of the others, stands in brackets, sets no end of the
    scale and is not coloured by it, as the arm ranks behind all that lost none.
    """

    name: ClassVar[str] = "heat_map"
    question: ClassVar[str] = "On which data sets does the choice matter?"
    order: ClassVar[int] = 15
    section: ClassVar[str] = "leaderboard"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        arms = [row["arm"] for row in report["leaderboard"]["overall"]]
        if len(arms) < 2:
            return "There are not two arms to compare."
        if len(report["problems"]) < 2:
            return "Of a single column the leaderboard shows the same and more."
        if drawing.nothing_ran(report):
            return "No report trial has run."
        problems, waiting = drawing.begun_problems(report)
        columns = data.once(HeatMap, lambda: _columns(data, problems, arms))
        # On a phone the arms stand side by side, as there is room for few columns.
        grid = _Grid.of(columns, arms, data.width)
        title, subtitle = self._title(columns, report), self._subtitle(report, grid, columns) + waiting
        sheet = drawing.new_sheet(grid.sheet_width, grid.body, title, subtitle, theme)
        ax = drawing.place(sheet, grid.left, grid.bottom, *grid.size)
        self._cells(ax, columns, arms, theme, grid)
        across, down = (arms, problems) if grid.turned else (problems, arms)
        ax.set(xlim=(0, len(across)), ylim=(len(down), 0))
        ax.set_yticks(
            [i + 0.5 for i in range(len(down))],
            [grid.row_name(name) for name in down],
            size=8,
            rotation=0,
            va="center",
        )
        ax.set_xticks(
            [i + 0.5 for i in range(len(across))],
            grid.heads,
            size=grid.head_size,
            rotation=90 if grid.upright else 0,
            va="bottom" if grid.upright else "baseline",  # else names with and without a y or g stand apart
            linespacing=1.05,
        )
        ax.tick_params(pad=4, length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        if not any(row["not_run"] for row in report["leaderboard"]["overall"]):  # else no arm has a rank
            self._ranks(sheet, ax, report["leaderboard"]["overall"], grid, theme)
        ends = [(0, f"best of the {grid.line}"), (1, "worst")]
        drawing.ramp_key(sheet, grid.left, 0.3, 1.8, drawing.RampKey("", ends), theme)
        words = self._words(title, columns, arms, report["problem_unit"])
        return Drawing(sheet, self.name, title, words, subtitle)

    def _cells(self, ax: Any, columns: list[_Column], arms: list[str], theme: Any, grid: _Grid) -> None:
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Rectangle

        levels = np.array([[theme.level(c.share(arm)) for c in columns] for arm in arms])
        plain = np.array([[c.filled(arm) != "" for c in columns] for arm in arms])
        drawing.our_seaborn().heatmap(
            levels.T if grid.turned else levels,
            mask=plain.T if grid.turned else plain,
            ax=ax,
            cmap=ListedColormap(list(theme.ramp)),
            vmin=-0.5,
            vmax=len(theme.ramp) - 0.5,
            cbar=False,
            xticklabels=False,  # the names follow, in their own sizes
            yticklabels=False,
            linewidths=1.5,
            linecolor=theme.token("paper"),
        )
        ax.grid(visible=False)
        for i, arm in enumerate(arms):
            for j, column in enumerate(columns):
                at = (i, j) if grid.turned else (j, i)
                fill = column.filled(arm)
                if column.failed(arm):
                    self._lost(ax, *at, drawing.lost_words(column.rows[arm]), theme, grid)
                    continue
                if fill:
                    box = {
                        "facecolor": theme.token(fill),
                        "edgecolor": theme.token("paper"),
                        "linewidth": 1.5,
                    }
                    ax.add_patch(Rectangle(at, 1, 1, **box))
                ink = theme.token("ink") if fill else theme.text_on(int(levels[i, j]))
                self._cell(ax, at, column, arm, ink, grid)

    def _cell(self, ax: Any, at: tuple[int, int], column: _Column, arm: str, ink: str, grid: _Grid) -> None:
        """Write score, rank and lost seeds into a cell; the rank alone where scores do not fit."""
        (x, y), row = at, column.rows[arm]
        weight = "bold" if row["rank"] == 1 else "normal"
        lost = drawing.row_mark(row).partition("/")[0]
        if grid.best_only and row["rank"] > BEST and not lost:
            return
        if grid.ranks_only:
            words = f"{row['rank']:g}" + (f"\n{lost}" if lost else "")
            middle = {"ha": "center", "va": "center", "linespacing": 1.05}
            ax.text(x + 0.5, y + 0.5, words, size=5.5, weight=weight, color=ink, **middle)
            return
        text = column.text(arm)
        ax.text(
            x + 0.5,
            y + 0.45,
            text,
            ha="center",
            va="center",
            size=grid.size_of(text),
            weight=weight,
            color=ink,
        )
        ax.text(x + 0.95, y + 0.92, f"{row['rank']:g}", ha="right", va="bottom", size=6.5, color=ink)
        if lost:
            ax.text(x + 0.05, y + 0.92, lost, va="bottom", size=6.5, weight="bold", color=ink)

    def _lost(self, ax: Any, x: float, y: float, words: str, theme: Any, grid: _Grid) -> None:
        """Hatch the cell of an arm that lost half of its seeds or more, and write how many."""
        from matplotlib.patches import Rectangle

        box = Rectangle((x + 0.02, y + 0.03), 0.96, 0.94, facecolor=theme.token("alarm_fill"))
        box.set(edgecolor=theme.token("alarm"), hatch="////", linewidth=0)
        ax.add_patch(box)
        narrow, lines = grid.ranks_only, words.split(", ", 1) if "," in words else words.rsplit(None, 1)
        fits = max(drawing.text_width(line, 6.5, "bold") for line in lines) <= grid.cell - 0.05
        if not fits and len(words.split()) <= 3:
            lines = words.split()
        ax.text(
            x + 0.5,
            y + 0.5,
            words.split()[-1] if narrow else "\n".join(lines),
            ha="center",
            va="center",
            rotation=90 if narrow else 0,
            size=6.5 if fits and not narrow else 5.5,
            weight="bold",
            color=theme.token("alarm"),
            linespacing=1.1,
            bbox={"facecolor": theme.token("alarm_fill"), "edgecolor": "none", "pad": 1},
        )

    def _ranks(self, sheet: Any, ax: Any, board: list[dict[str, Any]], grid: _Grid, theme: Any) -> None:
        """Draw the mean ranks: as bars beside the arms' rows, as numbers below their columns."""
        values = [row["mean_rank"] for row in board]
        if grid.turned:
            for i, value in enumerate(values):
                place = ax.get_xaxis_transform()
                text = {"ha": "center", "va": "top", "size": 8, "weight": "bold"}
                ax.text(i + 0.5, -0.06 / grid.size[1], f"{value:.1f}", transform=place, **text)
            ax.text(
                -0.05 / grid.size[0],
                -0.06 / grid.size[1],
                "mean rank",
                transform=ax.transAxes,
                ha="right",
                va="top",
                size=7.5,
            )
            return
        ranks = drawing.place(sheet, grid.left + grid.size[0] + 0.12, grid.bottom, RANKS - 0.6, grid.size[1])
        ranks.barh([i + 0.5 for i in range(len(board))], values, height=0.6, color=theme.token("bar"))
        for i, value in enumerate(values):
            ranks.text(value, i + 0.5, f" {value:.1f}", va="center", size=8, weight="bold")
        ranks.set(xlim=(0, len(board) * 1.02), ylim=(len(board), 0))
        ranks.set_title("mean rank", size=7.5, weight="normal", loc="left")
        ranks.axis("off")

    def _title(self, columns: list[_Column], report: Any) -> str:
        """Say on which data set the arms lie closest and on which farthest apart."""
        waiting = [c.problem for c in columns if any(row["not_run"] for row in c.rows.values())]
        done = [column for column in columns if column.problem not in waiting]
        finite = [column for column in done if math.isfinite(column.width)]
        broken = [c.problem for c in done if any(c.failed(arm) for arm in c.rows)]
        kinds, one = " + ".join(report["vary"]) or "arm", singular(report["problem_unit"])
        if not done:
            return f"No {one} has run with every arm: trials are still to run on {joined(waiting, 4)}"
        if not finite:
            return f"No {one} has two arms that finished: {kinds}"
        whole = len(done) == len(report["problems"])
        scales = {column.measure["scale"] for column in finite}
        if len(finite) == 1:
            title = f"Best and worst {kinds} on {finite[0].problem} differ by {finite[0].gap()}"
        elif len(scales) == 1:
            near, far = (choose(finite, key=lambda c: c.width) for choose in (min, max))
            least, most = f"{near.gap()} on {near.problem}", f"{far.gap()} on {far.problem}"
            title = f"Best and worst {kinds} differ by {least}, by {most}"
            if near.gap() == far.gap():
                which = f"each {one}" if whole else f"{joined([c.problem for c in finite], 3)}"
                title = f"Best and worst {kinds} differ by {far.gap()} on {which}"
        elif not whole:
            units = counted(len(report["problems"]), report["problem_unit"])
            title = f"{len(done)} of {units} have run with every arm, and none is ranked before all have"
        else:
            lead = min(report["leaderboard"]["overall"], key=lambda row: float(row["mean_rank"]))
            units = counted(lead["problems"], report["problem_unit"])
            title = f"{lead['arm']} ranks best on {lead['wins']} of {units}"
        title += f"; failures on {', '.join(broken[:3])}" if broken else ""
        return title + (f"; trials are still to run on {joined(waiting, 4)}" if waiting else "")

    def _subtitle(self, report: Any, grid: _Grid, columns: Sequence[_Column]) -> str:
        labels = sorted({measure["label"] for measure in report["measures"].values()})
        scales = {measure["scale"] for measure in report["measures"].values()}
        mean = "geometric mean" if scales == {"log"} else "mean"
        seeds = counted(len(report["seeds"]["report"]), "seeds")
        line = grid.line
        boards = report["leaderboard"]["problems"].values()
        marks = {drawing.row_mark(row)[:1] for board in boards for row in board}
        rows = [
            (problem, row) for problem, board in report["leaderboard"]["problems"].items() for row in board
        ]
        waits, lost = " ?n: n seeds have not run." if "?" in marks else "", "×" in marks
        fills = {column.filled(arm) for column in columns for arm in column.rows}
        grey = ""
        if GREY in fills:
            level = f"{100 * report['level']:g} %"
            grey = f" Grey: the {level} t-interval of the paired difference from it holds 0."
        if grid.ranks_only:
            which = f", for the {BEST} best of each {line}" if grid.best_only else ""
            have = "every rank and score" if grid.best_only else "the scores"
            return (
                f"Number: rank of the {mean} {' or '.join(labels)} over {seeds}{which}; report.md's tables "
                f"have {have}. Colour: gap to the best arm of the {line}, each {line} on its own scale.{grey}"
                + (" Red, ×n: n seeds did not finish; hatched: half or more did not." if lost else "")
                + waits
            )
        unit = " (%)" if scales == {"unit"} else ""
        said = (
            f"Cell: {mean} {' or '.join(labels)}{unit} over {seeds}. Colour: gap to the best arm of the "
            f"{line}, each {line} on its own scale.{grey} Small number: rank in the {line}."
        )
        if lost:
            said += (
                " Red, ×n: n seeds did not finish; the mean of the others is in brackets, and the arm ranks "
                "behind those that lost none."
            )
        if any(_floored(row, report["measures"][problem]) for problem, row in rows):
            waits += _floor_words(report)
        return said + waits

    def _words(self, title: str, columns: list[_Column], arms: list[str], units: str) -> str:
        best = [f"{c.problem}: {', '.join(arm for arm in arms if c.rows[arm]['rank'] == 1)}" for c in columns]
        return f"Table of arms by {units}, coloured by gap. {title}. Best: {'; '.join(best[:20])}."


class _Grid(NamedTuple):
    """Where the cells lie, in inches, and what fits into them."""

    turned: bool  # arms side by side, problems below one another
    left: float
    bottom: float
    size: tuple[float, float]  # of all cells together
    body: float
    sheet_width: float
    best_only: bool  # the numbers of the best alone
    ranks_only: bool
    cell: float  # the width of one
    heads: list[str]  # above the columns
    head_size: float
    upright: bool

    @classmethod
    def of(cls, columns: Sequence[_Column], arms: Sequence[str], width: float) -> _Grid:
        turned = width <= drawing.PHONE
        problems = [column.problem for column in columns]
        across, down = (arms, problems) if turned else (problems, arms)
        right = 0.12 if turned else RANKS
        widest = 0.85 if turned else 1.6
        left = 0.3 + min(widest, max(drawing.text_width(name, 8) for name in down))
        cell = min(1.0, (width - left - right) / len(across))
        texts = {column.text(arm) for column in columns for arm in arms if not column.failed(arm)}
        best_only = len(across) * len(down) > MOST_NUMBERS
        widest_text = max((drawing.text_width(text, 6.5) for text in texts), default=0)
        ranks_only = best_only or widest_text > cell - 0.02
        heads, head_size, upright, head = _heads(across, cell)
        size = (cell * len(across), 0.36 * len(down))
        bottom = 0.8 if turned else 0.6
        body = size[1] + head + bottom + 0.04
        needed = max(left + size[0] + right, 3.3 if turned else 4.6)
        return cls(
            turned, left, bottom, size, body, needed, best_only, ranks_only, cell, heads, head_size, upright
        )

    @property
    def line(self) -> str:
        """What a problem's cells form."""
        return "row" if self.turned else "column"

    def row_name(self, name: str) -> str:
        if self.turned:
            return str(drawing.two_lines(name, 0.85, 8))
        return str(drawing.shorten(name, 1.6, 8))

    def size_of(self, text: str) -> float:
        """Return the largest size in points at which a score fits into a cell."""
        fits = (size for size in (8.0, 7.25) if drawing.text_width(text, size, "bold") <= self.cell - 0.1)
        return next(fits, 6.5)


def _heads(names: Sequence[str], cell: float) -> tuple[list[str], float, bool, float]:
    """Return the columns' names, their size, whether they stand upright, and the height that they take."""
    for size in (7.5, 7.0, 6.5):
        broken = [drawing.name_lines(name, cell - 0.05, size, 4) for name in names]
        lines = [part for part in broken if part is not None]
        if len(lines) == len(names):
            height = 0.14 + max(map(len, lines)) * size * 1.25 / 72
            return ["\n".join(part) for part in lines], size, False, height
    shown = [drawing.shorten(name, 1.5, 7) for name in names]
    return shown, 7.0, True, 0.2 + max(drawing.text_width(name, 7) for name in shown)


def _floored(row: Mapping[str, Any], measure: Mapping[str, Any]) -> bool:
    """Say whether an arm's score is at the floor, below which differences are rounding."""
    return bool(row["value"] <= measure["floor"])


def _floor_words(report: Any) -> str:
    """Say what the word floor in a cell means: a function has a floor of its own, a score is 0 there."""
    if any(measure["floor"] for measure in report["measures"].values()):
        return " Floor: the function's, where what is left is rounding and fewer steps win."
    return " Floor: exactly 0."


def _columns(data: FigureInput, problems: Sequence[str], arms: list[str]) -> list[_Column]:
    scores = _scores(data)
    return [_Column(data.report, problem, arms, scores.get(problem, {})) for problem in problems]


def _scores(data: FigureInput) -> dict[str, dict[str, dict[int, float]]]:
    """Return the scores of the report trials that finished, by problem, arm and seed."""
    trials = data.trials[(data.trials["phase"] == "report") & (data.trials["status"] == "ok")]
    scores: dict[str, dict[str, dict[int, float]]] = {}
    columns = {measure["column"] for measure in data.report["measures"].values()} & {*trials.columns}
    for (problem, arm), rows in trials[["problem", "label", "seed", *sorted(columns)]].groupby(
        ["problem", "label"], sort=False
    ):
        column = data.report["measures"][problem]["column"]
        own = dict(zip(rows["seed"], rows[column].astype(float), strict=True))
        scores.setdefault(str(problem), {})[str(arm)] = own
    return scores


class _Column:
    """One data set's scores, as gaps to its best."""

    def __init__(
        self, report: Any, problem: str, arms: list[str], scores: Mapping[str, Mapping[int, float]]
    ) -> None:
        self.problem = problem
        self.scores, self.level = scores, report["level"]
        self.measure = report["measures"][problem]
        self.rows = {row["arm"]: row for row in report["leaderboard"]["problems"][problem]}
        self.costs = {arm: self._cost(self.rows[arm]) for arm in arms if not self.failed(arm)}
        finite = [cost for cost in self.costs.values() if math.isfinite(cost)]
        whole = [cost for arm, cost in self.costs.items() if self.whole(arm) and math.isfinite(cost)]
        finite = whole if len(whole) > 1 else finite
        self.best = min(finite, default=math.nan)
        self.width = max(finite) - self.best if len(finite) > 1 else math.nan
        self.fills = {arm: self._filled(arm) for arm in arms}

    def failed(self, arm: str) -> bool:
        return drawing.half_lost(self.rows[arm])

    def filled(self, arm: str) -> str:
        """Return the name of the colour of a cell that is not coloured by its gap, "" of all others."""
        return self.fills[arm]

    def _filled(self, arm: str) -> str:
        if self.failed(arm) or not self.whole(arm):
            return LOST
        return GREY if self.share(arm) > 0 and self.chance(arm) else ""

    def chance(self, arm: str) -> bool:
        """Say whether the interval of the paired difference from the column's best arm holds 0."""
        best = next((name for name, cost in self.costs.items() if cost == self.best), None)
        own, its = self.scores.get(arm, {}), self.scores.get(best or "", {})
        pairs = np.array([(own[seed], its[seed]) for seed in own.keys() & its.keys()]).reshape(-1, 2)
        pairs = np.maximum(pairs, self.measure["floor"])  # below it differences are rounding
        log = self.measure["scale"] == "log" and bool((pairs > 0).all())
        gaps = np.diff(np.log(pairs) if log else pairs, axis=1)
        _, low, high = mean_band(gaps, "linear", self.level)
        return bool(low[0] <= 0 <= high[0])

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
        if _floored(self.rows[arm], self.measure):
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
