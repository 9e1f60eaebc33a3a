"""Which pair of levels is the best, and which cannot be told apart from it?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Drawing, Figure, FigureInput, agreeing, counted, drawing, hookimpl, number

MOST_PANELS = 4
CELL = 0.44  # inches, its height


@dataclass(frozen=True)
class PairsOfFactors(Figure):
    """A table of two factors, coloured by the gap to the best pair.

    On one data set a cell holds the mean score, over all data sets how much worse than the best pair it is.
    The best pair is framed; a ring marks pairs that cannot be told apart from it by the report's adjusted
    comparisons. With three and more factors a cell is an average over the others, and only the best is
    marked.
    """

    name: ClassVar[str] = "pairs_of_factors"
    question: ClassVar[str] = "Which pair is the best, and which cannot be told apart from it?"
    order: ClassVar[int] = 17
    section: ClassVar[str] = "factorial"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        drawn = drawing.factors_together(report)
        if isinstance(drawn, str):
            return drawn
        left_out = f" {MOST_PANELS} of {len(drawn)} tables are shown." if len(drawn) > MOST_PANELS else ""
        drawn = drawn[:MOST_PANELS]
        title = _title(drawn)
        subtitle = _subtitle(drawn, report) + left_out + drawing.left_out_levels([one for one, _ in drawn])
        tables = [_Table(one, pair, report, data.width) for one, pair in drawn]
        left = 0.3 + max(table.left for table in tables)
        heights = [CELL * len(table.rows) for table in tables]
        above = 0.72
        body = sum(heights) + above * len(tables) + 0.25
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        top = body
        for table, height in zip(tables, heights, strict=True):
            top -= above + height
            ax = drawing.place(sheet, left, top, table.cell * len(table.columns), height)
            table.draw(ax, theme)
        return Drawing(sheet, self.name, title, _words(title, tables), subtitle)


def _title(drawn: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    analysis, _ = drawn[0]
    where = f"on {analysis['where']}" if analysis["where"] else f"over {analysis['n']} {analysis['unit']}"
    best = analysis["best"]
    if len(drawn) > 1:
        pairs = [_best(both)["levels"] for _, both in drawn]
        if len({tuple(levels) for levels in pairs}) == 1:
            return f"{pairs[0][0]} with {pairs[0][1]} scores best in all {len(drawn)} tables"
        return "The best pair is not the same everywhere"
    alike = len(best["alike"])
    if not alike:
        return f"{best['arm']} is the best pair {where}"
    others = f"{counted(alike, 'others')} {agreeing(alike, 'are')}"
    return f"{best['arm']} scores best {where}; {others} not told apart from it"


def _score(measure: Mapping[str, Any]) -> str:
    """Say what a cell's number is, and which way is better."""
    mean = "geometric mean" if measure["scale"] == "log" else "mean"
    unit = " (%)" if measure["scale"] == "unit" else ""
    return f"{mean} {measure['label']}{unit}, {'lower' if measure['goal'] == 'min' else 'higher'} is better"


def _best(pair: Mapping[str, Any]) -> Mapping[str, Any]:
    return min(pair["cells"], key=lambda cell: cell["cost"])


def _subtitle(drawn: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], report: Mapping[str, Any]) -> str:
    analysis, pair = drawn[0]
    blocks = counted(analysis["n"], analysis["unit"])
    whole = all(cell["arm"] for cell in pair["cells"])
    what = "how much worse than the best pair"
    if analysis["where"] and whole:
        what = _score(report["measures"][analysis["where"]])
    said = f"Cell: {what}, over {blocks}. Colour: gap to the best pair, pale to deep. Frame: the best pair."
    return said + (" Ring: not told apart from it." if whole else " Averaged over all other factors.")


class _Table:
    """One table: where its cells lie, and what they say."""

    def __init__(
        self, analysis: Mapping[str, Any], pair: Mapping[str, Any], report: Mapping[str, Any], width: float
    ) -> None:
        self.analysis, self.pair = analysis, pair
        first, second = ([cell["levels"][axis] for cell in pair["cells"]] for axis in (0, 1))
        self.rows, self.columns = list(dict.fromkeys(first)), list(dict.fromkeys(second))
        self.cells = {tuple(cell["levels"]): cell for cell in pair["cells"]}
        widest = 0.95 if width <= drawing.PHONE else 1.6
        self.left = min(widest, max(drawing.text_width(name, 7.5) for name in self.rows)) + 0.06
        self.cell = min(1.1, (width - self.left - 0.5) / len(self.columns))
        self.best = _best(pair)["cost"]
        self.widest = max(cell["cost"] for cell in pair["cells"]) - self.best
        self.scores = {}
        if analysis["where"]:
            board = report["leaderboard"]["problems"][analysis["where"]]
            shares = report["measures"][analysis["where"]]["scale"] == "unit"
            self.scores = {
                row["arm"]: f"{100 * row['value']:.1f}" if shares else number(row["value"])
                for row in board
                if row["value"] is not None and math.isfinite(row["value"])
            }

    def draw(self, ax: Any, theme: Any) -> None:
        from matplotlib.patches import Rectangle

        least = {"log": 0.01, "unit": 0.001, "range": 0.001}.get(self.analysis["scale"], 1e-12)
        for y, first in enumerate(self.rows):
            for x, second in enumerate(self.columns):
                cell = self.cells[first, second]
                level = theme.level((cell["cost"] - self.best) / max(self.widest, least))
                ink, box = theme.text_on(level), {"facecolor": theme.ramp[level], "linewidth": 0}
                ax.add_patch(Rectangle((x + 0.015, y + 0.03), 0.97, 0.94, **box))
                best = cell["cost"] == self.best
                if best:
                    frame = {"fill": False, "edgecolor": theme.token("ink"), "linewidth": 1.8}
                    ax.add_patch(Rectangle((x + 0.03, y + 0.06), 0.94, 0.88, **frame))
                self._write(ax, (x, y), cell, ink, best=best)
        ax.set(xlim=(0, len(self.columns)), ylim=(len(self.rows), 0))
        names = [drawing.shorten(name, self.left - 0.06, 7.5) for name in self.rows]
        ax.set_yticks([y + 0.5 for y in range(len(self.rows))], names, size=7.5)
        upright = any(drawing.text_width(name, 7) > self.cell - 0.04 for name in self.columns)
        heads = [drawing.two_lines(name, self.cell - 0.04, 6.5 if upright else 7) for name in self.columns]
        ax.set_xticks([x + 0.5 for x in range(len(self.columns))], heads, size=6.5 if upright else 7)
        ax.tick_params(pad=3, length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.grid(visible=False)
        where = self.analysis["where"] or f"all {self.analysis['unit']}"
        text = f"{where}: {self.pair['first']} × {self.pair['second']}"
        inches = ax.get_position().height * ax.figure.get_figheight()
        room = ax.figure.get_figwidth() * (1 - ax.get_position().x0) - 0.1
        ax.text(
            *(0.0, 1 + 0.34 / inches, drawing.shorten(text, room, 8, "bold")),
            transform=ax.transAxes,
            size=8,
            weight="bold",
        )

    def _write(self, ax: Any, at: tuple[int, int], cell: Mapping[str, Any], ink: str, *, best: bool) -> None:
        """Write what a cell says, with a ring before it where it is not told apart from the best."""
        text = self.text(cell)
        ring = "○ " if cell["standing"] == "alike" else ""
        style = {"weight": "bold" if best else "normal", "color": ink}
        points = next(
            (p for p in (8.0, 7.0, 6.0) if drawing.text_width(ring + text, p, "bold") <= self.cell - 0.08),
            5.0,
        )
        if drawing.text_width(ring + text, points, "bold") > self.cell - 0.02:
            text, points = ("best" if best else ""), 6.0  # a narrow cell holds its colour and marks alone
        x, y = at
        ax.text(x + 0.5, y + 0.52, (ring + text).strip(), ha="center", va="center", size=points, **style)

    def text(self, cell: Mapping[str, Any]) -> str:
        """Return the score of a pair, or how much worse than the best it is."""
        if cell["arm"] in self.scores:
            return self.scores[cell["arm"]]
        gap, scale = cell["cost"] - self.best, self.analysis["scale"]
        if gap == 0:
            return "best"
        if scale == "log":
            return f"+{100 * math.expm1(gap):.2g} %" if gap < math.log(2) else f"×{number(_power(gap), 2)}"
        if scale == "unit":
            return f"−{100 * gap:.2g}"
        return f"{100 * gap:.0f} %" if scale == "range" else f"+{number(gap, 2)}"


def _power(logarithm: float) -> float:
    return math.exp(min(logarithm, 700.0))


def _words(title: str, tables: Sequence[_Table]) -> str:
    """Say every cell, for those who cannot see the picture."""
    texts = [
        f"{first} with {second}: {table.text(table.cells[first, second])}."
        for table in tables
        for first in table.rows
        for second in table.columns
    ]
    return f"Table of pairs. {title}. {' '.join(texts[:24])}"


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [PairsOfFactors]
