"""The failure atlas as a picture: a row per optimizer, a column per pathology, grouped."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from anncore.contract.counts import agreeing
from anncore.report.drawing.our_matplotlib import our_matplotlib
from anncore.report.drawing.saving import to_svg

if TYPE_CHECKING:
    from anncore.contract.kinds import Problem
    from anncore.evidence.atlas import Atlas

CELL = 0.155  # inches
LEFT, TOP = 1.9, 2.15
GAP = 0.5  # of a cell, between groups
COLORS = {"passes": "#0072b2", "sometimes": "#8cc3e0", "fails": "#f3d9cc", "none": "#ffffff"}
WORDS = {"passes": "passes", "sometimes": "sometimes", "fails": "fails", "none": "not tried"}
FEW = 3  # leaders, from which on the title counts them
INK, QUIET = "#1b1f24", "#57606a"


def heat_map(tuned: Atlas, plain: Atlas | None, problems: Sequence[Problem]) -> str:
    """Return the atlas as SVG: its title is the finding, a cell's shade whether the arm passes.

    A dot marks the cells that pass at the default rate too.
    """
    matplotlib = our_matplotlib()
    from matplotlib.figure import Figure

    columns, groups = _columns(problems)
    width = LEFT + CELL * (columns[-1][1] + 1.5) + 0.75
    height = TOP + CELL * len(tuned.arms) + 0.55
    style = {"font.family": "DejaVu Sans", "svg.fonttype": "path", "svg.hashsalt": "annx"}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.axis("off")
        ax.text(0.12, 0.25, finding(tuned), size=10.5, weight="bold", color=INK, va="center")
        ax.text(
            0.12,
            0.48,
            "A row per optimizer, rate tuned for each pathology; a dot: it passes at its default rate too.",
            size=7.5,
            color=QUIET,
            va="center",
        )
        _heads(ax, columns, groups)
        for row, arm in enumerate(tuned.arms):
            y = TOP + CELL * row
            ax.text(LEFT - 0.06, y + CELL / 2, arm, size=6.5, ha="right", va="center", color=INK)
            for name, place in columns:
                _cell(ax, LEFT + CELL * place, y, tuned.cells[arm, name].outcome)
                cell = None if plain is None else plain.cells.get((arm, name))
                if cell is not None and cell.outcome == "passes":
                    ax.plot(LEFT + CELL * (place + 0.5), y + CELL / 2, ".", color="white", ms=2.6)
            count = str(tuned.number(arm, "passes"))
            ax.text(
                LEFT + CELL * (columns[-1][1] + 1.4), y + CELL / 2, count, size=6.5, va="center", color=INK
            )
        _key(ax, height - 0.25)
        return to_svg(figure)


def finding(tuned: Atlas) -> str:
    """Return the title: who passes most, by name where they are few."""
    leaders, total = tuned.leaders, len(tuned.problems)
    if not leaders:
        return f"None of {len(tuned.arms)} optimizers passes any of {total} pathologies"
    most = tuned.number(leaders[0], "passes")
    who = " and ".join(leaders) if len(leaders) < FEW else f"{len(leaders)} of {len(tuned.arms)} optimizers"
    return f"{who} {agreeing(len(leaders), 'pass')} {most} of {total} pathologies, the most of all"


def _columns(problems: Sequence[Problem]) -> tuple[list[tuple[str, float]], list[tuple[str, float, float]]]:
    """Return the pathologies with their places in cells, and the groups with where they begin and end."""
    columns: list[tuple[str, float]] = []
    groups = []
    place = 0.0
    for name, members in groupby(problems, key=lambda problem: problem.group):
        begin = place
        for problem in members:
            columns.append((problem.name, place))
            place += 1
        groups.append((name, begin, place))
        place += GAP
    return columns, groups


def _heads(ax: Any, columns: list[tuple[str, float]], groups: list[tuple[str, float, float]]) -> None:
    for name, place in columns:
        x = LEFT + CELL * (place + 0.5)
        ax.text(x, TOP - 0.06, name, size=6.5, rotation=90, ha="center", va="bottom", color=INK)
    for number, (name, begin, end) in enumerate(groups):
        x, y = LEFT + CELL * begin, 0.72 + 0.11 * (number % 2)
        ax.text(x, y, name, size=6.2, ha="left", va="bottom", color=QUIET, style="italic")
        ax.plot([x, LEFT + CELL * end], [y + 0.03, y + 0.03], color=QUIET, lw=0.6)


def _cell(ax: Any, x: float, y: float, outcome: str) -> None:
    from matplotlib.patches import Rectangle

    inset = 0.012
    box = Rectangle((x + inset, y + inset), CELL - 2 * inset, CELL - 2 * inset, facecolor=COLORS[outcome])
    box.set(edgecolor=QUIET if outcome == "none" else "none", linewidth=0.3)
    ax.add_patch(box)


def _key(ax: Any, y: float) -> None:
    x = LEFT
    for outcome, word in WORDS.items():
        _cell(ax, x, y - CELL / 2, outcome)
        ax.text(x + CELL + 0.06, y, word, size=7, va="center", color=INK)
        x += 0.95
