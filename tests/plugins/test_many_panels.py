"""Many data sets and many arms: which get a panel, and how few artists the grey arms take."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from drawn_figures import draw_on
from lazy_report import LazyReport
from results_factory import make_results

from anncore import Drawing
from anncore.report.drawing import PHONE, WIDE
from anncore.report.drawing.many import most_panels, shown_problems
from anncore.report.write import draw_figures

PANELS = ("leaderboard", "learning_curves", "paired_differences", "lr_sensitivity", "budget_curves")
ARMS = tuple(f"arm_{i}" for i in range(20))


def report_of(verdicts: dict[str, list[tuple[str, int, int]]], arms: int = 30) -> dict[str, Any]:
    """Return what `shown_problems` reads; each problem's pairs as verdict, wins and losses of ten."""
    pairs = {
        problem: [{"verdict": verdict, "wins": w, "losses": n, "n": 10} for verdict, w, n in own]
        for problem, own in verdicts.items()
    }
    return {
        "arms": [f"a{i}" for i in range(arms)],
        "unit": "data sets",
        "problem_unit": "data sets",
        "comparisons": {"problems": pairs},
    }


@cache
def drawn(problems: int, arms: int, rates: int = 3, names: tuple[str, ...] = PANELS) -> dict[str, Drawing]:
    results = make_results(
        arms=ARMS[:arms],
        problems=tuple(f"set_{i}" for i in range(problems)),
        seeds=range(6),
        tune_seeds=(0,),
        rates=tuple(10.0 ** (i - rates) for i in range(rates)),
        regression=(),
        steps=20,
    )
    drawings = {}
    for component, drawing in draw_figures(results, LazyReport(results), only=names):
        assert isinstance(drawing, Drawing), drawing
        drawings[component.name] = drawing
    return drawings


def titles(drawing: Drawing) -> list[str]:
    return [title for ax in drawing.figure.axes if (title := ax.get_title(loc="left"))]


@pytest.mark.parametrize(
    ("arms", "most"), [(1, 24), (10, 24), (11, 20), (20, 12), (25, 8), (30, 8), (200, 8)]
)
def test_more_arms_leave_room_for_fewer_panels(arms: int, most: int) -> None:
    assert most_panels(arms) == most  # 240 rows in whole lines of four, 24 at most and 8 at least


def test_the_data_sets_that_tell_most_arms_apart_are_shown_in_their_own_order() -> None:
    rows = {f"p{i}": [("undecided", 6, 4)] for i in range(10)}
    rows |= {"p9": [("better", 9, 1), ("better", 9, 1)], "p5": [("better", 9, 1), ("undecided", 5, 5)]}
    rows |= {"p7": [("undecided", 9, 1)]}  # none told apart, but the seeds part them more than elsewhere
    shown, said = shown_problems(report_of(rows), list(rows))
    assert shown == ["p0", "p1", "p2", "p3", "p4", "p5", "p7", "p9"]
    assert said == (
        " 8 of 10 data sets: those on which most pairs of arms are told apart; report.md's tables have all."
    )


def test_where_nothing_is_told_apart_the_subtitle_does_not_say_so() -> None:
    rows = {f"p{i}": [("too_few", 5 + (i == 8), 5 - (i == 8))] for i in range(9)}
    shown, said = shown_problems(report_of(rows), list(rows))
    assert shown == [f"p{i}" for i in range(9) if i != 7]
    assert "told apart" not in said
    assert "8 of 9 data sets: those on which the seeds agree most" in said


def test_one_arm_has_no_pairs_so_the_first_data_sets_are_shown() -> None:
    problems = [f"p{i}" for i in range(30)]
    shown, said = shown_problems(report_of({problem: [] for problem in problems}, arms=1), problems)
    assert shown == problems[:24]
    assert said.startswith(" 24 of 30 data sets: the first ones;")


@pytest.mark.parametrize("name", PANELS)
def test_every_figure_with_a_panel_per_data_set_keeps_the_same_ones_and_says_how_many(name: str) -> None:
    figures = drawn(13, 20)
    panels = titles(figures[name])
    assert panels == titles(figures["leaderboard"])
    assert len(panels) == 12
    assert re.search(
        r"12 of 13 data sets: those on which .*; report.md's tables have all", figures[name].subtitle
    )


@pytest.mark.parametrize("name", PANELS)
def test_no_panel_is_left_out_where_there_is_room(name: str) -> None:
    drawing = drawn(5, 3)[name]
    assert titles(drawing) == [f"set_{i}" for i in range(5)]
    assert "report.md" not in drawing.subtitle


@pytest.mark.parametrize("name", ["leaderboard", "paired_differences"])
def test_all_grey_arms_seeds_are_one_artist_and_none_is_lost(name: str) -> None:
    figure = drawn(13, 20)[name].figure
    ax = figure.axes[0]
    sizes = sorted(len(dots.get_offsets()) for dots in ax.collections if hasattr(dots, "get_sizes"))
    coloured = 7 - (name == "paired_differences")  # the reference has no row of its own
    assert sizes == [6] * coloured + [13 * 6]
    rows = {round(float(y)) for dots in ax.collections for _, y in dots.get_offsets()}
    assert rows >= set(range(19))
    marks = [line for line in ax.lines if line.get_marker() in (".", "o") and len(line.get_xdata()) > 1]
    assert sum(len(line.get_xdata()) for line in marks) == 13
    bars = [bar for bar in ax.collections if len(getattr(bar, "get_segments", list)()) == 13]
    assert len(bars) == 1


def test_grey_learning_curves_are_one_artist_below_the_coloured_ones() -> None:
    ax = drawn(13, 20)["learning_curves"].figure.axes[0]
    (grey,) = [lines for lines in ax.collections if hasattr(lines, "get_segments")]
    assert len(grey.get_segments()) == 13
    assert [list(path[:, 0]) for path in grey.get_segments()] == [[0, 10, 20]] * 13
    coloured = [line for line in ax.lines if line.get_label() in ARMS]
    assert len(coloured) == 7
    assert grey.get_zorder() < min(line.get_zorder() for line in coloured)


def test_cells_too_narrow_for_scores_hold_ranks_alone() -> None:
    wide, narrow = (drawn(problems, 3, 1, ("heat_map",))["heat_map"] for problems in (5, 40))
    scores = [[t.get_text() for t in d.figure.axes[0].texts if "." in t.get_text()] for d in (wide, narrow)]
    assert len(scores[0]) == 5 * 3
    assert scores[1] == []
    ranks = [text.get_text() for text in narrow.figure.axes[0].texts]
    assert sorted(set(ranks)) == ["1", "2", "3"]
    assert len(ranks) == 40 * 3
    assert "report.md's tables have the scores" in narrow.subtitle


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_of_very_many_cells_the_best_three_have_a_number_and_so_have_those_that_lost_seeds(
    width: float,
) -> None:
    arms, problems = [f"arm_{i}" for i in range(8)], [f"set_{i}" for i in range(38)]

    def status(problem: str, arm: str, seed: int) -> Any:
        return "diverged" if (problem, arm, seed) == ("set_5", "arm_3", 100) else "ok"

    few_seeds = {"seeds": (100, 101, 102), "tune_seeds": (), "rates": (0.1,), "steps": 10}
    results = make_results(arms, problems, status=status, **few_seeds)
    drawing = next(draw_on(results, [width], "heat_map"))["heat_map"]
    ranks = [text.get_text() for text in drawing.figure.axes[0].texts if "." not in text.get_text()]
    ranks = [text for text in ranks if text != "mean rank"]
    assert sorted(ranks) == sorted(["1", "2", "3"] * 38 + ["8\n×1"])
    line = "row" if width == PHONE else "column"
    assert (
        f", for the 3 best of each {line}; report.md's tables have every rank and score." in drawing.subtitle
    )
