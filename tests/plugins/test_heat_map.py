"""The heat map of ranks and gaps, judged by what its cells hold."""

from __future__ import annotations

import math

import pytest
from drawn_figures import draw, few, texts
from matplotlib.colors import to_hex
from results_factory import make_results
from scipy import stats

from anncore import Drawing
from anncore.report.theme import Theme


def test_heat_map_calls_no_gap_nought() -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return 0.5 if arm == "a" else 0.501  # 0.2 % apart on both

    results = make_results(arms=("a", "b"), problems=("xor", "iris"), score=score)
    title = draw(results, "heat_map")["heat_map"].title
    assert title == "Best and worst optimizer differ by less than 1 % on each data set"


def test_heat_map_holds_ranks_and_gaps_by_column() -> None:
    drawn = draw(few(), "heat_map")["heat_map"]
    ax = drawn.figure.axes[0]
    levels = ax.collections[0].get_array().reshape(3, 3)
    assert (levels[0] == 0).all()  # adam is the best of every column
    assert (levels[2] == 15).all()  # sgd the worst
    shown = texts(drawn)
    assert [shown.count(rank) for rank in ("1", "2", "3")] == [3, 3, 3]
    assert "1.0" in " ".join(shown)


def fills(drawn: Drawing) -> dict[str, tuple[float, float]]:
    """Return by colour a place of those cells of a heat map that are not coloured by their gap."""
    return {to_hex(patch.get_facecolor()): patch.get_xy() for patch in drawn.figure.axes[0].patches}


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_a_cell_is_grey_where_the_paired_interval_from_the_best_holds_0(spread: float) -> None:
    """b is 10 % worse than a on average, and by turns far more and less; checked by SciPy 1.17's t-test."""

    def score(problem: str, arm: str, seed: int) -> float:
        behind = 0.1 * (1 + spread * (1 if seed % 2 else -1)) * (arm == "b")
        return math.exp(0.2 * (seed % 3) + behind)

    results = make_results(arms=("a", "b"), problems=("xor", "iris"), score=score)
    drawn, theme = draw(results, "heat_map")["heat_map"], Theme()
    a, b = ([math.log(score("xor", arm, seed)) for seed in range(100, 110)] for arm in "ab")
    grey = stats.ttest_rel(b, a).confidence_interval(0.95).low <= 0
    assert grey == (spread > 1)
    assert fills(drawn) == ({theme.token("grid"): (1, 1)} if grey else {})
    assert ("Grey: the 95 % t-interval" in drawn.subtitle) == grey


def test_arms_that_share_a_rank_as_they_lost_a_seed_have_one_colour() -> None:
    """Both b and c lost a seed, so both rank behind a, though the mean of b's others is the best of all."""
    results = make_results(
        arms=("a", "b", "c"),
        problems=("xor", "iris"),
        score=lambda p, arm, s: {"a": 0.5, "b": 0.1, "c": 2.0}[arm] * (1 + s % 7 / 100),
        status=lambda p, arm, s: "diverged" if p == "iris" and arm != "a" and s == 100 else "ok",
    )
    drawn, lost = draw(results, "heat_map")["heat_map"], Theme().token("alarm_fill")
    red = [patch.get_xy() for patch in drawn.figure.axes[0].patches if to_hex(patch.get_facecolor()) == lost]
    assert len(red) == 2
    assert {x for x, _ in red} == {1.0}  # iris
    assert "2.5" in texts(drawn)
    assert "Red, ×n: n seeds did not finish" in drawn.subtitle


def test_a_cell_fails_where_half_of_its_seeds_diverged() -> None:
    results = few(status=lambda p, a, s: "diverged" if (p, a) == ("digits", "sgd") and s < 105 else "ok")
    drawn = draw(results, "heat_map")["heat_map"]
    assert "diverged\n5/10" in texts(drawn)
    (box,) = [patch for patch in drawn.figure.axes[0].patches if patch.get_hatch()]
    assert box.get_hatch() == "////"
    assert drawn.title.endswith("failures on digits")


def test_a_word_in_a_cell_is_explained() -> None:
    results = few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,))
    assert "Floor" not in draw(results, "heat_map")["heat_map"].subtitle
    results.trials.loc[results.trials["arm"] == "adam", ["test_loss", "test_accuracy", "test_mae"]] = 0.0
    drawing = draw(results, "heat_map")["heat_map"]
    assert ("Floor" in drawing.subtitle) == ("floor" in texts(drawing))
