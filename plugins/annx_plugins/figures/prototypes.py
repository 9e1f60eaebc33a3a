"""What networks without a target have made of their data: prototypes, maps, generated examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Drawing, Figure, FigureInput, Snapshot, agreeing, counted, drawing, hookimpl

COLUMNS, MOST = 4, 12  # panels in a row, and at all
LEFT, RIGHT, GAP, HEAD, FOOT = 0.42, 0.2, 0.5, 0.58, 0.32  # inches
LEAST, WIDEST = 1.4, 2.6  # inches: a panel's width
DRAWN = ("prototypes", "samples")


@dataclass(frozen=True)
class Prototypes(Figure):
    """Prototypes and generated examples of networks without a target, over examples of the test split.

    A panel is one arm on one data set, with its first seed of the report. Of two features: grey dots are
    examples, coloured ones what the network made; the units of a map are joined by lines to their
    neighbours, so that a fold is seen. Of more features a map is drawn as its U-matrix: each cell is a unit,
    the darker the farther its prototype is from its neighbours', so that borders between clusters are dark.

    Ultsch & Siemon, "Kohonen's self organizing feature maps for exploratory data analysis", INNC 1990,
    305-308, for the U-matrix.
    """

    name: ClassVar[str] = "prototypes"
    question: ClassVar[str] = "Where do prototypes and generated examples lie?"
    order: ClassVar[int] = 59
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        shown = _first_seeds(data)
        if not shown:
            return "No report trial has prototypes or generated examples to draw."
        names = list(shown)[:MOST]
        inner = data.width - LEFT - RIGHT
        columns, width = drawing.fit_columns(len(names), COLUMNS, inner, LEAST, GAP)
        width = min(width, WIDEST)
        rows = math.ceil(len(names) / columns)
        title = self._title(shown, len(data.report["problems"]))
        subtitle = self._subtitle([shown[name] for name in names])
        if len(shown) > MOST:
            more = len(shown) - MOST
            subtitle += f" {counted(more, 'further panels')} {agreeing(more, 'are')} not drawn."
        body = rows * (width + HEAD) + FOOT
        sheet = drawing.new_sheet(data.width, body, title, subtitle, data.theme)
        axes = drawing.panels(
            sheet, len(names), columns, (width, width), left=LEFT, bottom=FOOT, gaps=(GAP, HEAD)
        )
        for ax, name in zip(axes, names, strict=True):
            _panel(ax, shown[name], data.theme[name[1]], data.theme)
            text = name[1] if len(data.report["problems"]) == 1 else f"{name[1]} on {name[0]}"
            drawing.panel_title(ax, drawing.shorten(text, width, 8, "bold"))
        alt = f"Panels of prototypes and generated examples. {title}."
        return Drawing(sheet, self.name, title, alt, subtitle)

    def example(self) -> Mapping[str, Array]:
        grid = np.stack(np.divmod(np.arange(6), 3), axis=1)
        return {"prototypes": 0.5 * grid, "grid": grid}

    def _title(self, shown: Mapping[tuple[str, str], Snapshot], problems: int) -> str:
        order = {name: _order(snapshot) for name, snapshot in shown.items() if "grid" in snapshot.arrays}
        if order:
            best = min(order, key=lambda name: order[name])
            where = best[1] if problems == 1 else f"{best[1]} on {best[0]}"
            share = f"{100 * order[best]:.0f} % as far apart as any two units"
            least = ", the least of all" if len(order) > 1 else ""
            return f"With one seed, neighbours on the map of {where} lie {share}{least}"
        apart = {name: _apart(snapshot) for name, snapshot in shown.items()}
        best = min(apart, key=lambda name: apart[name])
        where = best[1] if problems == 1 else f"{best[1]} on {best[0]}"
        least = "nearest" if len(shown) > 1 else "near"
        share = f"{100 * apart[best]:.1f} % of their spread away"
        return f"With one seed, examples lie {least} to what {where} makes: {share}"

    def _subtitle(self, snapshots: list[Snapshot]) -> str:
        plane = any(snapshot.x.shape[1] == 2 for snapshot in snapshots)
        matrix = any(snapshot.x.shape[1] != 2 for snapshot in snapshots)
        words = "One panel per arm and data set, its first seed."
        if plane:
            words += " Grey: examples of the test split. Colour: prototypes, or generated examples."
            if any("grid" in snapshot.arrays for snapshot in snapshots):
                words += " Lines: neighbours on the map."
        if matrix:
            words += " Cells: units of the map, darker where a prototype is farther from its neighbours'."
        return words


def _first_seeds(data: FigureInput) -> dict[tuple[str, str], Snapshot]:
    """Return by problem and arm the snapshot of the first report seed that has something to draw."""
    report = data.trials[(data.trials["phase"] == "report") & data.trials["label"].isin(data.report["arms"])]
    report = report[report["key"].isin(list(data.snapshots))].sort_values("seed", kind="stable")
    keys_of = {pair: keys.tolist() for pair, keys in report.groupby(["problem", "label"])["key"]}
    shown: dict[tuple[str, str], Snapshot] = {}
    for problem in data.report["problems"]:
        for arm in data.report["arms"]:
            for key in keys_of.get((problem, arm), ()):
                if _drawable(data.snapshots[key]):
                    shown[problem, arm] = data.snapshots[key]
                    break
    return shown


def _drawable(snapshot: Snapshot) -> bool:
    plane = snapshot.x.shape[1] == 2 and any(name in snapshot.arrays for name in DRAWN)
    return plane or {"prototypes", "grid"} <= set(snapshot.arrays)


def _made(snapshot: Snapshot) -> Array:
    return next(snapshot.in_units(snapshot.arrays[name]) for name in DRAWN if name in snapshot.arrays)


def _apart(snapshot: Snapshot) -> float:
    """Return the mean distance of an example from what was made nearest to it, over their spread."""
    made, examples = _made(snapshot), snapshot.in_units(snapshot.x)
    nearest = np.linalg.norm(examples[:, None] - made, axis=2).min(axis=1).mean()
    spread = np.linalg.norm(examples - examples.mean(axis=0), axis=1).mean()
    return float(nearest / spread) if spread > 0 else 0.0


def _order(snapshot: Snapshot) -> float:
    """Return the mean distance of neighbours on the map over that of any two units; 1 where they coincide."""
    made = snapshot.arrays["prototypes"].astype(float)
    one, other = np.array(_neighbours(snapshot.arrays["grid"])).T
    beside = np.linalg.norm(made[one] - made[other], axis=1).mean()
    pairs = np.linalg.norm(made[:, None] - made, axis=2).sum() / (len(made) * (len(made) - 1))
    return float(beside / pairs) if pairs > 0 else 1.0


def _panel(ax: Any, snapshot: Snapshot, style: Any, theme: drawing.Theme) -> None:
    ax.grid(visible=False)
    if snapshot.x.shape[1] == 2:
        _plane(ax, snapshot, style, theme)
    else:
        _u_matrix(ax, snapshot, style, theme)


def _plane(ax: Any, snapshot: Snapshot, style: Any, theme: drawing.Theme) -> None:
    """Draw examples, what was made of them, and the lines of a map."""
    examples, made = snapshot.in_units(snapshot.x), _made(snapshot)
    ax.plot(*examples.T, ".", markersize=2.5, color=theme.token("frame"), zorder=1)
    if "grid" in snapshot.arrays:
        for one, other in _neighbours(snapshot.arrays["grid"]):
            ax.plot(*made[[one, other]].T, color=style.color, linewidth=0.8, zorder=2)
    ax.plot(*made.T, "o", markersize=2.8, color=style.color, markeredgewidth=0, zorder=3)
    # A generator may be far off; the examples and nearly all that was made must be seen.
    both = np.concatenate([examples, made[np.isfinite(made).all(axis=1)]])
    for axis, column in ((ax.xaxis, 0), (ax.yaxis, 1)):
        low, high = drawing.padded(float(both[:, column].min()), float(both[:, column].max()), False, 0.05)
        drawing.plain_axis(axis, low, high, 3)
    ax.tick_params(labelsize=6.5)
    ax.set_xlabel(drawing.shorten(snapshot.features[0], 1.2, 6.5), size=6.5, labelpad=1)
    ax.set_ylabel(drawing.shorten(snapshot.features[1], 1.2, 6.5), size=6.5, labelpad=1)


def _u_matrix(ax: Any, snapshot: Snapshot, style: Any, theme: drawing.Theme) -> None:
    """Draw each unit as a cell, opaque where its prototype is far from its neighbours'."""
    grid = snapshot.arrays["grid"].astype(int)
    made = snapshot.arrays["prototypes"].astype(float)
    total, count = np.zeros(len(grid)), np.zeros(len(grid))
    for one, other in _neighbours(grid):
        apart = float(np.linalg.norm(made[one] - made[other]))
        total[[one, other]] += apart
        count[[one, other]] += 1
    heights = total / np.maximum(count, 1)
    low, high = float(heights.min()), float(heights.max())
    shades = (heights - low) / (high - low) if high > low else np.zeros(len(heights))
    for (row, column), shade in zip(grid, shades, strict=True):
        ax.add_patch(_square(column, row, style.color, 0.06 + 0.9 * shade))
    rows, columns = grid.max(axis=0) + 1
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), xticks=[], yticks=[], aspect="equal")


def _square(x: int, y: int, color: str, opacity: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, alpha=opacity, linewidth=0)


def _neighbours(grid: Array) -> list[tuple[int, int]]:
    """Return the pairs of units that lie side by side on the map."""
    places = {(int(row), int(column)): unit for unit, (row, column) in enumerate(np.asarray(grid))}
    pairs = []
    for (row, column), unit in places.items():
        for beside in ((row + 1, column), (row, column + 1)):
            if beside in places:
                pairs.append((unit, places[beside]))
    return pairs


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [Prototypes]
