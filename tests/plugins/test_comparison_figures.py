"""Critical differences, speed, win probabilities and budgets, judged by what the axes hold."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drawn_figures import texts
from lazy_report import LazyReport
from results_factory import make_results
from shipped import REGISTRY

from anncore import Drawing, RunTimeCurves
from anncore.evidence.results import Cost
from anncore.report.theme import Theme
from anncore.report.write import figures_of


def draw(
    results: Any, name: str, change: Callable[[dict[str, Any]], None] = lambda report: None
) -> Drawing | str:
    """Draw one figure, from a report whose content may be changed by hand before."""
    report = LazyReport(results)
    change(report)
    for _, drawing in figures_of(results, report, only=(name,)):
        return drawing if isinstance(drawing, Drawing) else drawing.reason
    raise AssertionError(f"no figure is called {name}")


def drawn(results: Any, name: str, change: Callable[[dict[str, Any]], None] = lambda report: None) -> Drawing:
    drawing = draw(results, name, change)
    assert isinstance(drawing, Drawing)
    return drawing


def weights(drawing: Drawing) -> dict[str, Any]:
    from matplotlib.text import Text

    return {text.get_text(): text.get_weight() for text in drawing.figure.findobj(Text)}


def sweep(
    arms: tuple[str, ...], problems: int, score: Callable[[str, str, int], float], **options: Any
) -> Any:
    return make_results(
        arms=arms,
        problems=tuple(f"set {i}" for i in range(problems)),
        tune_seeds=(),
        rates=(0.1,),
        regression=tuple(f"set {i}" for i in range(problems)),
        seeds=options.pop("seeds", (100, 101)),
        score=score,
        steps=20,
        **options,
    )


# -- critical difference -------------------------------------------------------------------------------


def near_and_far(problem: str, arm: str, seed: int) -> float:
    """`a` beats `b` on five of eight data sets, by as much as it loses on three; `c` loses to both on all."""
    wins = int(problem.split()[1]) < 5
    return {"a": 1.0 if wins else 1.1, "b": 1.1 if wins else 1.0, "c": 2.0 + int(problem.split()[1])}[arm]


def bars(drawing: Drawing) -> list[Any]:
    return [line for line in drawing.figure.axes[0].lines if line.get_linewidth() == 4]


def test_a_bar_joins_what_the_tests_do_not_tell_apart() -> None:
    # Eight wins of eight: p = 2/256, times 3 pairs = .023. Mean ranks: (5·1 + 3·2)/8, (3·1 + 5·2)/8, 3.
    drawing = drawn(sweep(("a", "b", "c"), 8, near_and_far), "critical_difference")
    (bar,) = bars(drawing)
    assert list(bar.get_xdata()) == [1.375, 1.625]
    assert drawing.title == "a ranks best over 8 data sets, told apart from 1 of 2 other arms (c)"
    assert {"1.38", "1.62", "3.00"} <= set(texts(drawing))
    assert "Holm-adjusted over 3 pairs" in drawing.subtitle
    assert "Not told apart: a and b." in drawing.alt


def test_a_bar_that_passes_a_stranger_has_no_dot_on_it() -> None:
    def change(report: dict[str, Any]) -> None:
        for c in report["comparisons"]["overall"]:
            c["verdict"] = "undecided" if {c["a"], c["b"]} == {"a", "c"} else "better"

    drawing = drawn(sweep(("a", "b", "c"), 8, near_and_far), "critical_difference", change)
    (bar,) = bars(drawing)
    assert list(bar.get_xdata()) == [1.375, 3.0]
    height = bar.get_ydata()[0]
    dots = [line for line in drawing.figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert sorted(dot.get_xdata()[0] for dot in dots if dot.get_ydata()[0] == height) == [1.375, 3.0]


def test_marks_of_equal_ranks_stand_side_by_side() -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return {"a": 1.0 + int(problem.split()[1]) % 2, "b": 2.0 - int(problem.split()[1]) % 2, "c": 3.0}[arm]

    drawing = drawn(sweep(("a", "b", "c"), 8, score), "critical_difference")
    ax = drawing.figure.axes[0]
    marks = [line for line in ax.lines if len(line.get_xdata()) == 1 and line.get_ydata()[0] == 0]
    first, second, third = sorted(mark.get_xdata()[0] for mark in marks)
    inch = 2 / (ax.get_position().width * drawing.figure.get_figwidth())
    assert (first + second) / 2 == pytest.approx(1.5)  # the rank of both
    assert second - first == pytest.approx(0.1 * inch)  # a mark is 6 points, 0.083 inches, wide
    assert third == 3
    assert "Marks of equal ranks stand side by side." in drawing.subtitle
    assert texts(drawing).count("1.50") == 2


@pytest.mark.parametrize(
    ("problems", "title"),
    [
        (4, "a and b rank best on average (1.50 of 3), but 4 data sets are too few to tell arms apart"),
        (8, "a and b rank best over 8 data sets; a is told apart from 1 of 2 other arms (c)"),
    ],
)
def test_arms_that_share_the_best_rank_are_all_named(problems: int, title: str) -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return {"a": 1.0 + int(problem.split()[1]) % 2, "b": 2.0 - int(problem.split()[1]) % 2, "c": 3.0}[arm]

    assert drawn(sweep(("a", "b", "c"), problems, score), "critical_difference").title == title


def test_where_all_ranks_are_equal_nobody_ranks_best() -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return {"a": 1.0 + int(problem.split()[1]) % 2, "b": 2.0 - int(problem.split()[1]) % 2}[arm]

    title = drawn(sweep(("a", "b"), 4, score), "critical_difference").title
    assert title == "All 2 arms share the mean rank 1.50; 4 data sets are too few to tell arms apart"


def test_without_a_bar_the_subtitle_speaks_of_none() -> None:
    drawing = drawn(sweep(("a", "b"), 8, lambda p, arm, s: "ab".index(arm) + 1.0), "critical_difference")
    assert not bars(drawing)
    assert drawing.subtitle.startswith("No bar: the two are told apart. Exact Wilcoxon")


def test_a_control_shares_one_bar_with_all_that_are_not_told_apart_from_it() -> None:
    results = sweep(("a", "b", "c"), 8, near_and_far, report={"control": "b"})
    drawing = drawn(results, "critical_difference")
    (bar,) = bars(drawing)
    assert list(bar.get_xdata()) == [1.375, 1.625]
    assert drawing.title == "Over 8 data sets c is worse than the control b"


def test_fewer_than_six_data_sets_are_described_and_not_tested() -> None:
    drawing = drawn(sweep(("a", "b", "c"), 5, near_and_far), "critical_difference")
    assert not bars(drawing)
    assert drawing.title.endswith("but 5 data sets are too few to tell arms apart")
    assert drawing.subtitle.startswith("Description only")


def test_one_data_set_has_no_critical_difference() -> None:
    assert isinstance(draw(sweep(("a", "b"), 1, near_and_far), "critical_difference"), str)


# -- performance profile -------------------------------------------------------------------------------


def racing(steps: Mapping[tuple[str, str], float], target: Any = 0.5, **options: Any) -> Any:
    """Return a sweep in which every seed of (arm, problem) falls below the target at a given step."""
    arms = tuple(dict.fromkeys(arm for arm, _ in steps))
    problems = len({problem for _, problem in steps})
    results = sweep(
        arms, problems, lambda *_: 0.1, report={"target": target}, seeds=(100, 101, 102), **options
    )
    at = np.arange(0, 50, 10)
    parts = []
    for row in results.trials.to_dict("records"):
        value = np.where(at >= steps[row["arm"], row["problem"]], 0.5, 0.9)
        parts.append(pd.DataFrame({"key": row["key"], "step": at, "metric": "valid_loss", "value": value}))
    results = replace(results, curves=pd.concat(parts, ignore_index=True))
    return results


RACE = {
    ("a", "set 0"): 10,
    ("a", "set 1"): 20,
    ("a", "set 2"): math.inf,
    ("b", "set 0"): 20,
    ("b", "set 1"): 20,
    ("b", "set 2"): 40,
}


def test_the_profile_counts_data_sets_within_a_ratio_and_scores_the_area() -> None:
    # b is within twice the best on all three: (2/3 · 1 + 1 · 2) / 3 = 0.89; a never reaches the third: 2/3.
    # Alone, each is the fastest wherever it arrives: 1 and 2/3.
    drawing = drawn(racing(RACE), "performance_profile")
    profile, raw = drawing.figure.axes
    lines = {line.get_label(): line for line in profile.lines}
    assert list(lines["b"].get_xdata()) == [1, 1, 1, 2, 4]
    np.testing.assert_allclose(lines["b"].get_ydata(), [0, 100 / 3, 200 / 3, 100, 100])
    np.testing.assert_allclose(lines["a"].get_ydata()[-1], 200 / 3)
    assert {"b 0.89 (0.89–1.00)", "a 0.67 (0.67–0.67)"} <= set(texts(drawing))
    assert drawing.title == (
        "b has the best time-to-target score (0.89); a misses the target on 1 of 3 data sets"
    )
    assert drawing.subtitle.startswith("Targets: named by the experiment")
    assert [label.get_text() for label in raw.get_yticklabels()] == ["set 0", "set 1", "set 2"]


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        # b takes twice as long on six data sets: worth 2/3 against 1 on each, so the interval is 1/3 to 1/3.
        ((2.0,) * 6, "; the 95 % interval of its lead over the other arm leaves out 0)"),
        # b is the faster on two of six: the differences are 1/3 three times, 2/3, and -1/3 twice; their mean
        # 1/6, standard error 1/6, and Student's t with 5 degrees of freedom 2.57.
        ((2.0, 2.0, 3.0, 0.5, 0.5, 2.0), "; the 95 % interval of its lead over the other arm holds 0)"),
        ((2.0,) * 5, ")"),  # too few data sets
    ],
)
def test_a_score_is_ahead_where_the_interval_over_data_sets_leaves_out_0(
    slow: tuple[float, ...], said: str
) -> None:
    steps = {("a", f"set {i}"): 10 if ratio > 1 else 20 for i, ratio in enumerate(slow)}
    steps |= {
        ("b", place): ratio * steps["a", place] for (_, place), ratio in zip(tuple(steps), slow, strict=True)
    }
    title = drawn(racing(steps), "performance_profile").title
    assert re.sub(r"^a has the best time-to-target score \([01]\.\d\d", "", title) == (
        f"{said}; every arm reaches every target"
    )


def test_what_never_arrives_stands_in_a_lane_with_its_count() -> None:
    drawing = drawn(racing(RACE), "performance_profile")
    raw = drawing.figure.axes[1]
    medians = {line.get_label(): line for line in raw.lines}
    assert list(medians["a"].get_xdata()[:2]) == [10, 20]
    assert list(medians["b"].get_xdata()) == [20, 20, 40]
    lane = medians["a"].get_xdata()[2]
    assert 40 < lane < raw.get_xlim()[1]
    assert texts(drawing).count("3/3") == 1
    assert "never" in texts(drawing)
    seeds = [line for line in raw.lines if line.get_marker() == "|"]
    assert sorted(len(line.get_xdata()) for line in seeds) == [6, 9]


@pytest.mark.parametrize(
    ("steps", "title"),
    [
        (  # a is twice as fast where both arrive; each misses one data set
            {**RACE, ("a", "set 0"): 10, ("b", "set 0"): 20, ("a", "set 1"): 20, ("b", "set 2"): math.inf},
            "a has the best time-to-target score (0.67); every arm misses the target on 1 of 3 data sets",
        ),
        (dict.fromkeys(RACE, math.inf), "No arm reaches the target on any data set"),
        (
            dict.fromkeys(RACE, 10),
            "Both arms have the same time-to-target score (1.00) and reach every target",
        ),
        (  # as above, but the third data set's target is reached by nobody
            dict.fromkeys(RACE, 10) | {("a", "set 2"): math.inf, ("b", "set 2"): math.inf},
            "Both arms have the same time-to-target score (0.67) and miss the target on 1 of 3 data sets",
        ),
    ],
)
def test_what_all_arms_share_is_said_once(steps: Mapping[tuple[str, str], float], title: str) -> None:
    assert drawn(racing(steps), "performance_profile").title == title


def test_a_profile_of_nobody_is_not_drawn() -> None:
    drawing = drawn(racing(dict.fromkeys(RACE, math.inf)), "performance_profile")
    (raw,) = drawing.figure.axes
    assert [label.get_text() for label in raw.get_yticklabels()][:2] == ["set 0: a", "set 0: b"]


def test_steps_are_whole() -> None:
    drawing = drawn(racing(dict.fromkeys(RACE, 1) | {("a", "set 0"): 2}), "performance_profile")
    for ax in drawing.figure.axes[1:]:
        assert all(tick == round(tick) for tick in ax.get_xticks())


def test_a_target_met_at_the_start_is_no_race() -> None:
    drawing = drawn(racing({**RACE, ("b", "set 0"): 0}), "performance_profile")
    assert "Not in the profile: set 0" in drawing.subtitle
    lines = {line.get_label(): line for line in drawing.figure.axes[0].lines}
    np.testing.assert_allclose(lines["a"].get_ydata()[-1], 50)


def test_on_one_data_set_there_are_steps_and_no_profile() -> None:
    steps = {("a", "set 0"): 10.0, ("b", "set 0"): 30.0}
    drawing = drawn(racing(steps), "performance_profile")
    (raw,) = drawing.figure.axes
    assert [label.get_text() for label in raw.get_yticklabels()] == ["a", "b"]
    assert drawing.title == "a reaches the target first, after 10 steps in the median"


@pytest.mark.parametrize(
    ("steps", "title"),
    [
        ({"a": 10, "b": 10}, "Both arms reach the target after 10 steps in the median"),
        (
            {"a": 20, "b": 10, "c": 10, "d": math.inf},
            "b and c reach the target first, after 10 steps in the median; d never",
        ),
    ],
)
def test_arms_that_arrive_together_are_all_first(steps: Mapping[str, float], title: str) -> None:
    drawing = drawn(racing({(arm, "set 0"): step for arm, step in steps.items()}), "performance_profile")
    assert drawing.title == title


def test_a_target_taken_from_the_very_runs_says_so() -> None:
    results = racing(dict.fromkeys(RACE, 10), target=None)
    del results.experiment.document["report"]["target"]
    drawing = drawn(results, "performance_profile")
    assert "chosen after the fact" in drawing.subtitle


def test_without_curves_nobody_is_timed() -> None:
    results = racing(RACE)
    results = replace(results, curves=results.curves.iloc[:0])
    assert isinstance(draw(results, "performance_profile"), str)


# -- probability of improvement ------------------------------------------------------------------------


def test_the_matrix_holds_shares_of_seeds_with_wilsons_interval() -> None:
    # 8 of 10: 49 to 94 %; 9 of 10: 60 to 98 % (Wilson 1927, as tabulated by Newcombe, 1998).
    def score(problem: str, arm: str, seed: int) -> float:
        place = seed - 100
        return {"a": 1.0, "b": 0.9 if place < 2 else 1.2, "c": 0.8 if place < 1 else 1.5, "d": 2.0}[arm]

    results = sweep(("a", "b", "c", "d"), 1, score, seeds=tuple(range(100, 110)))
    drawing = drawn(results, "probability_of_improvement")
    shown, weight = texts(drawing), weights(drawing)
    assert {"80 %", "49 to 94", "90 %", "60 to 98", "20 %", "6 to 51"} <= set(shown)
    assert weight["80 %"] == "normal"
    assert weight["10 %"] == "bold"
    # d loses always, in three pairs: a dash in both cells of each.
    assert [text.get_text() for text in drawing.figure.axes[0].texts].count("100 %") == 3
    assert shown.count("–") == 6
    assert drawing.title == (
        "a is ahead of every other arm, in 80 to 100 % of pairs, but the 95 % interval against b holds 50 %"
    )
    # Ten wins of ten leave out one half as nine do: Wilson's interval begins at 72 %.
    always = [text for text in drawing.figure.axes[0].texts if text.get_text() == "100 %"]
    assert {text.get_weight() for text in always} == {"bold"}
    assert "Not multiplicity-adjusted" in drawing.subtitle


@pytest.mark.parametrize(
    ("others", "title"),
    [
        ({"b": 4}, "a is ahead of b in 60 % of pairs, but its 95 % interval, 31 to 83 %, holds 50 %"),
        (
            {"b": 4, "c": 3},
            "a is ahead of every other arm, in 60 to 70 % of pairs, but every 95 % interval holds 50 %",
        ),
        (
            {"b": 4, "c": 3, "d": 1},
            "a is ahead of every other arm, in 60 to 90 % of pairs, but only against d does the 95 % "
            "interval leave out 50 %",
        ),
        (
            {"b": 1, "c": 1, "d": 0},
            "a beats every other arm; least often b, in 90 % of pairs, 95 % interval 60 to 98 %",
        ),
    ],
)
def test_an_arm_that_may_be_equal_to_all_others_beats_nobody(others: dict[str, int], title: str) -> None:
    # Wilson's interval of 6 of 10 is 31 to 83 %, of 7 of 10 40 to 89 % (Newcombe, 1998).
    def score(problem: str, arm: str, seed: int) -> float:
        return 1.0 if arm == "a" else 0.5 if seed - 100 < others[arm] else 2.0

    results = sweep(("a", *others), 1, score, seeds=tuple(range(100, 110)))
    assert drawn(results, "probability_of_improvement").title == title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (
            "learning_curves",
            "a ends with the lowest validation loss on set 0; surely ahead of b, the next arm "
            "(95 % interval)",
        ),
        ("paired_differences", "a beats b and c on set 0"),
    ],
)
def test_an_only_data_set_is_called_by_its_name(name: str, title: str) -> None:
    losses = {"a": 1.0, "b": 2.0, "c": 3.0}
    results = sweep(
        ("a", "b", "c"),
        1,
        lambda p, arm, seed: losses[arm] * (1 + seed % 7 / 100),
        seeds=tuple(range(100, 110)),
    )
    assert drawn(results, name).title == title


def test_three_wins_of_three_have_no_colour_and_ten_of_ten_have() -> None:
    """Wilson's lower end: 3 / (3 + 1.96²) = 44 % is no claim; 10 / (10 + 1.96²) = 72 % is level 7 of 16."""
    from matplotlib.colors import to_hex

    grey = Theme().token("zebra")
    for seeds, color in ((3, grey), (10, Theme().ramp[7])):
        results = sweep(("a", "b"), 1, lambda p, arm, s: "ab".index(arm) + 1.0, seeds=range(100, 100 + seeds))
        drawing = drawn(results, "probability_of_improvement")
        ahead = [to_hex(box.get_facecolor()) for box in drawing.figure.axes[0].patches]
        assert ahead == [color, grey]
        assert "100 %" in texts(drawing)


def test_over_data_sets_it_is_the_mean_of_their_shares() -> None:
    # a wins both seeds on three of four data sets and one of two on the fourth: (3 · 1 + 1/2) / 4 = 87.5 %.
    def score(problem: str, arm: str, seed: int) -> float:
        return 0.5 if problem == "set 3" and arm == "b" and seed == 100 else {"a": 1.0, "b": 2.0}[arm]

    drawing = drawn(sweep(("a", "b"), 4, score), "probability_of_improvement")
    assert "88 %" in texts(drawing)
    assert "mean over 4 data sets" in drawing.subtitle


def test_the_two_shares_of_a_pair_add_up_to_a_hundred() -> None:
    # 23 of 40 are 57.5 %: 58 against 42, where rounding each alone gives 57 or 58 against 42.
    results = sweep(
        ("a", "b"),
        1,
        lambda p, arm, seed: 1.0 if arm == "a" else 2.0 if seed < 123 else 0.5,
        seeds=tuple(range(100, 140)),
    )
    assert {"58 %", "42 %"} <= set(texts(drawn(results, "probability_of_improvement")))


def test_of_several_variants_of_one_data_set_none_stands_for_all() -> None:
    variants = ("moons noise=0.1", "moons noise=0.3")
    results = make_results(arms=("a", "b"), problems=variants, datasets=dict.fromkeys(variants, "moons"))
    assert isinstance(draw(results, "probability_of_improvement"), str)


def test_twenty_arms_show_the_best_twelve() -> None:
    arms = tuple(f"arm {i}" for i in range(20))
    results = sweep(arms, 2, lambda problem, arm, seed: 1.0 + int(arm.split()[1]))
    drawing = drawn(results, "probability_of_improvement")
    assert len(drawing.figure.axes[0].patches) == 12 * 11
    assert drawing.subtitle.endswith("The 12 best of 20 arms.")
    assert drawing.title == "arm 0 beats each of the other 11 drawn in every pair"


def test_arms_that_are_always_equal_beat_nobody() -> None:
    drawing = drawn(sweep(("a", "b"), 2, lambda *_: 1.0), "probability_of_improvement")
    assert drawing.title == "No arm beats another more often than it loses to it"


def test_a_share_that_reads_fifty_per_cent_is_a_tie() -> None:
    """51 of 101 are 50.495 %: neither cell is shaded, and nobody is ahead."""
    from matplotlib.colors import to_hex

    results = sweep(
        ("a", "b"),
        1,
        lambda p, arm, seed: 1.0 if arm == "a" else 2.0 if seed < 151 else 0.5,
        seeds=tuple(range(100, 201)),
    )
    drawing = drawn(results, "probability_of_improvement")
    assert [text for text in texts(drawing) if text.endswith("0 %")][:2] == ["50 %", "50 %"]
    faces = {to_hex(box.get_facecolor()) for box in drawing.figure.axes[0].patches}
    assert faces == {Theme().token("zebra")}
    assert drawing.title == "No arm beats another more often than it loses to it"


@pytest.mark.parametrize("name", ["critical_difference", "probability_of_improvement"])
def test_one_arm_is_compared_with_nobody(name: str) -> None:
    assert isinstance(draw(sweep(("a",), 8, near_and_far), name), str)


# -- budget curves -------------------------------------------------------------------------------------


Tried = Mapping[tuple[str, str], list[float]]


def tried(scores: Tried, metric: str = "valid_loss", goal: str = "min") -> Any:
    """Return a sweep whose tuning trials of (arm, problem) have these scores, one each; NaN diverged."""
    arms = tuple(dict.fromkeys(arm for arm, _ in scores))
    problems = tuple(dict.fromkeys(problem for _, problem in scores))
    rates = tuple(0.001 * 2**i for i in range(max(map(len, scores.values()))))
    results = make_results(
        arms=arms, problems=problems, seeds=(100, 101), tune_seeds=(0,), rates=rates, metric=metric, goal=goal
    )
    for (arm, problem), values in scores.items():
        trials = results.trials
        mine = (trials["phase"] == "tune") & (trials["arm"] == arm) & (trials["problem"] == problem)
        rows = trials[mine].index
        results.trials.loc[rows, metric] = values
        results.trials.loc[rows, "status"] = ["diverged" if math.isnan(v) else "ok" for v in values]
    return results


def lines(ax: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in ax.lines}


def test_of_losses_the_median_over_all_choices_is_drawn() -> None:
    # Of 1, 2, 4 and none: of the six pairs three hold 1, two more 2, one 4: median 1 (the third of six).
    # One at random: the second of four, 2. Of the four triples three hold 1. b: always 3.
    results = tried({("a", "xor"): [4, 1, math.nan, 2], ("b", "xor"): [3, 3, 3, 3]})
    drawing = drawn(results, "budget_curves")
    first, second = drawing.figure.axes
    assert list(lines(first)["a"].get_xdata()) == [1, 2, 3, 4]
    assert list(lines(first)["a"].get_ydata()) == [2, 1, 1, 1]
    assert list(lines(second)["b"].get_ydata()) == [3, 3, 3, 3]
    assert [ax.get_title(loc="left") for ax in (first, second)] == ["a ×1/4", "b"]
    assert first.get_xscale() == first.get_yscale() == "log"
    assert len(first.collections) == len(second.collections) == 1  # a band each
    assert drawing.title == "a leads at every budget; with all 4 its band overlaps with b"


def test_of_shares_the_expectation_is_drawn() -> None:
    # Of .2, .6 and .7: the mean .5; pairs .6, .7, .7, mean 2/3; .7.
    results = tried({("a", "xor"): [0.6, 0.2, 0.7], ("b", "xor"): [0.5, 0.5, 0.5]}, "valid_accuracy", "max")
    drawing = drawn(results, "budget_curves")
    np.testing.assert_allclose(lines(drawing.figure.axes[0])["a"].get_ydata(), [50, 200 / 3, 70])
    assert drawing.figure.axes[0].get_ylabel() == "expected validation accuracy (%)"
    assert "expected validation accuracy of the best of k of the 3" in drawing.subtitle


def test_the_title_says_where_the_lead_changes() -> None:
    results = tried({("a", "xor"): [1, 9, 9, 9, 9], ("b", "xor"): [2, 2, 2, 2, 2]})
    # Half of the choices of k hold the 1 from k = 3 on (3 of 5).
    title = drawn(results, "budget_curves").title
    assert title.startswith("b leads at 1, a leads from 3 configurations; with all 5 its band overlaps")


def test_arms_that_lead_with_one_and_with_all_are_named_once_in_any_order() -> None:
    """With one configuration a leads on the first data set and b on the second; with three it is reversed."""
    lucky, steady = [1.0, 9, 9], [2.0, 2, 2]
    results = tried({("a", "p0"): steady, ("b", "p0"): lucky, ("a", "p1"): lucky, ("b", "p1"): steady})
    title = drawn(results, "budget_curves").title
    assert title == (
        "a and b do best on 1 of 2 data sets each with one configuration, and on 1 with 3; the best arm's "
        "band leaves out every other arm on none"
    )


@pytest.mark.parametrize(
    ("better", "title"),
    [
        ("ab", "a and b do best on 1 of 2 data sets each with one configuration, and on 1 with 3"),
        ("aa", "a does best on 2 of 2 data sets with one configuration, and on 2 with 3"),
    ],
)
def test_arms_that_do_best_equally_often_are_all_named(better: str, title: str) -> None:
    results = tried(
        {(arm, f"p{i}"): [1.0 + (arm != best)] * 3 for i, best in enumerate(better) for arm in ("a", "b")}
    )
    assert drawn(results, "budget_curves").title.partition(";")[0] == title


@pytest.mark.parametrize(
    ("apart", "where"), [((True, True), "all"), ((True, False), "1"), ((False, False), "none")]
)
def test_the_title_says_where_the_best_arms_band_leaves_out_the_others(
    apart: tuple[bool, bool], where: str
) -> None:
    """a scores 1 to 1.11 in twelve steps, b 4 more or 0.005 more.

    DKW's band moves the distribution down by √(ln(2 / 0.05) / 24) = 0.39. The best of 12 is at most x in half
    of all draws where 1 - (1 - F(x))¹² >= 1/2, so where F(x) >= 0.056; moved down, that is 0.45, which the
    sixth of a's twelve scores is the first to reach: the band ends at 1.05, below 5 and above 1.005.
    """
    scores = {
        (arm, f"p{i}"): [1.0 + j / 100 + (4.0 if far else 0.005) * (arm == "b") for j in range(12)]
        for i, far in enumerate(apart)
        for arm in ("a", "b")
    }
    title = drawn(tried(scores), "budget_curves").title
    assert title.endswith(f"; the best arm's band leaves out every other arm on {where}")


def test_over_data_sets_each_has_a_panel_and_marks_at_the_full_budget() -> None:
    steady, lucky = [2.0, 2, 2, 2, 2], [1.0, 9, 9, 9, 9]
    by_arm = {"a": lucky, "b": steady}
    results = tried({(arm, p): scores for p in ("xor", "iris") for arm, scores in by_arm.items()})
    drawing = drawn(results, "budget_curves")
    assert [ax.get_title(loc="left") for ax in drawing.figure.axes] == ["xor", "iris"]
    assert [len(ax.collections) for ax in drawing.figure.axes] == [0, 0]  # no bands, which say nothing here
    assert {"a", "b"} <= set(texts(drawing))
    marks = [line for line in drawing.figure.axes[0].lines if len(line.get_xdata()) == 1]
    # Of five configurations the band of a, the leader, has no end above: b's 2 is inside, so hollow.
    assert [mark.get_ydata()[0] for mark in marks] == [1, 2]
    assert [mark.get_markerfacecolor() == "#ffffff" for mark in marks] == [False, True]
    assert all(mark.get_xdata()[0] > 5 for mark in marks)
    assert "it leaves out none" in drawing.subtitle
    assert drawing.title == (
        "With one configuration b does best (on 2 of 2 data sets), with 5 a (on 2); the best arm's band "
        "leaves out every other arm on none"
    )


def test_two_configurations_make_no_curve() -> None:
    assert isinstance(draw(tried({("a", "xor"): [1, 2], ("b", "xor"): [1, 2]}), "budget_curves"), str)


def test_nothing_tuned_has_no_budget() -> None:
    assert isinstance(draw(sweep(("a", "b"), 2, lambda *_: 1.0), "budget_curves"), str)


# -- score against cost --------------------------------------------------------------------------------


def priced(column: str, costs: Mapping[str, float], losses: Mapping[str, float]) -> Any:
    results = sweep(tuple(costs), 2, lambda problem, arm, seed: losses[arm])
    if column == "seconds":  # of a step, of 20
        steps = [
            Cost(problem, arm, "", cost / 20, cost / 18, cost / 15, 10)
            for problem in results.plan.problems
            for arm, cost in costs.items()
        ]
        results = replace(results, costs=tuple(steps))
    else:
        results.trials[column] = results.trials["arm"].map(costs)
    return results


def test_what_is_worse_and_dearer_is_hollow_and_off_the_front() -> None:
    # By (seconds, loss): a (1, 3) and b (2, 1) are on the front; c (3, 2) is dominated by b.
    results = priced("seconds", {"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 3.0, "b": 1.0, "c": 2.0})
    drawing = drawn(results, "score_against_cost")
    first = lines(drawing.figure.axes[0])
    # The factory's test loss is 1.05 times the loss it is given.
    assert list(first["front"].get_xdata()) == pytest.approx([1, 2])
    np.testing.assert_allclose(first["front"].get_ydata(), [3.15, 1.05])
    hollow = [arm for arm in "abc" if first[arm].get_markerfacecolor() == "#ffffff"]
    assert hollow == ["c"]
    assert first["c"].get_xdata()[0] == pytest.approx(3)
    assert drawing.title == (
        # Seconds from 1 to 20/15 and from 2 to 40/15: 1.5 to 2.67 times as long.
        "b scores best on 2 of 2 data sets and takes 2.0 times as long as a, the fastest (1.5 to 2.7 over "
        "the turns); c is dominated on 2"
    )
    assert "what one took the arm alone, on one machine" in drawing.subtitle


def test_what_lies_within_the_spread_is_neither_dominated_nor_the_only_fastest() -> None:
    """b is dearer than a by a tenth, which clocks do not tell apart; c is dearer than both, and like b."""

    def score(problem: str, arm: str, seed: int) -> float:
        return {"a": 1.0, "b": 1.05, "c": 1.06}[arm] * (1 + 0.1 * (seed - 100))

    results = sweep(("a", "b", "c"), 2, score)
    costs = tuple(
        Cost(problem, arm, "", cost, 1.1 * cost, 1.3 * cost, 10)
        for problem in results.plan.problems
        for arm, cost in {"a": 0.1, "b": 0.11, "c": 0.2}.items()
    )
    results = replace(results, costs=costs)
    drawing = drawn(results, "score_against_cost")
    assert drawing.title == "a scores best on 2 of 2 data sets and is among the fastest"
    first = lines(drawing.figure.axes[0])
    assert not any(first[arm].get_markerfacecolor() == "#ffffff" for arm in "abc")
    assert list(first["front"].get_xdata()) == pytest.approx([2.0])  # seconds of 20 steps
    spreads = [line.get_xdata() for line in drawing.figure.axes[0].lines if len(set(line.get_xdata())) == 2]
    assert [list(ends) for ends in spreads] == [pytest.approx([20 * c, 26 * c]) for c in (0.1, 0.11, 0.2)]


def test_seconds_of_a_shared_stack_belong_to_no_arm() -> None:
    results = priced("train_seconds", {"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 3.0, "b": 1.0, "c": 2.0})
    assert isinstance(draw(results, "score_against_cost"), str)
    results.trials["steps_done"] = results.trials["arm"].map({"a": 10, "b": 20, "c": 20})
    drawing = drawn(results, "score_against_cost")
    assert drawing.figure.axes[0].get_xlabel() == "optimizer steps (log)"
    assert list(lines(drawing.figure.axes[0])["front"].get_xdata()) == pytest.approx([10, 20])


@pytest.mark.parametrize(
    ("evaluations", "words"),
    [
        (
            range(50, 201, 50),
            " Targets are met at 4 evaluations only: a lower [train] eval_every shows when.",
        ),
        ([200], " Targets are met at 1 evaluation only: a lower [train] eval_every shows when."),
        (range(10, 201, 10), ""),
    ],
)
def test_a_curve_of_few_evaluations_is_said_to_have_stairs(evaluations: Sequence[int], words: str) -> None:
    curves = RunTimeCurves(pd.DataFrame(), 200.0, len(set(evaluations)))
    stairs = inspect.getmodule(REGISTRY.get("figure", "run_times").cls)._stairs  # type: ignore[union-attr]
    assert stairs(curves) == words
