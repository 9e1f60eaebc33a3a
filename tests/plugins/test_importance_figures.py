"""Shares of hyperparameters and maps of two of them: what the axes hold is what the report says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from shipped import REGISTRY

from anncore.report.drawing import PHONE, drawing_style
from anncore.testing.figure_data import copied, ordinary

HyperparameterImportance = REGISTRY.get("figure", "hyperparameter_importance").cls
TwoKnobs = REGISTRY.get("figure", "two_knobs").cls


def drawn(figure: Any, width: float | None = None, **changes: Any) -> tuple[Any, Any]:
    """Return a figure's drawing of a tuned sweep, and the report that it was drawn from."""
    data = copied(ordinary().data)
    data.report["importance"] |= changes
    data = data if width is None else replace(data, width=width)
    with drawing_style():
        return figure().draw(data), data.report


def panels(drawing: Any) -> dict[str, Any]:
    return {ax.get_title(loc="left"): ax for ax in drawing.figure.axes if ax.get_title(loc="left")}


def test_a_bar_is_the_mean_share_and_is_filled_where_it_surely_matters_most() -> None:
    drawing, report = drawn(HyperparameterImportance)
    rows = [row for row in report["importance"]["rows"] if row["arm"] == "first"]
    mean = 100 * np.mean([row["knobs"][0]["share"] for row in rows])
    bars = panels(drawing)["first"].patches
    assert bars[0].get_width() == pytest.approx(mean)
    filled = [to_rgb(bar.get_facecolor()) == to_rgb(bar.get_edgecolor()) for bar in bars]
    assert filled == [any(row["leads"] for row in rows), False, False]
    assert drawing.title == report["importance"]["sentences"][0].rstrip(".")


def test_on_one_data_set_a_line_is_the_interval() -> None:
    _, report = drawn(HyperparameterImportance)
    one = [row for row in report["importance"]["rows"] if row["problem"] == report["problems"][0]]
    drawing, _ = drawn(HyperparameterImportance, rows=one, sentences=report["importance"]["sentences"])
    ax = panels(drawing)[f"first on {report['problems'][0]}"]
    part = next(row for row in one if row["arm"] == "first")["knobs"][0]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [100 * part["low"], 100 * part["high"]])


@pytest.mark.parametrize("width", [None, PHONE])
def test_a_cross_marks_the_best_cell_of_two_knobs(width: float | None) -> None:
    drawing, report = drawn(TwoKnobs, width)
    title, ax = next(iter(panels(drawing).items()))
    arm, _, problem = title.partition(" on ")
    rows = report["importance"]["rows"]
    (row,) = (row for row in rows if (row["arm"], row["problem"]) == (arm, problem))
    costs = np.array(row["map"]["costs"])
    best = np.unravel_index(costs.argmin(), costs.shape)
    cross = ax.lines[-1]
    assert (float(cross.get_xdata()[0]), float(cross.get_ydata()[0])) == (best[0] + 0.5, best[1] + 0.5)
    assert len(ax.patches) == costs.size
    assert ax.get_xlabel() == row["map"]["names"][0].rpartition(".")[2]


@pytest.mark.parametrize("width", [None, PHONE])
def test_names_of_values_drawn_at_random_do_not_lie_on_one_another(width: float | None) -> None:
    """Twelve rates of eight digits each, as a random search draws them: two digits tell them apart."""
    rates = [0.0013587654 * 1.66**i for i in range(12)]
    _, report = drawn(TwoKnobs)
    row = report["importance"]["rows"][0]
    costs = [[float(i + j) for j in range(3)] for i in range(12)]
    knobs = {**row["map"], "a": rates, "b": [0.9, 0.99, 0.999], "costs": costs}
    drawing, _ = drawn(TwoKnobs, width, rows=[{**row, "map": knobs}])
    (ax,) = panels(drawing).values()
    renderer = FigureCanvasAgg(drawing.figure).get_renderer()
    names = [label.get_text() for label in ax.get_xticklabels()]
    boxes = [label.get_window_extent(renderer) for label in ax.get_xticklabels()]
    assert names[0] == "0.0014"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0.9", "0.99", "0.999"]
    assert len(names) >= 3
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


def test_without_two_knobs_both_say_so() -> None:
    data = copied(ordinary().data)
    data.report["importance"] = None
    for figure in (HyperparameterImportance, TwoKnobs):
        assert figure().draw(data) == "No arm tuned two hyperparameters or more."
