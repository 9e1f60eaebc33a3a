"""Whether a better score is worth what it costs."""

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
    drawing,
    hookimpl,
    joined,
    number,
)

NEAR = 1.1  # clocks do not tell closer costs apart


@dataclass(frozen=True)
class ScoreAgainstCost(Figure):
    """Each arm's mean score over what a training run of it costs, with the front that nothing dominates.

    The cost is a run's steps times the seconds that one takes the arm by itself, where the experiment has it
    measured ([report] costs). What a sweep's trials took tells nothing: those of one stack share its time
    evenly. Else it is optimizer steps, where early stopping makes them differ; where neither tells arms
    apart there is nothing to draw. An arm is dominated where another one is at least as good and as cheap,
    and better in one of the two. Seconds are those of the machine that measured them.
    """

    name: ClassVar[str] = "score_against_cost"
    question: ClassVar[str] = "Is the better score worth its cost?"
    order: ClassVar[int] = 50
    section: ClassVar[str] = "sensitivity"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        trials = data.trials[(data.trials["phase"] == "report") & (data.trials["status"] == "ok")]
        trials, cost = _priced(trials, report["costs"])
        if len(report["arms"]) < 2:
            return "There are not two arms to compare."
        if cost is None:
            return "No report trial that finished took longer or shorter than another."
        points = {problem: _points(report, problem, trials, cost) for problem in report["problems"]}
        points = {problem: own for problem, own in points.items() if len(own) > 1}
        if not points:
            return "No two arms have a score and a cost in one place."
        seconds = cost == "seconds"
        goal = report["measures"][next(iter(points))]["goal"]
        title = self._title(points, goal, seconds, report["problem_unit"])
        subtitle = self._subtitle(report, seconds)
        labels = [point.label(arm) for own in points.values() for arm, point in own.items()]
        columns = min(3, len(points))
        rows = math.ceil(len(points) / columns)
        room = 0.3 + min(1.1, max(drawing.text_width(label, 7.5, "bold") for label in labels))
        left, low, height = 0.55, 0.5, 1.55
        width = min(3.4, (drawing.WIDE - left - columns * room - (columns - 1) * 0.42 - 0.1) / columns)
        sheet = drawing.new_sheet(
            drawing.WIDE, rows * (height + 0.68) - 0.68 + low + 0.3, title, subtitle, theme
        )
        gaps = (room + 0.42, 0.68)
        axes = drawing.panels(sheet, len(points), columns, (width, height), left=left, bottom=low, gaps=gaps)
        several = len({report["measures"][problem]["label"] for problem in points}) > 1
        for i, (ax, (problem, own)) in enumerate(zip(axes, points.items(), strict=True)):
            measure = report["measures"][problem]
            self._panel(ax, own, measure, theme, room)
            drawing.panel_title(ax, problem)
            unit = " (%)" if measure["scale"] == "unit" else " (log)" if measure["scale"] == "log" else ""
            if i % columns == 0 or several:
                ax.set_ylabel(f"{measure['label']}{unit}", size=7)
            if i + columns >= len(points):
                ax.set_xlabel("seconds of training (log)" if seconds else "optimizer steps (log)")
        return Drawing(sheet, self.name, title, self._words(title, points, seconds), subtitle)

    def _panel(self, ax: Any, points: Mapping[str, _Point], measure: Any, theme: Any, room: float) -> None:
        front = sorted((p for p in points.values() if p.free), key=lambda p: p.cost)
        ax.plot(
            [p.cost for p in front],
            [p.score for p in front],
            drawstyle="steps-post",
            color=theme.token("frame"),
            linewidth=1,
            label="front",
            zorder=1,
        )
        seen: list[float] = []
        ends = []
        for arm in sorted(points, key=lambda arm: theme[arm].highlighted):
            point, style = points[arm], theme[arm]
            if math.isfinite(point.low) and math.isfinite(point.high):
                ax.plot([point.cost] * 2, [point.low, point.high], color=style.color, linewidth=1.4, zorder=2)
                seen.extend((point.low, point.high))
            ax.plot(
                [point.cost],
                [point.score],
                style.marker if style.highlighted else "o",
                color=style.color,
                markerfacecolor=style.color if point.free else theme.token("paper"),
                markersize=6 if style.highlighted else 4,
                markeredgewidth=1.2,
                label=arm,
                zorder=3,
            )
            seen.append(point.score)
            if style.highlighted:
                ends.append((point.score, point.label(arm), style.color))
        low, high = drawing.padded(min(seen), max(seen), measure["scale"] == "log", 0.1)
        if measure["scale"] == "log":
            drawing.log_axis(ax.yaxis, low, high, 5)
        else:
            drawing.plain_axis(ax.yaxis, low, high, 5)
        costs = [point.cost for point in points.values()]
        drawing.log_axis(ax.xaxis, *drawing.padded(min(costs), max(costs), True, 0.12), 4)
        drawing.end_labels(ax, ends, room=room)

    def _title(self, points: Mapping[str, Mapping[str, _Point]], goal: str, seconds: bool, units: str) -> str:
        """Say what the arm that scores best most often costs, and which arm is dominated most often."""
        choose = max if goal == "max" else min
        best = [choose(own, key=lambda arm: own[arm].score) for own in points.values()]
        lead = max(dict.fromkeys(best), key=best.count)
        cheap = min(self._prices(points, lead).items(), key=lambda item: item[1])
        fastest = "fastest" if seconds else "one with the fewest steps"
        where = "" if len(points) == 1 else f" on {best.count(lead)} of {len(points)} {units}"
        if cheap[0] == lead:
            said = f"{lead} scores best{where} and is the {fastest}"
        elif seconds and 1 / cheap[1] < NEAR:
            said = f"{lead} scores best{where} and takes as long as the fastest, to within a tenth"
        else:
            said = f"{lead} scores best{where} and takes {number(1 / cheap[1], 2)} times as "
            said += f"{'long' if seconds else 'many steps'} as {cheap[0]}, the {fastest}"
        lost: dict[str, int] = {}
        for own in points.values():
            for arm, point in own.items():
                lost[arm] = lost.get(arm, 0) + (not point.free)
        worst = max(lost, key=lambda arm: lost[arm])
        if not lost[worst]:
            return said
        return f"{said}; {worst} is dominated{'' if len(points) == 1 else f' on {lost[worst]}'}"

    def _prices(self, points: Mapping[str, Mapping[str, _Point]], lead: str) -> dict[str, float]:
        """Return each arm's cost over the leader's, the median over the data sets that have both."""
        ratios: dict[str, list[float]] = {}
        for own in points.values():
            for arm, point in own.items() if lead in own else ():
                ratios.setdefault(arm, []).append(point.cost / own[lead].cost)
        return {arm: float(np.median(each)) for arm, each in ratios.items()}

    def _subtitle(self, report: Any, seconds: bool) -> str:
        said = (
            "Mark: mean score of the seeds that finished, with its 95 % interval, over "
            f"{'the time' if seconds else 'the steps'} that a run takes (geometric mean). Line: the front; "
            "filled marks lie on it, hollow ones are dominated. ×k/n: seeds that did not finish."
        )
        gone = [
            f"{row['arm']} on {problem} ({drawing.lost_words(row)})"
            for problem, board in report["leaderboard"]["problems"].items()
            for row in board
            if row["n"] and drawing.half_lost(row)
        ]
        if gone:
            said += f" Without a mean, so not drawn: {joined(gone, 4)}."
        cpu = report["provenance"].get("cpu")
        if seconds:
            said += " Seconds: steps times what one took the arm alone, on "
            said += f"{cpu if isinstance(cpu, str) and cpu else 'one machine'}; evaluations are not in it."
        return said

    def _words(self, title: str, points: Mapping[str, Mapping[str, _Point]], seconds: bool) -> str:
        unit = "s" if seconds else "steps"
        parts = [
            f"{problem}: "
            + ", ".join(f"{arm} {p.score:.3g} in {p.cost:.3g} {unit}" for arm, p in own.items())
            for problem, own in list(points.items())[:10]
        ]
        return f"Scatter plots of score over cost. {title}. {'; '.join(parts)}."


class _Point(NamedTuple):
    """One arm on one data set; free where nothing dominates it."""

    score: float
    low: float
    high: float
    cost: float
    lost: int
    total: int
    free: bool

    def said(self, arm: str, unit: str) -> str:
        return f"{arm} {self.score:.3g} in {self.cost:.3g} {unit}"

    def label(self, arm: str) -> str:
        return f"{arm} ×{self.lost}/{self.total}" if self.lost else arm


def _priced(trials: Any, costs: Any) -> tuple[Any, str | None]:
    """Return the trials and the column that tells the arms' costs apart, None where none does."""
    if costs and len(trials):
        own = {(row["problem"], row["arm"]): row["seconds"] for row in costs}
        pairs = zip(trials["problem"], trials["label"], strict=True)
        prices = np.array([own.get(pair) or math.nan for pair in pairs], float)
        priced = trials.assign(seconds=prices * trials["steps_done"].to_numpy(float))
        return priced[priced["seconds"] > 0], "seconds"
    steps = trials.groupby(["problem", "label"])["steps_done"].mean().groupby("problem").nunique()
    counted_steps = bool((steps > 1).any() and (trials["steps_done"] > 0).all())
    return trials, "steps_done" if counted_steps else None


def _points(report: Any, problem: str, trials: Any, cost: str) -> dict[str, _Point]:
    """Return the arms of a data set of which most seeds finished, with the front marked."""
    measure = report["measures"][problem]
    factor = 100 if measure["scale"] == "unit" else 1
    sign = -1 if measure["goal"] == "max" else 1
    mine = trials[trials["problem"] == problem].groupby("label")[cost]
    costs = mine.agg(lambda values: float(np.exp(np.log(values).mean()))).to_dict()
    rows = [
        row
        for row in report["leaderboard"]["problems"][problem]
        if row["arm"] in costs and math.isfinite(row["value"]) and not drawing.half_lost(row)
    ]
    both = [(sign * row["value"], costs[row["arm"]]) for row in rows]
    points = {}
    for row, own in zip(rows, both, strict=True):
        score, low, high = (factor * row[name] for name in ("value", "low", "high"))
        lost, free = row["n"] - row["ok"], not _dominated(own, both)
        points[row["arm"]] = _Point(score, low, high, own[1], lost, row["n"], free)
    return points


def _dominated(own: tuple[float, float], every: Sequence[tuple[float, float]]) -> bool:
    return any(other != own and other[0] <= own[0] and other[1] <= own[1] for other in every)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [ScoreAgainstCost]
