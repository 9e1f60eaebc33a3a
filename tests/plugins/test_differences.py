"""The first figure of a report: every arm's difference from the reference, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lazy_report import LazyReport
from results_factory import make_results

from anncore import Drawing, drawing, load_registry
from anncore.report.write import figure_input

SEEDS = tuple(range(100, 112))


def draw(width: float = drawing.WIDE, **options: Any) -> Drawing | str:
    results = make_results(**({"problems": ("xor",), "seeds": SEEDS, "regression": ()} | options))
    data = replace(figure_input(results, LazyReport(results)), width=width)
    figure = load_registry().get("figure", "differences").cls
    with drawing.drawing_style():
        made: Drawing | str = figure().draw(data)
    return made


def shown(*args: Any, **options: Any) -> Drawing:
    made = draw(*args, **options)
    assert isinstance(made, Drawing)
    return made


def scored(**factors: float) -> Callable[[str, str, int], float]:
    """Return scores whose ratios to one another are the same on every seed, but for a thousandth."""
    return lambda problem, arm, seed: factors[arm] * (1 + 0.1 * (seed % 5)) * (1 + 0.001 * (seed % 3))


def marks(ax: Any) -> list[tuple[float, float]]:
    """Return the marks: lines of one point."""
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines if len(line.get_xdata()) == 1]


def test_losses_are_compared_by_ratios_read_in_per_cent() -> None:
    made = shown(arms=("a", "b", "c"), score=scored(a=0.5, b=0.75, c=0.5))
    (ax,) = made.figure.axes
    (_, reference), (ratio, row) = marks(ax)[0], marks(ax)[-1]
    assert (reference, row) == (0, 2)
    assert math.isclose(ratio, 1.5, rel_tol=1e-9)  # b has half as much again as a
    ax.figure.canvas.draw()
    assert {label.get_text() for label in ax.get_xticklabels()} >= {"0", "+50 %"}
    assert made.title == "Tier 1: a and c; tier 2: b"
    assert "Against a, the first arm of the first tier, at 0." in made.subtitle
    assert "b: 50 % higher (50 to 50 % higher)" in made.alt


def test_where_success_decides_the_tiers_the_subtitle_says_what_the_marks_are_of() -> None:
    success = {"success": {"metric": "test_loss", "at_most": 0.7}}
    made = shown(arms=("a", "b"), score=scored(a=0.5, b=0.9), report=success)
    assert made.title == "By success rate, tier 1: a; tier 2: b"
    assert made.subtitle.endswith("The marks are of test loss, the tiers of the success rate.")


def test_the_control_is_the_reference_and_the_zone_is_the_least_that_matters() -> None:
    made = shown(arms=("a", "b"), score=scored(a=0.5, b=0.55), report={"control": "b", "rope": 0.02})
    (ax,) = made.figure.axes
    assert "Against b, the control, at 0." in made.subtitle
    assert "Grey zone: ±2 %, too little to matter." in made.subtitle
    zones = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches]
    assert any(math.isclose(zone.x0, 1 / 1.02) and math.isclose(zone.x1, 1.02) for zone in zones)


def test_two_arms_on_several_data_sets_have_a_row_for_each() -> None:
    made = shown(arms=("a", "b"), problems=("xor", "iris", "wine"), score=scored(a=0.5, b=0.6))
    (ax,) = made.figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["xor", "iris", "wine", "all data sets"]
    assert made.subtitle.startswith("b against a, the first arm of the first tier, at 0.")


def test_an_interval_beyond_the_axis_is_said_to_go_on() -> None:
    """On wine two of twelve seeds are eightfold: its interval is far wider than the three others' axis."""

    def score(problem: str, arm: str, seed: int) -> float:
        far = 8.0 if (arm, problem) == ("b", "wine") and seed % 6 == 0 else 1.0
        return (1.02 if arm == "b" else 1.0) * far * (1 + 0.001 * (seed % 3))

    made = shown(arms=("a", "b"), problems=("xor", "iris", "digits", "wine"), score=score)
    (ax,) = made.figure.axes
    bars = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 2]
    assert any(max(bar) == ax.get_xlim()[1] for bar in bars)
    assert made.subtitle.endswith("A bar that reaches the axis' end goes on beyond it.")


def test_where_nothing_is_told_apart_no_tier_is_named() -> None:
    made = shown(arms=("a", "b"), problems=("xor", "iris"), score=lambda *_: 1.0)
    assert made.subtitle.startswith("b against a, the first arm of the table, at 0.")
    assert not made.subtitle.endswith("beyond it.")


def test_an_axis_that_reaches_both_ways_has_a_number_on_either_side() -> None:
    # Ratios of 0.55 and 1.75: of 0.5, 1 and 2 the axis would hold two, none of them above 0.
    ratios = {"xor": 0.55, "iris": 1.75}
    sheet = shown(
        arms=("a", "b"),
        problems=tuple(ratios),
        score=lambda problem, arm, seed: (
            (ratios[problem] if arm == "b" else 1.0) * (1 + 0.1 * (seed % 5)) * (1 + 0.001 * (seed % 3))
        ),
    )
    low, high = sheet.figure.axes[0].get_xlim()
    places = [x for x in sheet.figure.axes[0].get_xticks() if low <= x <= high]
    assert min(places) < 0.999
    assert max(places) > 1.001
    assert any(abs(x - 1) < 1e-9 for x in places)


def test_data_sets_beyond_those_that_a_phone_shows_are_counted_and_not_chosen_by_their_outcome() -> None:
    problems = tuple(f"set{i:02d}" for i in range(12))
    made = shown(drawing.PHONE, arms=("a", "b"), problems=problems, score=scored(a=0.5, b=0.6))
    names = [label.get_text() for label in made.figure.axes[0].get_yticklabels()]
    assert names == [*problems[:10], "all data sets"]
    assert " 2 more data sets: see the tables." in made.subtitle


def test_many_arms_are_cut_and_counted_on_a_phone() -> None:
    arms = tuple(f"arm{i:02d}" for i in range(40))
    made = shown(
        drawing.PHONE, arms=arms, score=scored(**{arm: 0.5 + 0.01 * i for i, arm in enumerate(arms)})
    )
    assert " 30 more arms: see the table." in made.subtitle
    assert made.figure.get_figwidth() <= drawing.PHONE + 0.01
    assert len(made.figure.axes[0].get_yticklabels()) == 10


def test_an_arm_that_failed_has_a_lane_and_no_mark() -> None:
    def status(problem: str, arm: str, seed: int) -> Any:
        return "failed" if arm == "b" and seed < 102 else "ok"

    made = shown(arms=("a", "b", "c"), score=scored(a=0.5, b=0.4, c=0.9), status=status)
    (ax,) = made.figure.axes
    texts = [text.get_text() for text in ax.texts]
    assert "no tier: 2 failed of 12 trials" in texts
    assert "×2/12" in texts
    assert sorted(y for _, y in marks(ax)) == [0, 1]


def test_without_two_arms_it_says_why_it_draws_nothing() -> None:
    assert draw(arms=("a",), score=scored(a=0.5)) == "There are not two arms to compare."
