"""How big the differences are, and how certain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    WIDE,
    Drawing,
    Figure,
    FigureInput,
    GreyRows,
    counted,
    differences,
    hookimpl,
    joined,
    log_axis,
    lost_counts,
    new_sheet,
    panel_title,
    panels,
    plain_axis,
    shorten,
    shown_problems,
    singular,
    text_width,
)


@dataclass(frozen=True)
class PairedDifferences(Figure):
    """Every arm against one reference, seed by seed, with the mean difference and its 95 % t-interval.

    Where seeds came in rounds the mark is the Hodges-Lehmann estimate, its interval one for every look;
    where divergence decides pairs it is that estimate too, as a mean would be infinite.

    The reference is the experiment's control, else the arm of the best mean rank. Ratios where scores are
    compared on a logarithmic scale, points for shares. The mark is filled where the paired test tells the
    two apart after Holm's correction, hollow where it does not; no bars, since a bar from zero says nothing.
    """

    name: ClassVar[str] = "paired_differences"
    question: ClassVar[str] = "How much worse or better than the reference, and how sure is that?"
    order: ClassVar[int] = 30
    section: ClassVar[str] = "differences"

    def draw(self, data: FigureInput) -> Drawing | None:
        report, theme = data.report, data.theme
        ranked = [row["arm"] for row in report["leaderboard"]["overall"]]
        if len(ranked) < 2 or not report["seeds"]["report"]:
            return None
        reference = report["control"] or ranked[0]
        arms = [arm for arm in ranked if arm != reference]
        problems, left_out = shown_problems(report, report["problems"])
        title = self._title(report, reference, arms)
        n = len(report["seeds"]["report"])
        of = f"one of {n} paired seeds" if n != 1 else "the one paired seed"
        labels = dict.fromkeys(report["measures"][problem]["label"] for problem in report["problems"])
        centre = "mean" if report["rounds"] is None else "typical"
        subtitle = (
            f"Dot: {of}, to the right where {reference} is better. Bar: 95 % interval of the {centre} "
            f"difference in {joined(list(labels), 5)}. Filled mark: told apart after Holm; hollow: not. "
            "Red count: pairs decided by divergence, with which the mark is the median difference."
        )
        if any(row["blocked"] for board in report["leaderboard"]["problems"].values() for row in board):
            subtitle += " ?k/n: k pairs lack a trial, so that nothing is claimed."
        subtitle += left_out
        columns = min(len(problems), 4)
        rows = math.ceil(len(problems) / columns)
        left = 0.3 + min(1.5, max(text_width(arm, 7.5, "bold") for arm in arms))
        gap, low = 0.34, 0.5
        width = (WIDE - left - 0.2 - gap * (columns - 1)) / columns
        height = max(0.55, 0.2 * len(arms) + 0.12)
        body = rows * height + (rows - 1) * 0.68 + low + 0.3
        sheet = new_sheet(WIDE, body, title, subtitle, theme)
        axes = panels(sheet, len(problems), columns, (width, height), left=left, bottom=low, gaps=(gap, 0.68))
        for i, (ax, problem) in enumerate(zip(axes, problems, strict=True)):
            self._panel(ax, problem, reference, arms, data)
            if i % columns == 0:
                ax.set_yticks(range(len(arms)), [shorten(arm, 1.5, 7.5, "bold") for arm in arms])
                for text, arm in zip(ax.get_yticklabels(), arms, strict=True):
                    text.set(color=theme[arm].color, weight="bold", size=7.5)
        return Drawing(sheet, self.name, title, self._words(title, report, reference), subtitle)

    def _panel(self, ax: Any, problem: str, reference: str, arms: list[str], data: FigureInput) -> None:
        report, theme = data.report, data.theme
        measure = report["measures"][problem]
        log = measure["scale"] == "log"
        factor = 100 if measure["scale"] == "unit" else 1
        costs = _costs(data.trials, problem, measure)
        known = {frozenset((c["a"], c["b"])): c for c in report["comparisons"]["problems"][problem]}
        shown: list[float] = []
        grey = GreyRows(theme)
        counts: list[tuple[float, int, int]] = []
        lacking: list[tuple[float, str]] = []
        total = len(report["seeds"]["report"])
        for y, arm in enumerate(arms):
            style = theme[arm]
            seeds = sorted(set(costs.get(arm, {})) & set(costs.get(reference, {})))
            gaps = differences([costs[reference][s] for s in seeds], [costs[arm][s] for s in seeds])
            finite = factor * gaps[np.isfinite(gaps)]
            spread = np.linspace(-0.22, 0.22, len(finite)) if len(finite) > 1 else np.zeros(len(finite))
            if style.highlighted:
                ax.scatter(
                    _back(finite, log), y + spread, s=5, color=style.color, alpha=0.5, linewidths=0, zorder=2
                )
            else:
                grey.dots(_back(finite, log), y + spread)
            shown.extend(finite)
            found = known.get(frozenset((arm, reference)))
            if found is not None:
                shown.extend(self._mark(ax, found, reference, y, factor, log, style, theme, grey))
            counts.append((y, int(np.isinf(gaps).sum()), len(gaps)))
            if len(gaps) < total:
                lacking.append((y, f"?{total - len(gaps)}/{total}"))
        grey.draw(ax, 0.5)
        ax.axvline(1 if log else 0, color=theme.token("frame"), linewidth=0.9, zorder=1)
        ax.set_ylim(len(arms) - 0.45, -0.55)
        ax.set_yticks(range(len(arms)), [""] * len(arms))
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", labelsize=7)
        ax.grid(visible=False, axis="y")
        self._range(ax, shown, log)
        lost_counts(ax, counts, theme.token("alarm"))
        for at, text in lacking:  # at the left end: the right one may hold the pairs that diverged
            ax.text(
                0.02,
                at,
                text,
                transform=ax.get_yaxis_transform(),
                va="center",
                size=7,
                weight="bold",
                zorder=5,
                color=theme.token("alarm"),
                bbox={"facecolor": theme.token("paper"), "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
            )
        other = shorten(reference, 0.7, 7)
        text, brief = f"{measure['label']} ÷ that of {other} (log)", f"÷ that of {other} (log)"
        if not log:
            brief = f"{'points' if factor == 100 else 'gap'} behind {other}"
            text = f"{measure['label']}, {brief}"
        room = ax.get_position().width * ax.figure.get_figwidth()
        ax.set_xlabel(text if text_width(text, 7) <= room else brief, size=7)
        panel_title(ax, problem)

    def _mark(
        self,
        ax: Any,
        found: Any,
        reference: str,
        y: int,
        factor: int,
        log: bool,
        style: Any,
        theme: Any,
        grey: GreyRows,
    ) -> list[float]:
        """Draw the effect and its interval; return what must fit on the axis."""
        sign = 1 if found["a"] == reference else -1
        value, *ends = (sign * factor * found[key] for key in ("effect", "low", "high"))
        if not math.isfinite(value):
            return []
        used = [value, *(ends if all(math.isfinite(end) for end in ends) else ())]
        sure = found["verdict"] == "better"
        if not style.highlighted:
            grey.mark(_back(value, log), y, "o", filled=sure)
            if len(used) > 1:
                grey.bar(_back(np.array(ends), log), y)
            return used
        if len(used) > 1:
            ax.plot(_back(np.array(ends), log), [y, y], color=style.color, linewidth=2, zorder=3)
        ax.plot(
            _back(np.array([value]), log),
            [y],
            style.marker,
            color=style.color,
            markerfacecolor=style.color if sure else theme.token("paper"),
            markersize=6,
            markeredgecolor=theme.token("paper") if sure else style.color,
            markeredgewidth=0.7 if sure else 1.2,
            zorder=4,
        )
        return used

    def _range(self, ax: Any, shown: list[float], log: bool) -> None:
        low, high = min([0.0, *shown]), max([0.0, *shown])
        width = (high - low) or (0.1 if log else 1.0)
        low, high = low - 0.08 * width, high + 0.08 * width
        if log:
            # Beyond e^±300 a double ends; such an axis would show nothing else anyway.
            log_axis(ax.xaxis, math.exp(max(low, -300)), math.exp(min(high, 300)), 4)
        else:
            plain_axis(ax.xaxis, low, high, 4)

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
        said = []
        if any(wins.values()):
            parts = [f"{arm} on {count}" for arm, count in wins.items() if count]
            said.append(f"{reference} beats {joined(parts, 5)}{of}")
        if any(losses.values()):
            parts = [f"{arm} on {count}" for arm, count in losses.items() if count]
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


def _costs(trials: Any, problem: str, measure: Any) -> dict[str, dict[int, float]]:
    """Return each arm's cost by seed: lower is better, infinite where it diverged, else absent."""
    mine = trials[(trials["phase"] == "report") & (trials["problem"] == problem)]
    found: dict[str, dict[int, float]] = {}
    if measure["column"] not in mine:
        return found
    for label, seed, status, value in zip(
        mine["label"], mine["seed"], mine["status"], mine[measure["column"]], strict=True
    ):
        own = found.setdefault(label, {})
        if status == "diverged":
            own[seed] = math.inf
        elif status == "ok" and math.isfinite(value):
            cost = math.log(value) if measure["scale"] == "log" else value
            own[seed] = -cost if measure["goal"] == "max" else cost
    return found


def _back(values: Any, log: bool) -> Any:
    return np.exp(np.clip(values, -300, 300)) if log else values


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [PairedDifferences]
