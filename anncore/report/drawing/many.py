"""Figures with a panel per problem: which problems where there are many, and grey arms in few artists.

What a figure takes is proportional to its artists, and forty panels of twenty-five arms can be neither read
nor, in a page, told from pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anncore.report.drawing.sheet import PHONE, WIDE
from anncore.report.theme import Theme

MOST_PANELS, FEWEST_PANELS, ROW = 24, 8, 4
MOST_ROWS = 240  # an arm in a panel is a row, or a line


MOST_DOTS = 3000  # in a figure: more cover one another, and are most of a page's bytes
BANDS = ((0.05, 0.95, 0.1), (0.25, 0.75, 0.22))  # of a row's seeds: from which share to which, half as high
SPREAD = 0.22  # how far from its row a dot lies at most

ON_PHONE = 6  # panels below one another: more are seven screens long


def most_panels(arms: int) -> int:
    """Return how many panels a figure has at most: 24, with more than ten arms about 240 / arms.

    In whole rows of four, and at least two of these.
    """
    return max(FEWEST_PANELS, min(MOST_PANELS, MOST_ROWS // max(1, arms) // ROW * ROW))


def factors_together(report: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]] | str:
    """Return each two factors with the analysis that they are of; in place of them why there are none.

    Where one analysis decides, its pairs alone; else those of each problem.
    """
    factors = report["factorial"]
    if factors is None:
        return "The experiment does not vary two factors together."
    made = [one for one in factors["analyses"] if one["together"]]
    shown = [one for one in made if one["decides"]] or [one for one in made if one["where"]]
    if not shown:
        notes = [one["note"] for one in factors["analyses"] if one["note"]]
        return factors["note"] or next(iter(notes), "There are not two factors to draw.")
    return [(one, pair) for one in shown for pair in one["together"]]


def shown_problems(
    report: Mapping[str, Any], problems: Sequence[str], width: float = WIDE
) -> tuple[list[str], str]:
    """Return the problems that get a panel, in their order, and what the subtitle says of it ("" if all do).

    width: of the sheet in inches; on a phone's there are at most six, else `most_panels`. Where there are
    more, those come first on which the seeds tell most pairs of arms apart; of equals, those on which they
    part them most one-sidedly, |wins - losses| / n summed over pairs; then the earlier ones. All figures of
    a report choose alike, from `report["comparisons"]`.
    """
    most = ON_PHONE if width <= PHONE else most_panels(len(report["arms"]))
    if len(problems) <= most:
        return list(problems), ""
    comparisons = report["comparisons"]["problems"]

    def apart(place: int) -> tuple[int, float, int]:
        pairs = comparisons.get(problems[place], ())
        decided = sum(pair["verdict"] == "better" for pair in pairs)
        return -decided, -sum(abs(pair["wins"] - pair["losses"]) / max(1, pair["n"]) for pair in pairs), place

    ranked = sorted(range(len(problems)), key=apart)
    places = sorted(ranked[:most])
    decided, sided, _ = apart(ranked[0])
    why = "the first ones"
    if decided:
        why = "those on which most pairs of arms are told apart"
    elif sided:
        why = "those on which the seeds agree most on which of two arms is better"
    said = f" {most} of {len(problems)} {report['problem_unit']}: {why}; report.md's tables have all."
    return [problems[place] for place in places], said


@dataclass(frozen=True)
class SeedRow:
    """What a row shows of its seeds: dots at (x, y), and bands as (low, high, half of their height)."""

    x: Any
    y: Any
    bands: tuple[tuple[float, float, float], ...] = ()

    def boxes(self, y: float) -> list[list[tuple[float, float]]]:
        """Return the corners of the bands around a row."""
        return [
            [(low, y - half), (high, y - half), (high, y + half), (low, y + half)]
            for low, high, half in self.bands
        ]


def in_bands(rows: int, seeds: int) -> bool:
    """Tell whether a figure of so many rows shows its seeds as bands, as dots would be too many."""
    return rows * seeds > MOST_DOTS


def seed_row(values: Any, y: float, banded: bool) -> SeedRow:
    """Return a row's dots, one per seed, or its bands with the dots of the seeds beyond them.

    Seeds are spread by their place and not at random: the same data give the same picture.
    """
    values = np.asarray(values, float)
    apart = np.linspace(-SPREAD, SPREAD, len(values)) if len(values) > 1 else np.zeros(len(values))
    if not banded or len(values) < 2:
        return SeedRow(values, y + apart)
    ends = np.quantile(values, [share for low, high, _ in BANDS for share in (low, high)]).reshape(-1, 2)
    beyond = (values < ends[0, 0]) | (values > ends[0, 1])
    bands = tuple(
        (float(low), float(high), half) for (low, high), (_, _, half) in zip(ends, BANDS, strict=True)
    )
    return SeedRow(values[beyond], (y + apart)[beyond], bands)


def draw_seeds(ax: Any, row: SeedRow, y: float, color: str, alpha: float) -> None:
    """Draw a row's seeds in its arm's colour."""
    from matplotlib.collections import PolyCollection

    ax.scatter(row.x, row.y, s=5, color=color, alpha=alpha, linewidths=0, zorder=2)
    if row.bands:
        boxes = PolyCollection(row.boxes(y), facecolors=color, alpha=0.6 * alpha, linewidths=0, zorder=1.9)
        ax.add_collection(boxes, autolim=False)


def seeds_said(mark: str, n: int, kind: str, banded: bool) -> str:
    """Say how a figure shows its seeds: "Dot: one of 10 fresh seeds", or the bands and what lies beyond."""
    if not banded:
        return f"{mark}: one of {n} {kind} seeds" if n != 1 else f"{mark}: the one {kind} seed"
    return (
        f"Bands: the middle nine tenths and the middle half of {n} {kind} seeds; {mark.lower()}: a seed "
        "beyond them; trials.csv has each"
    )


class GreyRows:
    """The rows of arms that are not highlighted: all their dots are one artist, all bars, all marks."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self._dots: list[tuple[Any, Any]] = []
        self._boxes: list[list[tuple[float, float]]] = []
        self._bars: list[list[tuple[float, float]]] = []
        self._marks: dict[tuple[str, bool], list[tuple[float, float]]] = {}

    def seeds(self, row: SeedRow, y: float) -> None:
        """Keep one arm's seeds."""
        self._dots.append((row.x, row.y))
        self._boxes += row.boxes(y)

    def bar(self, ends: Sequence[float], y: float) -> None:
        """Keep one arm's interval."""
        self._bars.append([(float(ends[0]), y), (float(ends[1]), y)])

    def mark(self, value: float, y: float, marker: str = ".", filled: bool = True) -> None:
        """Keep one arm's estimate, hollow where not `filled`."""
        self._marks.setdefault((marker, filled), []).append((float(value), y))

    def draw(self, ax: Any, alpha: float) -> None:
        """Draw what was kept in few artists, as the highlighted arms' own are drawn."""
        from matplotlib.collections import LineCollection, PolyCollection

        color, paper = self.theme.token("others"), self.theme.token("paper")
        if self._dots:
            x, y = (np.concatenate(parts) for parts in zip(*self._dots, strict=True))
            ax.scatter(x, y, s=5, color=color, alpha=alpha, linewidths=0, zorder=2)
        if self._boxes:
            boxes = PolyCollection(self._boxes, facecolors=color, alpha=0.6 * alpha, linewidths=0, zorder=1.9)
            ax.add_collection(boxes, autolim=False)
        if self._bars:
            ax.add_collection(LineCollection(self._bars, colors=color, linewidths=2, zorder=3), autolim=False)
        for (marker, filled), points in self._marks.items():
            ax.plot(
                *np.array(points).T,
                marker,
                color=color,
                markersize=6,
                markerfacecolor=color if filled else paper,
                markeredgecolor=paper if filled else color,
                markeredgewidth=0.7 if filled else 1.2,
                zorder=4,
            )
