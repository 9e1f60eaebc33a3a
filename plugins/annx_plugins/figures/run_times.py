"""How many targets each arm reaches within how many steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    RunTimeCurves,
    drawing,
    hookimpl,
    metric_words,
    percent,
    run_time_curves,
    singular,
)

FEW_EVALUATIONS = 8  # by whose number a curve looks like stairs
FEW = 6  # problems that get a panel of their own, beside the one of all of them
HEIGHT, SMALL = 2.3, 1.35  # inches of the panel of all problems, and of one problem's
LEFT, LOW, BETWEEN, GAP = 0.62, 0.5, 0.62, 0.34  # inches


@dataclass(frozen=True)
class RunTimes(Figure):
    """The empirical distribution of run times, as COCO draws it: targets reached over steps, on a log axis.

        share(t) = number of (data set, seed, target) met within t steps / number of all of them

    Each data set has 51 targets between the start and the best. A curve that lies higher and farther to the
    left is faster; its right end is the share of targets that are reached at all. The number behind a name is
    the share of the plane below the curve, averaged over data sets, each with its own budget. What the
    initial weights meet counts as met at the first evaluation after them. A diverged trial meets no target.

    Hansen et al., "COCO: a platform for comparing continuous optimizers in a black-box setting", Optimization
    Methods and Software 36(1), 2021. https://arxiv.org/abs/1603.08785
    """

    name: ClassVar[str] = "run_times"
    question: ClassVar[str] = "How many targets does each arm reach within how many steps?"
    order: ClassVar[int] = 21
    section: ClassVar[str] = "speed"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        speed = report["run_times"]
        if drawing.nothing_ran(report) or speed is None:
            return "No report trial that has a learning curve has run."
        curves = run_time_curves(data)
        if not curves:
            return "No data set has a target: on none does an arm get better than it starts."
        problems = [problem for problem in curves if problem]
        whole = "" if len(problems) > 1 else problems[0]
        scores = {row["arm"]: row for row in speed["arms"] if row["problem"] == whole}
        title = drawing.so_far(report, _title(speed, scores))
        subtitle = _subtitle(report, speed, len(problems)) + _stairs(curves[""])
        small = problems if 1 < len(problems) <= FEW else []
        labels = _labels(scores, theme, data.width)
        room = 0.3 + max((drawing.text_width(text, 7.5, "bold") for text in labels.values()), default=0.0)
        columns, width = drawing.fit_columns(max(1, len(small)), 3, data.width - LEFT - 0.2, 1.3, GAP)
        rows = math.ceil(len(small) / columns)
        below = rows * SMALL + (rows - 1) * BETWEEN + 0.9 if small else 0.0
        sheet = drawing.new_sheet(data.width, HEIGHT + below + LOW + 0.3, title, subtitle, theme)
        ax = drawing.place(sheet, LEFT, below + LOW, data.width - LEFT - room - 0.1, HEIGHT)
        _panel(ax, curves[""], theme, labels, room)
        ax.set_title(_all_words(report, problems), size=8.5, weight="bold", loc="left", y=1.0)
        if small:
            axes = drawing.panels(
                sheet, len(small), columns, (width, SMALL), left=LEFT, bottom=LOW, gaps=(GAP, BETWEEN)
            )
            for place, (panel, problem) in enumerate(zip(axes, small, strict=True)):
                _panel(panel, curves[problem], theme, {}, 0.0)
                drawing.panel_title(panel, problem)
                if place % columns:
                    panel.set_yticklabels([])
                    panel.set_ylabel("")
        return Drawing(sheet, self.name, title, _words(title, scores), subtitle)


def _panel(ax: Any, known: RunTimeCurves, theme: Any, labels: Mapping[str, str], room: float) -> None:
    """Draw one curve per arm, the faster ones on top, and their names at the right ends."""
    curves = known.shares
    end = 1.08 * max(known.budget, 2.0)  # so that the last targets can be seen
    # Before the first evaluation nothing can be met: a quarter of the first step says that as well as all.
    later = curves.index[curves.index > 1]
    start = max(1.0, float(later.min()) / 4) if len(later) else 1.0
    ends = []
    for arm in sorted(curves.columns, key=lambda arm: theme[arm].highlighted):
        style, shares = theme[arm], 100 * curves[arm].to_numpy(float)
        if not len(shares) or math.isnan(shares[-1]):
            continue
        ax.plot(
            [*curves.index, end],
            [*shares, shares[-1]],
            drawstyle="steps-post",
            color=style.color,
            linestyle=style.dash if style.highlighted else "-",
            linewidth=1.6 if style.highlighted else 0.8,
            alpha=1.0 if style.highlighted else 0.6,
            label=arm,
            zorder=3 if style.highlighted else 2,
        )
        if arm in labels:
            ends.append((float(shares[-1]), labels[arm], style.color))
    drawing.log_axis(ax.xaxis, start, end)
    ax.set_ylim(-4, 104)
    ax.set_yticks([0, 25, 50, 75, 100])
    ax.tick_params(labelsize=7)
    ax.set_xlabel("optimizer steps (log)", size=7)
    ax.set_ylabel("targets reached (%)", size=7)
    drawing.end_labels(ax, ends, room=room)


def _labels(scores: Mapping[str, Any], theme: Any, width: float) -> dict[str, str]:
    """Return what stands behind the highlighted curves, the fastest arm first: name and score."""
    longest = 1.3 if width > drawing.PHONE else 0.8
    return {
        arm: f"{drawing.shorten(arm, longest, 7.5, 'bold')} {row['score']:.2f}"
        for arm, row in scores.items()
        if theme[arm].highlighted and _known(row)
    }


def _known(row: Mapping[str, Any]) -> bool:
    return row["score"] is not None and not math.isnan(row["score"])


def _title(speed: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    """Say what was found, else who has the largest area so far."""
    if speed["headline"]:
        return str(speed["headline"]).rstrip(".")
    ranked = [arm for arm, row in scores.items() if _known(row)]
    if not ranked:
        return "No arm has all its trials, so none has a speed yet"
    reached = scores[ranked[0]]["reached"]
    return f"{ranked[0]} reaches {percent(reached, 0)} of the targets"


def _all_words(report: Any, problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    every = "Both" if len(problems) == 2 else f"All {len(problems)}"
    return f"{every} {report['problem_unit']} together"


def _subtitle(report: Any, speed: Any, problems: int) -> str:
    one = singular(report["problem_unit"])
    metric = metric_words(speed["metric"], report["unit"])
    said = (
        f"Curve: share of {speed['targets']} targets of {metric}, between the start and the best, that are "
        "met within so many steps, over all "
        f"seeds{'' if problems == 1 else ' and ' + report['problem_unit']}. Number: share of the plane below "
        "the curve"
    )
    said += f", the mean over {report['problem_unit']}." if problems > 1 else "."
    if problems > FEW:
        said += f" report.md's table has each {one} by itself."
    if {ladder["origin"] for ladder in speed["ladders"]} == {"report"}:
        said += " The best is that of these very runs."
    if len(report["arms"]) > 8:
        said += " Grey: the other arms."
    return said


def _stairs(known: RunTimeCurves) -> str:
    """Say where a step of a curve is one of the few evaluations, and no speed; "" where there are many."""
    evaluations = known.evaluations
    if evaluations >= FEW_EVALUATIONS:
        return ""
    stairs = "1 evaluation only" if evaluations == 1 else f"{evaluations} evaluations only"
    return f" Targets are met at {stairs}: a lower [train] eval_every shows when."


def _words(title: str, scores: Mapping[str, Any]) -> str:
    parts = [
        f"{arm} reaches {percent(row['reached'], 0)} of the targets, score {row['score']:.2f}"
        for arm, row in list(scores.items())[:12]
        if _known(row)
    ]
    return f"Curves of targets reached over steps. {title}. {'; '.join(parts)}."


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [RunTimes]
