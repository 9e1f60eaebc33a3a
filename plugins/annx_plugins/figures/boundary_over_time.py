"""How a decision boundary comes about: the classes over the plane at several steps of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    BoundaryRow,
    Drawing,
    Figure,
    FigureInput,
    boundary_rows,
    counted,
    drawing,
    hookimpl,
    joined,
    percent,
)

MOMENTS, ROWS = 8, 6  # panels in a row and rows, at most
LEAST, WIDEST = 0.85, 1.9  # inches of a panel
LEFT, RIGHT, GAP, BETWEEN, HEAD, LOW = 0.44, 0.16, 0.08, 0.14, 0.22, 0.1
MARKS = 60  # examples in a panel


@dataclass(frozen=True)
class BoundaryOverTime(Figure):
    """The class that one network of each arm predicts over the plane of two features, at several steps.

    A row per data set and arm, a column per moment that `[report] maps_at` asks for. All arms show the same
    seed, the one whose final scores lie nearest to each arm's median. Above a panel stands on how much of the
    plane the class is another than at the end. An arm has settled where that is 5 % or less from there on, in
    the median over seeds. At most eight moments and six rows are drawn, the best arms by rank first.
    """

    name: ClassVar[str] = "boundary_over_time"
    question: ClassVar[str] = "How does the decision boundary come about?"
    order: ClassVar[int] = 59
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        rows = boundary_rows(data)
        if not rows:
            return (
                "No trial kept maps of several steps; [report] maps_at = 8 asks for them, with two features."
            )
        drawn = rows[:ROWS]
        inner = data.width - LEFT - RIGHT
        columns, width = drawing.fit_columns(
            max(len(row.moments) for row in drawn), MOMENTS, inner, LEAST, GAP
        )
        width = min(WIDEST, width)
        title = drawing.so_far(data.report, _title(rows))
        subtitle = _subtitle(drawn, [row for row in rows if row not in drawn])
        body = len(drawn) * (width + HEAD + BETWEEN) - BETWEEN + LOW
        sheet = drawing.new_sheet(data.width, body, title, subtitle, data.theme)
        for i, row in enumerate(drawn):
            bottom = LOW + (len(drawn) - 1 - i) * (width + HEAD + BETWEEN)
            steps = _thinned(list(row.moments), columns)
            for j, step in enumerate(steps):
                ax = drawing.place(sheet, LEFT + j * (width + GAP), bottom, width, width)
                _panel(ax, row, step, data.theme)
                if j == 0:
                    _name_row(ax, row, width, data.theme, alone=len({row.problem for row in drawn}) == 1)
        return Drawing(sheet, self.name, title, _words(title, drawn), subtitle)


def _thinned(steps: Sequence[int], most: int) -> list[int]:
    """Return at most so many of the steps, the first and the last among them."""
    if len(steps) <= most:
        return list(steps)
    places = np.unique(np.linspace(0, len(steps) - 1, max(2, most)).round().astype(int))
    return [steps[place] for place in places.tolist()]


def _name_row(ax: Any, row: BoundaryRow, room: float, theme: drawing.Theme, *, alone: bool) -> None:
    """Write arm and data set left of a row; the arm by itself where there is one data set."""
    name = drawing.shorten(row.arm, room, 8, "bold")
    below = "" if alone else "\n" + drawing.shorten(row.problem, room, 7)
    ax.set_ylabel(name + below, size=7.5, color=theme[row.arm].color)


def _panel(ax: Any, row: BoundaryRow, step: int, theme: drawing.Theme) -> None:
    """Draw one moment, with its step above and the share that still changes."""
    learned = row.moments[step]
    drawing.draw_plane(ax, learned, learned.probabilities, theme)
    shown = np.arange(len(learned.labels))[:: max(1, len(learned.labels) // MARKS)][:MARKS]
    drawing.draw_classes(ax, learned.examples[shown], learned.labels[shown], theme)
    ax.grid(visible=False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    share = row.to_go(step)
    ink, muted = theme.token("ink"), theme.token("muted")
    above = {"transform": ax.transAxes, "va": "bottom"}
    width = ax.get_position().width * ax.figure.get_figwidth()
    said = "" if step == row.last else percent(share, 0)
    label = f"step {step}" if drawing.text_width(f"step {step}{said}", 7) < width - 0.1 else str(step)
    ax.text(0, 1.03, label, size=7, weight="bold", color=ink, **above)
    ax.text(1, 1.03, said, size=7, ha="right", color=muted, **above)


def _title(rows: Sequence[BoundaryRow]) -> str:
    """Say from which step on each arm's boundary stays, on the first data set or where they differ most."""
    by_problem: dict[str, list[BoundaryRow]] = {}
    for row in rows:
        by_problem.setdefault(row.problem, []).append(row)

    def spread(problem: str) -> int:
        steps = [row.typical for row in by_problem[problem]]
        return max(steps) - min(steps)

    problem = max(by_problem, key=spread)
    ordered = sorted(by_problem[problem], key=lambda row: row.typical)
    first, last = ordered[0], ordered[-1]
    if first.typical == last.typical:
        arms = joined([row.arm for row in ordered], 3)
        what = "boundary" if len(ordered) == 1 else "boundaries"
        stays = _stays(first)
        return f"{problem}: the {what} of {arms} {stays if len(ordered) == 1 else _plural(stays)}"
    return f"{problem}: {first.arm}'s boundary {_stays(first)}, {last.arm}'s {_stays(last)}"


def _stays(row: BoundaryRow) -> str:
    """Say from when on the boundary stays; one that settles with the last moment has not stayed yet."""
    moves = row.typical == row.last
    return f"still moves before step {row.last}" if moves else f"stays from step {row.typical} on"


def _plural(verb: str) -> str:
    return verb.replace("moves", "move", 1).replace("stays", "stay", 1)


def _subtitle(drawn: Sequence[BoundaryRow], left_out: Sequence[BoundaryRow]) -> str:
    seeds = max(len(row.settled) for row in drawn)
    said = (
        "One network per row. Per cent: of the plane that is in another class than at the end; a boundary "
        f"stays from where that is {percent(BoundaryRow.tolerance, 0)} or less"
    )
    said += (
        f", in the median of {counted(seeds, 'seeds')}; the seed drawn has typical scores."
        if seeds > 1
        else "."
    )
    said += " Colour: the likeliest class, paler the less certain. Marks: training examples."
    if left_out:
        said += f" Not drawn: {joined([f'{row.arm} on {row.problem}' for row in left_out], 3)}."
    return said


def _words(title: str, drawn: Sequence[BoundaryRow]) -> str:
    parts = []
    for row in drawn:
        shares = ", ".join(f"step {step} {percent(row.to_go(step), 0)}" for step in row.moments)
        parts.append(f"{row.arm} on {row.problem}: {shares}")
    return (
        f"Decision boundaries over time. {title}. Plane in another class than at the end: {'; '.join(parts)}."
    )


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [BoundaryOverTime]
