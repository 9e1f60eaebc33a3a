"""Whether a better score is worth what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
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
        points = {problem: _points(report, problem, trials) for problem in report["problems"]}
        points = {problem: own for problem, own in points.items() if len(own) > 1}
        if not points:
            return "No two arms have a score and a cost in one place."
        seconds = cost == "seconds"
        goal = report["measures"][next(iter(points))]["goal"]
        title = drawing.so_far(report, self._title(points, goal, seconds, report["problem_unit"]))
        subtitle = self._subtitle(report, seconds)
        left, low, height, gap, between = 0.62, 0.5, 1.55, 0.5, 0.6
        columns, width = drawing.fit_columns(len(points), 4, data.width - left - 0.2, 1.6, gap)
        width = min(3.4, width)
        rows = math.ceil(len(points) / columns)
        named = [arm for arm in report["arms"] if theme[arm].highlighted]
        legend = drawing.Legend(named, data.width - 0.4, line=False)
        body = rows * height + (rows - 1) * between + low + 0.36 + legend.height
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        legend.draw(sheet, 0.2, body - legend.height, theme)
        gaps = (gap, between)
        axes = drawing.panels(sheet, len(points), columns, (width, height), left=left, bottom=low, gaps=gaps)
        several = len({report["measures"][problem]["label"] for problem in points}) > 1
        for i, (ax, (problem, own)) in enumerate(zip(axes, points.items(), strict=True)):
            measure = report["measures"][problem]
            self._panel(ax, own, measure, theme)
            drawing.panel_title(ax, problem)
            unit = " (%)" if measure["scale"] == "unit" else " (log)" if measure["scale"] == "log" else ""
            if i % columns == 0 or several:
                ax.set_ylabel(f"{measure['label']}{unit}", size=7)
            if i + columns >= len(points):
                ax.set_xlabel("seconds of training (log)" if seconds else "optimizer steps (log)")
        return Drawing(sheet, self.name, title, self._words(title, points, seconds), subtitle)

    def _panel(self, ax: Any, points: Mapping[str, _Point], measure: Any, theme: Any) -> None:
        front = sorted((p for p in points.values() if p.front), key=lambda p: p.cost)
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
        for arm in sorted(points, key=lambda arm: theme[arm].highlighted):
            point, style = points[arm], theme[arm]
            if math.isfinite(point.low) and math.isfinite(point.high):
                ax.plot([point.cost] * 2, [point.low, point.high], color=style.color, linewidth=1.2, zorder=2)
                seen.extend((point.low, point.high))
            if point.dear > point.cost:
                ax.plot(
                    [point.cost, point.dear], [point.score] * 2, color=style.color, linewidth=1.2, zorder=2
                )
            ax.plot(
                [point.cost],
                [point.score],
                style.marker if style.highlighted else "o",
                color=style.color,
                markerfacecolor=theme.token("paper") if point.dominated else style.color,
                markersize=6 if style.highlighted else 4,
                markeredgewidth=1.2,
                label=arm,
                zorder=3,
            )
            seen.append(point.score)
        low, high = drawing.padded(min(seen), max(seen), measure["scale"] == "log", 0.1)
        if measure["scale"] == "log":
            drawing.log_axis(ax.yaxis, low, high, 5)
        else:
            drawing.plain_axis(ax.yaxis, low, high, 5)
        costs = [cost for point in points.values() for cost in (point.cost, point.dear)]
        drawing.log_axis(ax.xaxis, *drawing.padded(min(costs), max(costs), True, 0.12), 4)
        lost = [(point.label(arm), theme[arm].color) for arm, point in points.items() if point.lost]
        drawing.corner_texts(ax, lost, theme)

    def _title(self, points: Mapping[str, Mapping[str, _Point]], goal: str, seconds: bool, units: str) -> str:
        """Say what the arm that scores best most often costs, and which arm is dominated most often."""
        choose = max if goal == "max" else min
        best = [choose(own, key=lambda arm: own[arm].score) for own in points.values()]
        lead = max(dict.fromkeys(best), key=best.count)
        prices = self._prices(points, lead)
        fast = self._fastest(points, prices)
        where = "" if len(points) == 1 else f" on {best.count(lead)} of {len(points)} {units}"
        word = "fastest" if seconds else "arms with the fewest steps"
        if lead in fast:
            alone = "the fastest" if seconds else "the one with the fewest steps"
            said = f"{lead} scores best{where} and is {alone if len(fast) == 1 else f'among the {word}'}"
        else:
            cheapest = min(fast, key=lambda arm: prices[arm])
            times = f"{number(1 / prices[cheapest], 2)} times as {'long' if seconds else 'many steps'}"
            who = f"{cheapest}, the {'fastest' if seconds else 'one with the fewest steps'}"
            if len(fast) > 1:
                who = f"{cheapest}, among the {word}"
            said = f"{lead} scores best{where} and takes {times} as {who}"
            said += f" ({self._spread(points, lead, cheapest)})" if seconds else ""
        lost = {arm: sum(own[arm].dominated for own in points.values() if arm in own) for arm in prices}
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
        return {arm: float(np.median(by_problem)) for arm, by_problem in ratios.items()}

    def _spread(self, points: Mapping[str, Mapping[str, _Point]], lead: str, cheapest: str) -> str:
        """Write between what ends the leader's cost over the cheapest one's lies: the medians of panels."""
        both = [(own[lead], own[cheapest]) for own in points.values() if lead in own and cheapest in own]
        low = float(np.median([mine.cost / theirs.dear for mine, theirs in both]))
        high = float(np.median([mine.dear / theirs.cost for mine, theirs in both]))
        return f"{number(low, 2)} to {number(high, 2)} over the turns"

    def _fastest(self, points: Mapping[str, Mapping[str, _Point]], prices: Mapping[str, float]) -> list[str]:
        """Return the cheapest arm and those that are not surely dearer in more than half of the panels."""
        cheapest = min(prices, key=lambda arm: prices[arm])
        fast = []
        for arm in prices:
            panels = [own for own in points.values() if arm in own and cheapest in own]
            dearer = sum(own[cheapest].surely_cheaper(own[arm]) for own in panels)
            if arm == cheapest or 2 * dearer <= len(panels):
                fast.append(arm)
        return fast

    def _subtitle(self, report: Any, seconds: bool) -> str:
        said = (
            "Mark: mean score of the seeds that finished, with its 95 % interval, over "
            f"{'the time' if seconds else 'the steps'} that a run takes (geometric mean). Line: the front "
            "that no mark dominates. Hollow: dominated for sure, as another arm is better and cheaper by "
            "more than the spread of both."
        )
        boards = report["leaderboard"]["problems"].values()
        marks = [drawing.row_mark(row) for board in boards for row in board]
        said += drawing.mark_words(marks, "seeds that did not finish.")
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
            said += (
                f"{cpu if isinstance(cpu, str) and cpu else 'one machine'}: the least of some turns, with a "
            )
            said += "line to their upper quartile; evaluations are not in it."
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
    """One arm on one data set: its score with the interval's ends, and its cost from the least to a high one.

    sign: 1 where a lower score is better, else -1.
    """

    score: float
    low: float
    high: float
    cost: float
    dear: float
    lost: str
    sign: int
    front: bool = True  # no other mark is at least as good and as cheap, and better in one
    dominated: bool = False  # another one is better and cheaper by more than the spread of both

    def label(self, arm: str) -> str:
        return f"{arm} {self.lost}" if self.lost else arm

    def beats(self, other: _Point) -> bool:
        """Say whether this mark dominates the other one, spreads aside."""
        mine, theirs = (self.sign * self.score, self.cost), (other.sign * other.score, other.cost)
        return mine != theirs and mine[0] <= theirs[0] and mine[1] <= theirs[1]

    def surely_cheaper(self, other: _Point) -> bool:
        return self.dear < other.cost

    def surely_better(self, other: _Point) -> bool:
        return self.high < other.low if self.sign > 0 else self.low > other.high


def _priced(trials: Any, costs: Any) -> tuple[Any, str | None]:
    """Return the trials with their cost and a high one, and what tells costs apart: None if nothing."""
    if costs and len(trials):
        by_pair = {(row["problem"], row["arm"]): row for row in costs if row["seconds"]}
        pairs = list(zip(trials["problem"], trials["label"], strict=True))
        steps = trials["steps_done"].to_numpy(float)
        least, high = (
            steps * np.array([by_pair.get(pair, {}).get(name) or math.nan for pair in pairs], float)
            for name in ("seconds", "high")
        )
        priced = trials.assign(cost=least, dear=np.fmax(least, high))
        return priced[priced["cost"] > 0], "seconds"
    steps = trials.groupby(["problem", "label"])["steps_done"].mean().groupby("problem").nunique()
    counted_steps = bool((steps > 1).any() and (trials["steps_done"] > 0).all())
    priced = trials.assign(cost=trials["steps_done"], dear=trials["steps_done"])
    return priced, "steps_done" if counted_steps else None


def _points(report: Any, problem: str, trials: Any) -> dict[str, _Point]:
    """Return the arms of a data set of which most seeds finished, with the front and the dominated marked."""
    measure = report["measures"][problem]
    factor = 100 if measure["scale"] == "unit" else 1
    sign = -1 if measure["goal"] == "max" else 1
    mine = trials[trials["problem"] == problem].groupby("label")[["cost", "dear"]]
    costs = mine.agg(lambda values: float(np.exp(np.log(values).mean())))
    points = {}
    for row in report["leaderboard"]["problems"][problem]:
        arm = row["arm"]
        if arm in costs.index and math.isfinite(row["value"]) and not drawing.half_lost(row):
            score, low, high = (factor * row[name] for name in ("value", "low", "high"))
            cost, dear = (float(costs.loc[arm, name]) for name in ("cost", "dear"))
            points[arm] = _Point(score, low, high, cost, dear, drawing.row_mark(row), sign)
    return {arm: _judged(point, points.values()) for arm, point in points.items()}


def _judged(point: _Point, every: Iterable[_Point]) -> _Point:
    others = list(every)
    front = not any(other.beats(point) for other in others)
    sure = any(other.surely_better(point) and other.surely_cheaper(point) for other in others)
    return point._replace(front=front, dominated=sure)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [ScoreAgainstCost]
