"""Figures of made-up results, and what their sheets and panels hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lazy_report import LazyReport
from results_factory import make_results

from anncore import Drawing
from anncore.report.drawing import WIDE
from anncore.report.write import draw_figures, figure_input

NAMES = (
    "leaderboard",
    "heat_map",
    "learning_curves",
    "performance_profile",
    "critical_difference",
    "paired_differences",
    "probability_of_improvement",
    "lr_sensitivity",
    "budget_curves",
)
ARMS, PROBLEMS = ("sgd", "rmsprop", "adam"), ("two_moons", "digits", "sine")


def draw(results: Any, *names: str) -> dict[str, Drawing]:
    """Draw the figures of these names, all of NAMES where there are none."""
    return next(draw_on(results, [WIDE], *names))


def draw_on(results: Any, widths: Sequence[float], *names: str) -> Iterator[dict[str, Drawing]]:
    """Draw them on sheets of several widths; the report is built once."""
    report = LazyReport(results)
    data = figure_input(results, report)
    for width in widths:
        drawings = {}
        on_sheet = replace(data, width=width)
        for component, drawing in draw_figures(results, report, on_sheet, only=names or NAMES):
            assert isinstance(drawing, Drawing), drawing
            drawings[component.name] = drawing
        yield drawings


def texts(drawing: Drawing) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in drawing.figure.findobj(Text)]


def panel(drawing: Drawing, title: str) -> Any:
    return next(ax for ax in drawing.figure.axes if ax.get_title(loc="left") == title)


def few(**options: Any) -> Any:
    given: dict[str, Any] = {"arms": ARMS, "problems": PROBLEMS, "regression": ("sine",), "steps": 100}
    return make_results(**(given | options))
