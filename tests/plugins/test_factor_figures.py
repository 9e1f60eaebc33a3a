"""The figures of two factors: what their axes hold."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from results_factory import make_results
from shipped import REGISTRY

from anncore.contract.kinds import FigureInput
from anncore.evidence.study import Study
from anncore.report import drawing
from anncore.report.build import build_report, plain
from anncore.report.theme import Theme

Interactions: Any = REGISTRY.get("figure", "interactions").cls
PairsOfFactors: Any = REGISTRY.get("figure", "pairs_of_factors").cls
PAIRS = tuple(f"{first} + {second}" for first in ("sgd", "adam") for second in ("constant", "cosine", "step"))
EFFECTS = {"sgd + constant": 0.1, "sgd + cosine": 0.3, "sgd + step": 0.4, "adam + constant": 0.2}


def score(problem: str, arm: str, seed: int) -> float:
    noise = 0.01 * math.sin(1e4 * (sum(map(ord, arm)) * 0.37 + seed * 1.7))
    return math.exp(-1 + 0.1 * math.sin(5 * seed) + noise + EFFECTS.get(arm, 0.0))


def handed(problems: tuple[str, ...] = ("xor",), width: float = drawing.WIDE, **options: Any) -> FigureInput:
    given: dict[str, Any] = {
        "arms": PAIRS,
        "problems": problems,
        "vary": ("optimizer", "schedule"),
        "tune_seeds": (),
        "rates": (0.1,),
        "regression": (),
        "steps": 20,
        "score": score,
    }
    results = make_results(**(given | options))
    report, study = plain(build_report(results, {})), Study(results)
    theme = Theme.of(report["arms"])
    return FigureInput(study.trials, study.curves, report, theme, study.options, {}, width=width)


@pytest.fixture(scope="module")
def data() -> FigureInput:
    return handed()


def drawn(figure: Any, data: FigureInput) -> Any:
    with drawing.drawing_style():
        return figure().draw(data)


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_the_lines_are_ratios_to_the_average_pair(data: FigureInput) -> None:
    picture = drawn(Interactions, data)
    (ax,) = picture.figure.axes
    lines = [line for line in ax.lines if line.get_marker() not in ("None", "")]
    assert len(lines) == 3
    average = sum(EFFECTS.values()) / 6
    for line, second in zip(lines, ("constant", "cosine", "step"), strict=True):
        for y, first in zip(line.get_ydata(), ("sgd", "adam"), strict=True):
            assert math.log(y) == pytest.approx(EFFECTS.get(f"{first} + {second}", 0.0) - average, abs=0.02)
    assert {"constant", "cosine", "step"} <= {text.strip() for text in texts(ax)}
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["sgd", "adam"]
    assert picture.title.startswith(
        "On xor, the best schedule depends on the optimizer: constant leads with sgd"
    )


def test_the_table_marks_the_best_pair_and_what_is_not_told_apart(data: FigureInput) -> None:
    (ax,) = drawn(PairsOfFactors, data).figure.axes
    values = texts(ax)
    assert values.count("0.401") <= 1
    assert not any(value.startswith("best") for value in values)
    # adam + cosine and adam + step have no effect of their own: one is the best, the other has a ring.
    assert sum(value.startswith("○") for value in values) == 1
    frames = [patch for patch in ax.patches if not patch.get_fill()]
    assert len(frames) == 1
    assert math.floor(frames[0].get_x()) in (1, 2)
    assert math.floor(frames[0].get_y()) == 1


def test_over_data_sets_cells_are_gaps_and_names_fit_a_phone() -> None:
    wide = handed(("xor", "iris", "wine", "digits", "two_moons", "spirals"), drawing.PHONE)
    (ax,) = drawn(PairsOfFactors, wide).figure.axes
    assert "best" in texts(ax)
    assert any("+49 %" in value or "+50 %" in value for value in texts(ax))
    right = max(text.get_window_extent().x1 for text in ax.texts)
    assert right <= ax.figure.bbox.width


@pytest.mark.parametrize("figure", [Interactions, PairsOfFactors])
def test_what_cannot_be_analysed_is_said(figure: Any) -> None:
    lost = handed(status=lambda problem, arm, seed: "failed" if arm.startswith("sgd") else "ok")
    assert "no two levels of optimizer and schedule have a score" in drawn(figure, lost)
    assert "does not vary two" in drawn(figure, handed(vary=("optimizer",)))


@pytest.mark.parametrize("figure", [Interactions, PairsOfFactors])
def test_a_level_that_has_no_place_in_the_table_is_named(figure: Any) -> None:
    gone = handed(status=lambda problem, arm, seed: "diverged" if arm == "sgd + step" else "ok")
    picture = drawn(figure, gone)
    assert picture.subtitle.endswith("Left out: step on xor (sgd + step diverged in 10 of 10 trials).")


def test_names_of_levels_keep_clear_of_one_another() -> None:
    firsts = ("sgd", "adam", "lion", "momentum", "adagrad", "rmsprop", "nadam", "radam")
    arms = tuple(
        f"{first} a rather long name + {second}" for first in firsts for second in ("constant", "step")
    )
    (ax,) = drawn(Interactions, handed(arms=arms)).figure.axes
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
