"""Which layers die or saturate, and when."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    LayerGrid,
    counted,
    drawing,
    hookimpl,
    joined,
    layer_grids,
    metric_words,
)

ARMS, LINES = 8, 4  # at most, of panels
TOPS = (0.1, 0.25, 0.5, 1.0)  # where the colours may end, as shares of what is possible
LEAST = 0.005  # of the colours' scale: a panel below it all over is of one colour

Grids = Mapping[tuple[str, str], LayerGrid]


@dataclass(frozen=True)
class LayerHealth(Figure):
    """Shares that were watched layer by layer: of every hidden layer over the steps, a panel per arm.

    It draws every watched metric whose values lie between two bounds, [0, 1] as a rule, on one scale from its
    better end to the worst that there is to see; what stays at the better end has no panel, but is named.
    Value: median over the seeds that finished. Where there are more data sets or arms than it can show, it
    takes those that are worst at the last step, and says so.
    """

    name: ClassVar[str] = "layer_health"
    question: ClassVar[str] = "Which layers die or saturate, and when?"
    order: ClassVar[int] = 60
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        report = data.report
        watched = [
            w for w in report.get("watched", ()) if math.isfinite(w["low"]) and math.isfinite(w["high"])
        ]
        shares = [share for w in watched if (share := _Share(w, _grids(data, w["metric"]))).grids]
        if not shares:
            return "No report trial has run with a watched metric that is a share."

        def amiss(which: int) -> Any:
            return lambda name: max(share.worst(name, which) for share in shares)

        every = [arm for arm in report["arms"] if any(key[1] == arm for s in shares for key in s.grids)]
        where = [p for p in report["problems"] if any(key[0] == p for s in shares for key in s.grids)]
        arms = drawing.weightiest(every, amiss(1), ARMS)
        lines = len(shares) * (2 if len(arms) > 6 else 1)
        problems = drawing.weightiest(where, amiss(0), max(1, LINES // lines))
        top = _top(shares)
        rows = [
            (
                f"{share.words} on {problem}" if len(where) > 1 else share.words,
                [share.panel(problem, arm, report, top) for arm in arms],
            )
            for share in shares
            for problem in problems
        ]
        title = _title([share.finding(len(where) > 1) for share in shares])
        words = drawing.layer_words(title, rows)
        subtitle = self._subtitle(shares, report, (problems, where), (arms, every), rows)
        kept, calm = _telling(rows)
        if calm:
            subtitle += f" Not drawn, as every layer stays at the pale end of the scale: {joined(calm, 6)}."
        keys = _keys(shares, top)
        sheet = drawing.layer_sheet((title, subtitle), kept, keys, data.theme, data.width)
        return Drawing(sheet, self.name, title, words, subtitle)

    def _subtitle(
        self,
        shares: Sequence[_Share],
        report: Any,
        problems: tuple[Sequence[str], Sequence[str]],
        arms: tuple[Sequence[str], Sequence[str]],
        rows: Any,
    ) -> str:
        said = ". ".join(share.defined() for share in shares)
        seeds = counted(len(report["seeds"]["report"]), "seeds")
        said = f"{said}. Colour, and number at the last step: median over {seeds}."
        parts = [
            f"{len(shown)} of {counted(len(every), what)}"
            for (shown, every), what in ((problems, report["problem_unit"]), (arms, "arms"))
            if len(shown) < len(every)
        ]
        if parts:
            said += f" Shown: {' and '.join(parts)}, chosen by the worst layer at the last step."
        marks = [panel.mark for _, panels in rows for panel in panels]
        said += drawing.mark_words(marks, "k of n seeds did not finish and are left out.")
        return said + (" Where half or more did not finish nothing is drawn." if any(marks) else "")


def _grids(data: FigureInput, metric: str) -> dict[tuple[str, str], LayerGrid]:
    """Return the grids; those of arms of which half of the seeds or more are lost hold nothing."""
    grids = layer_grids(data, metric)
    boards = data.report["leaderboard"]["problems"]
    gone = {(p, row["arm"]) for p, board in boards.items() for row in board if drawing.half_lost(row)}
    return {
        key: LayerGrid(grid.layers, grid.steps, grid.values[:0]) if key in gone else grid
        for key, grid in grids.items()
    }


class _Share:
    """A watched metric between two bounds, with all that it found."""

    def __init__(self, watched: Mapping[str, Any], grids: Grids) -> None:
        self.grids = grids
        self.words = metric_words(watched["metric"])
        self.definition = watched["definition"].rstrip(".")
        self.low, self.high = watched["low"], watched["high"]
        self.percent = (self.low, self.high) == (0, 1)
        self.up = watched["goal"] == "min"  # the colour grows with what is worse
        self.last = {key: grid.median[:, -1] for key, grid in grids.items()}

    def defined(self) -> str:
        """Return the definition, after the metric's name where it does not hold its words."""
        if set(self.words.lower().split()) <= set(re.findall(r"\w+", self.definition.lower())):
            return self.definition
        return f"{self.words[:1].upper() + self.words[1:]}: {self.definition}"

    def share(self, values: Any) -> Any:
        place = (values - self.low) / (self.high - self.low)
        return place if self.up else 1 - place

    def worst(self, name: str, which: int) -> float:
        """How bad the worst layer of a data set (which = 0) or of an arm (1) ends; -1 where none does."""
        shares = [self.share(last) for key, last in self.last.items() if key[which] == name]
        shares = [one[np.isfinite(one)] for one in shares]
        return max((float(one.max()) for one in shares if len(one)), default=-1.0)

    def panel(self, problem: str, arm: str, report: Any, top: float) -> drawing.LayerPanel:
        row = next(r for r in report["leaderboard"]["problems"][problem] if r["arm"] == arm)
        counts = {name: row[name] for name in ("ok", "n", "diverged")}
        counts["waiting"] = row["not_run"] + row["left_out"]
        grid = self.grids.get((problem, arm))
        if grid is None:
            return drawing.LayerPanel(arm, ("",), np.zeros(1), np.full((1, 1), np.nan), ("",), **counts)
        texts = [self.text(value) for value in self.last[problem, arm]]
        return drawing.LayerPanel(
            arm, grid.layers, grid.steps, self.share(grid.median) / top, texts, **counts
        )

    def text(self, value: float) -> str:
        if not math.isfinite(value):
            return "–"
        if not self.percent:
            return f"{value:.3g}"
        return "<1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %"

    def finding(self, several: bool) -> tuple[str, str, str]:
        """Say which arm's layer ends worst: arm, value and place; without an arm where none is bad."""
        candidates = [
            (float(share), problem, arm, self.grids[problem, arm].layers[i], float(last[i]))
            for (problem, arm), last in self.last.items()
            for i, share in enumerate(self.share(last))
            if math.isfinite(share)
        ]
        if not candidates:
            return "", f"no arm has a value of {self.words}", ""
        share, problem, arm, layer, value = max(candidates, key=lambda candidate: candidate[0])
        if share < 0.005:
            none = f"no layer has {self.words}"
            return "", none if value < 0.005 else f"no layer falls below {self.text(value)} {self.words}", ""
        place = f" in layer {layer}" if layer else ""
        said = (self.text(value), self.words)
        return (
            arm,
            " ".join(said if self.percent else said[::-1]),
            place + (f" on {problem}" if several else ""),
        )


def _title(findings: Sequence[tuple[str, str, str]]) -> str:
    """Say the findings as one, those of one layer together."""
    parts: dict[tuple[str, str], list[str]] = {}
    for arm, what, place in findings:
        parts.setdefault((arm, place), []).append(what)
    said = [
        (f"{arm}: {joined(what)}{place}" if arm else joined(what)) for (arm, place), what in parts.items()
    ]
    text = f"{'; '.join(said)} at the end of training"
    return text if findings[0][0] else text[:1].upper() + text[1:]  # an arm's name stays as it is


def _top(shares: Sequence[_Share]) -> float:
    """Return the share at which the colours end: the least of a few that holds all there is to see."""
    worst = [float(np.nanmax(s.share(g.median))) for s in shares for g in s.grids.values() if _known(g)]
    return next((top for top in TOPS if max(worst, default=1.0) <= top), 1.0)


def _known(grid: LayerGrid) -> bool:
    return len(grid.values) > 0 and bool(np.isfinite(grid.median).any())


def _telling(
    rows: Sequence[tuple[str, Sequence[drawing.LayerPanel]]],
) -> tuple[list[tuple[str, list[drawing.LayerPanel]]], list[str]]:
    """Return the rows without the panels of one pale colour, and the arms that have no other anywhere.

    A row keeps one panel at least, and all where every panel of the figure is pale.
    """
    calm = {
        id(panel): bool(np.isfinite(panel.shares).all()) and float(panel.shares.max()) < LEAST
        for _, panels in rows
        for panel in panels
    }
    if all(calm.values()):
        return [(heading, list(panels)) for heading, panels in rows], []
    kept = [(heading, [panel for panel in panels if not calm[id(panel)]]) for heading, panels in rows]
    drawn = {panel.arm for _, panels in kept for panel in panels}
    left_out = dict.fromkeys(panel.arm for _, panels in rows for panel in panels if panel.arm not in drawn)
    return [(heading, panels) for heading, panels in kept if panels], list(left_out)


def _keys(shares: Sequence[_Share], top: float) -> list[drawing.RampKey]:
    """Return one legend for all metrics of one scale."""
    keys: dict[tuple[tuple[float, str], ...], list[str]] = {}
    for share in shares:
        places = [top * (at if share.up else 1 / top - at) for at in (0, 0.5, 1)]
        ends = [share.low + (share.high - share.low) * place for place in places]
        ticks = tuple(zip((0.0, 0.5, 1.0), map(share.text, ends), strict=True))
        keys.setdefault(ticks, []).append(share.words)
    return [drawing.RampKey(joined(words), ticks) for ticks, words in keys.items()]


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [LayerHealth]
