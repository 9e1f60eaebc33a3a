"""How big the differences are, and how certain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    counted,
    differences,
    drawing,
    hookimpl,
    joined,
    scores,
    singular,
)

Costs = dict[str, dict[int, float]]
"""By arm and seed."""


@dataclass(frozen=True)
class PairedDifferences(Figure):
    """Every arm against one reference, seed by seed, with the mean difference and its 95 % interval.

    Where seeds came in rounds the mark is the Hodges-Lehmann estimate, its interval one for every look;
    where divergence decides pairs it is that estimate too, as a mean would be infinite.

    The reference is the experiment's control, else the first arm of the first tier. Ratios where scores are
    compared on a logarithmic scale, points for shares. The mark is filled where one is said to beat the
    other, by p-values adjusted for all pairs and data sets, else hollow; no bars, since a bar from zero says
    nothing.
    """

    name: ClassVar[str] = "paired_differences"
    question: ClassVar[str] = "How much worse or better than the reference, and how sure is that?"
    order: ClassVar[int] = 30
    section: ClassVar[str] = "differences"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        ranked = [row["arm"] for row in report["leaderboard"]["overall"]]
        if len(ranked) < 2 or not report["seeds"]["report"]:
            return "There are not two arms to compare."
        if drawing.nothing_ran(report):
            return "No report trial has run."
        reference = report["control"] or ranked[0]
        arms = [arm for arm in ranked if arm != reference]
        begun, waiting = drawing.begun_problems(report)
        problems, left_out = drawing.shown_problems(report, begun, data.width)
        title = drawing.so_far(report, self._title(report, reference, arms))
        n = len(report["seeds"]["report"])
        banded = drawing.in_bands(len(problems) * len(arms), n)
        labels = dict.fromkeys(report["measures"][problem]["label"] for problem in report["problems"])
        centre = "mean" if report["rounds"] is None else "typical"
        better = (
            f"; to the right {reference} is better"
            if banded
            else f", to the right where {reference} is better"
        )
        subtitle = (
            f"{drawing.seeds_said('Dot', n, 'paired', banded)}{better}. "
            f"Bar: 95 % interval of the {centre} difference in {joined(list(labels), 5)}. "
            "Filled mark: told apart after adjustment; hollow: not. "
        )
        boards, costs = report["leaderboard"]["problems"], _costs(data)
        gaps = {p: [_gaps(costs[p], reference, arm) for arm in arms] for p in begun}
        if any(np.isinf(own).any() for part in gaps.values() for own in part):
            subtitle += (
                "Red count: pairs decided by divergence, with which the mark is the median difference. "
            )
        if any(_far_off(report, p, reference, arms, gaps[p]) for p in problems):
            subtitle += "Triangle: a pair beyond the axis, and its value. "
        subtitle = subtitle.rstrip()
        if any(row["blocked"] for problem in begun for row in boards[problem]):
            subtitle += " ?k/n: k pairs lack a trial, so that nothing is claimed."
        subtitle += waiting + left_out
        names = 1.5 if data.width > drawing.PHONE else 1.0
        left = 0.3 + min(names, max(drawing.text_width(arm, 7.5, "bold") for arm in arms))
        gap, low = 0.34, 0.5
        columns, width = drawing.fit_columns(len(problems), 4, data.width - left - 0.2, 1.3, gap)
        rows = math.ceil(len(problems) / columns)
        height = max(0.55, 0.2 * len(arms) + 0.12)
        body = rows * height + (rows - 1) * 0.68 + low + 0.3
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        axes = drawing.panels(
            sheet, len(problems), columns, (width, height), left=left, bottom=low, gaps=(gap, 0.68)
        )
        for i, (ax, problem) in enumerate(zip(axes, problems, strict=True)):
            self._panel(ax, problem, reference, arms, data, costs[problem], banded)
            if i % columns == 0:
                ax.set_yticks(range(len(arms)), [drawing.shorten(arm, names, 7.5, "bold") for arm in arms])
                for text, arm in zip(ax.get_yticklabels(), arms, strict=True):
                    text.set(color=theme[arm].color, weight="bold", size=7.5)
        return Drawing(sheet, self.name, title, self._words(title, report, reference), subtitle)

    def _panel(
        self,
        ax: Any,
        problem: str,
        reference: str,
        arms: list[str],
        data: FigureInput,
        costs: Costs,
        banded: bool,
    ) -> None:
        report, theme = data.report, data.theme
        measure = report["measures"][problem]
        pairs = _pairs(report, problem, reference)
        rows = _Rows(
            ax,
            theme,
            drawing.GreyRows(theme),
            measure["scale"] == "log",
            100 if measure["scale"] == "unit" else 1,
            banded,
        )
        ends: list[float] = []
        gaps = [_gaps(costs, reference, arm) for arm in arms]
        finite = [rows.factor * own[np.isfinite(own)] for own in gaps]
        for y, arm in enumerate(arms):
            rows.dots(y, theme[arm], finite[y])
            if arm in pairs:
                ends += rows.mark(y, theme[arm], *pairs[arm])
        rows.grey.draw(ax, 0.5)
        self._axes(ax, len(arms), theme, rows.log)
        self._range(ax, finite, ends, rows.log)
        for y, arm in enumerate(arms):
            drawing.edge_values(ax, list(_back(finite[y], rows.log)), y, theme[arm].color)
        counts = [(y, int(np.isinf(own).sum()), len(own)) for y, own in enumerate(gaps)]
        drawing.lost_counts(ax, counts, theme.token("alarm"))
        total = len(report["seeds"]["report"])
        if "judged" in report["provenance"]:  # from elsewhere: problems may differ in their seeds
            total = max(map(len, gaps), default=0)
        for y, own in enumerate(gaps):
            if len(own) < total:
                rows.lacking(y, f"?{total - len(own)}/{total}")
        self._label(ax, measure, reference)
        drawing.panel_title(ax, problem)

    def _axes(self, ax: Any, arms: int, theme: Any, log: bool) -> None:
        ax.axvline(1 if log else 0, color=theme.token("frame"), linewidth=0.9, zorder=1)
        ax.set_ylim(arms - 0.45, -0.55)
        ax.set_yticks(range(arms), [""] * arms)
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", labelsize=7)
        ax.grid(visible=False, axis="y")

    def _label(self, ax: Any, measure: Any, reference: str) -> None:
        room = ax.get_position().width * ax.figure.get_figwidth()
        label, points = measure["label"], "points" if measure["scale"] == "unit" else "gap"
        # The whole name first: it is better to leave out the score, which the subtitle names.
        for other, score in ((reference, label), (reference, ""), (drawing.shorten(reference, 0.7, 7), "")):
            text = (
                f"{score} ÷ that of {other} (log)"
                if measure["scale"] == "log"
                else f"{points} behind {other}"
            )
            if measure["scale"] != "log" and score:
                text = f"{score}, {text}"
            if drawing.text_width(text, 7) <= room:
                break
        ax.set_xlabel(text.strip(), size=7)

    def _range(self, ax: Any, groups: list[Any], ends: list[float], log: bool) -> None:
        """Fit the x axis to the differences, but for seeds far off, and to no difference at all."""
        low, high = drawing.robust_range([*groups, *([end] for end in ends), [0.0]], log=False)
        width = (high - low) or (0.1 if log else 1.0)
        low, high = low - 0.08 * width, high + 0.08 * width
        if log:
            # Beyond e^±300 a double ends; such an axis would show nothing else anyway.
            drawing.log_axis(ax.xaxis, math.exp(max(low, -300)), math.exp(min(high, 300)), 4)
        else:
            drawing.plain_axis(ax.xaxis, low, high, 4)

    def _title(self, report: Any, reference: str, arms: list[str]) -> str:
        """Count the data sets on which the reference beats each arm, and is beaten."""
        problems, one = report["problems"], singular(report["problem_unit"])
        wins = dict.fromkeys(arms, 0)
        losses = dict.fromkeys(arms, 0)
        verdicts = []
        for problem in problems:
            for c in report["comparisons"]["problems"][problem]:
                if reference in (c["a"], c["b"]):
                    verdicts.append(c["verdict"])
                    if c["verdict"] == "better":
                        won = c["a"] == reference
                        (wins if won else losses)[c["b"] if won else c["a"]] += 1
        n = len(report["seeds"]["report"])
        seeds, are = counted(n, "seeds"), "is" if n == 1 else "are"
        if verdicts and set(verdicts) == {"too_few"}:
            return f"{seeds} {are} too few to tell {reference} from any other arm on a single {one}"
        if not any(wins.values()) and not any(losses.values()):
            return f"No {one} tells {reference} apart from another arm with {seeds}"
        of = f" of {counted(len(problems), report['problem_unit'])}"
        only = len(problems) == 1
        if only:  # by its name: "on 1 of 1 data set" says less
            of = f" on {problems[0]}"
        said = []
        if any(wins.values()):
            parts = [arm if only else f"{arm} on {count}" for arm, count in wins.items() if count]
            said.append(f"{reference} beats {joined(parts, 5)}{of}")
        if any(losses.values()):
            parts = [arm if only else f"{arm} on {count}" for arm, count in losses.items() if count]
            said.append(
                f"it loses to {joined(parts, 4)}" if said else f"{reference} loses to {joined(parts, 4)}{of}"
            )
        return "; ".join(said)

    def _words(self, title: str, report: Any, reference: str) -> str:
        texts = [
            c["sentence"]
            for problem in report["problems"]
            for c in report["comparisons"]["problems"][problem]
            if reference in (c["a"], c["b"]) and c["verdict"] == "better"
        ]
        return f"Dot plots of paired differences. {title}. {' '.join(texts[:12])}".strip()


@dataclass(frozen=True)
class _Rows:
    """A panel whose rows are arms, each against the reference."""

    ax: Any
    theme: Any
    grey: drawing.GreyRows
    log: bool
    factor: int
    banded: bool

    def dots(self, y: int, style: Any, gaps: Any) -> None:
        """Draw an arm's pairs."""
        pairs = drawing.seed_row(_back(gaps, self.log), y, self.banded)
        if style.highlighted:
            drawing.draw_seeds(self.ax, pairs, y, style.color, 0.5)
        else:
            self.grey.seeds(pairs, y)

    def mark(self, y: int, style: Any, pair: Any, sign: int) -> list[float]:
        """Draw the effect and its interval; return what must fit on the axis."""
        used = [self.factor * end for end in _estimate(pair, sign)]
        if not used:
            return []
        value, *ends = used
        sure = pair["verdict"] == "better"
        if not style.highlighted:
            self.grey.mark(_back(value, self.log), y, "o", filled=sure)
            if len(used) > 1:
                self.grey.bar(_back(np.array(ends), self.log), y)
            return used
        if len(used) > 1:
            self.ax.plot(_back(np.array(ends), self.log), [y, y], color=style.color, linewidth=2, zorder=3)
        self.ax.plot(
            _back(np.array([value]), self.log),
            [y],
            style.marker,
            color=style.color,
            markerfacecolor=style.color if sure else self.theme.token("paper"),
            markersize=6,
            markeredgecolor=self.theme.token("paper") if sure else style.color,
            markeredgewidth=0.7 if sure else 1.2,
            zorder=4,
        )
        return used

    def lacking(self, y: int, text: str) -> None:
        """Write how many pairs lack a trial, at the left end: the right one may hold diverged pairs."""
        self.ax.text(
            0.02,
            y,
            text,
            transform=self.ax.get_yaxis_transform(),
            va="center",
            size=7,
            weight="bold",
            zorder=5,
            color=self.theme.token("alarm"),
            bbox={"facecolor": self.theme.token("paper"), "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )


def _pairs(report: Any, problem: str, reference: str) -> dict[str, tuple[Any, int]]:
    """Return by arm its comparison with the reference, and the sign that makes "worse" positive."""
    return {
        c["b"] if c["a"] == reference else c["a"]: (c, 1 if c["a"] == reference else -1)
        for c in report["comparisons"]["problems"][problem]
        if reference in (c["a"], c["b"])
    }


def _estimate(pair: Any, sign: int) -> list[float]:
    """Return an effect and the ends of its interval: as many of them as are known, and drawn."""
    value, *ends = (sign * pair[key] for key in ("effect", "low", "high"))
    if not math.isfinite(value):
        return []
    return [value, *(ends if all(math.isfinite(end) for end in ends) else ())]


def _far_off(report: Any, problem: str, reference: str, arms: list[str], gaps: list[Any]) -> bool:
    """Say whether a pair lies beyond the axis, which holds all effects and intervals."""
    pairs = _pairs(report, problem, reference)
    ends = [end for arm in arms if arm in pairs for end in _estimate(*pairs[arm])]
    groups = [*(own[np.isfinite(own)] for own in gaps), *([end] for end in ends), [0.0]]
    return bool(drawing.far_off(groups, log=False))


def _gaps(costs: Costs, reference: str, arm: str) -> Any:
    """Return the paired differences that are known: positive where the reference is better."""
    seeds = sorted(set(costs.get(arm, {})) & set(costs.get(reference, {})))
    return differences([costs[reference][seed] for seed in seeds], [costs[arm][seed] for seed in seeds])


def _costs(data: FigureInput) -> dict[str, Costs]:
    """Return by problem each arm's cost by seed: lower is better, infinite where it diverged, else absent."""
    by_problem: dict[str, Costs] = {problem: {} for problem in data.report["problems"]}
    frame = scores(data)
    columns = ("problem", "arm", "seed", "status", "score")
    for problem, arm, seed, status, value in zip(*(frame[name] for name in columns), strict=True):
        measure = data.report["measures"][problem]
        own = by_problem[problem].setdefault(arm, {})
        if status == "diverged":
            own[seed] = math.inf
        elif status == "ok" and math.isfinite(value):
            cost = math.log(value) if measure["scale"] == "log" else value
            own[seed] = -cost if measure["goal"] == "max" else cost
    return by_problem


def _back(values: Any, log: bool) -> Any:
    return np.exp(np.clip(values, -300, 300)) if log else values


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [PairedDifferences]
