"""How often each arm succeeds, with exact intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Drawing, Figure, FigureInput, counted, drawing, hookimpl


@dataclass(frozen=True)
class SuccessRates(Figure):
    """The share of seeds that succeed, per arm, with its exact 95 % interval, one panel per data set.

    What a success is stands in the experiment file: [report] success. The interval is Clopper and Pearson's.
    A diverged trial has not succeeded. At the right end stands how many seeds of how many succeed; a hollow
    mark is of an arm some of whose seeds have no outcome yet. Every axis runs from 0 to 100 %, so that panels
    can be compared.
    """

    name: ClassVar[str] = "success_rates"
    question: ClassVar[str] = "How often does each arm succeed, and how sure is that?"
    order: ClassVar[int] = 15
    section: ClassVar[str] = "success"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        success = report["success"]
        if success is None:
            return "The experiment does not say what a success is: [report] success."
        if drawing.nothing_ran(report):
            return "No report trial has run."
        arms = [row["arm"] for row in success["overall"]]
        begun, waiting = drawing.begun_problems(report)
        problems, left_out = drawing.shown_problems(
            report, [problem for problem in begun if problem in success["limits"]], data.width
        )
        if not problems:
            return "Nothing has run yet where a success is defined."
        title = drawing.so_far(report, report["tiers"]["sentence"] or success["headline"].rstrip("."))
        names = 1.5 if data.width > drawing.PHONE else 1.0
        left = 0.3 + min(names, max(drawing.text_width(arm, 7.5, "bold") for arm in arms))
        gap, low = 0.34, 0.5
        columns, width = drawing.fit_columns(len(problems), 4, data.width - left - 0.2, 1.3, gap)
        rows = math.ceil(len(problems) / columns)
        height = max(0.55, 0.19 * len(arms) + 0.12)
        body = rows * height + (rows - 1) * 0.68 + low + 0.3
        subtitle = (
            f"Mark: share of {counted(len(report['seeds']['report']), 'seeds')} that succeed. Bar: its exact "
            "95 % interval. Number: seeds that succeed, of those that are known. Arms in order of their rate "
            "over all."
        )
        rates = {(row["problem"], row["arm"]): row for row in success["rates"]}
        if any(row["unknown"] for row in success["rates"]):
            subtitle += " Hollow: some seeds have no outcome."
        sheet = drawing.new_sheet(data.width, body, title, subtitle + waiting + left_out, theme)
        axes = drawing.panels(
            sheet, len(problems), columns, (width, height), left=left, bottom=low, gaps=(gap, 0.68)
        )
        for place, (ax, problem) in enumerate(zip(axes, problems, strict=True)):
            _panel(ax, arms, {arm: rates[problem, arm] for arm in arms}, theme)
            limit = success["limits"][problem]
            sign = "≥" if limit["at_least"] else "≤"
            wanted = (
                f"share of the seeds with {limit['label']} {sign} {drawing.tick_text(limit['value'])} (%)"
            )
            ax.set_xlabel(wanted if drawing.text_width(wanted, 7) <= width else "succeed (%)", size=7)
            drawing.panel_title(ax, problem)
            if place % columns == 0:
                ax.set_yticks(range(len(arms)), [drawing.shorten(arm, names, 7.5, "bold") for arm in arms])
                for text, arm in zip(ax.get_yticklabels(), arms, strict=True):
                    text.set(color=theme[arm].color, weight="bold", size=7.5)
        alt = f"Dot plot of success rates. {success['headline']} {_words(success, problems)}"
        return Drawing(sheet, self.name, title, alt, subtitle + waiting + left_out)


def _panel(ax: Any, arms: Sequence[str], rates: Mapping[str, Any], theme: Any) -> None:
    grey = drawing.GreyRows(theme)
    for y, arm in enumerate(arms):
        if rates[arm]["n"]:
            _mark(ax, y, rates[arm], theme[arm], theme, grey)
    texts = [f"{rates[arm]['successes']}/{rates[arm]['n']}" if rates[arm]["n"] else "?" for arm in arms]
    width = ax.get_position().width * ax.figure.get_figwidth()
    room = min(0.5, (max(drawing.text_width(text, 7) for text in texts) + 0.12) / width)
    for y, text in enumerate(texts):
        ax.text(
            *(1.0, y, text),
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            size=7,
            color=theme.token("ink"),
        )
    grey.draw(ax, 0.45)
    ax.set_ylim(len(arms) - 0.45, -0.55)
    ax.set_yticks(range(len(arms)), [""] * len(arms))
    ax.set_xlim(-4, -4 + 108 / (1 - room))
    ax.set_xticks([0, 50, 100])
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=7)
    ax.grid(visible=False, axis="y")


def _mark(ax: Any, y: int, rate: Mapping[str, Any], style: Any, theme: Any, grey: Any) -> None:
    """Draw one arm's rate with its interval."""
    ends, whole = [100 * rate["low"], 100 * rate["high"]], not rate["unknown"]
    if not style.highlighted:
        grey.bar(ends, y)
        grey.mark(100 * rate["share"], y, "o", filled=whole)
        return
    ax.plot(ends, [y, y], color=style.color, linewidth=2, zorder=3)
    ax.plot(
        [100 * rate["share"]],
        [y],
        style.marker,
        color=style.color,
        markersize=6,
        markerfacecolor=style.color if whole else theme.token("paper"),
        markeredgecolor=theme.token("paper") if whole else style.color,
        markeredgewidth=0.7 if whole else 1.2,
        zorder=4,
    )


def _words(success: Mapping[str, Any], problems: Sequence[str]) -> str:
    """Say every rate, for those who cannot see the picture."""
    texts = [
        f"{row['arm']} on {row['problem']}: {row['successes']} of {row['n']}."
        for row in success["rates"]
        if row["problem"] in problems
    ]
    return " ".join(texts[:24])


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [SuccessRates]
