"""What figures make of seeds that did not finish: the few do not stand for the arm, and no arm vanishes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawn_figures import draw, panel
from matplotlib.colors import same_color
from results_factory import make_results

from anncore import drawing as public
from anncore.report.build import build_report
from anncore.report.tiers import arms_table
from anncore.report.words import score

ARMS, PROBLEMS = ("sgd", "adam"), ("xor", "iris")


def sweep(lost: int, word: str = "diverged", **options: Any) -> Any:
    """Return a sweep in which sgd loses the first `lost` of its ten seeds on xor to a status."""

    def ended(problem: str, arm: str, seed: int) -> str:
        return word if (problem, arm) == ("xor", "sgd") and seed < 100 + lost else "ok"

    given = {"arms": ARMS, "problems": PROBLEMS, "steps": 100, "status": ended}
    return make_results(**(given | options))


def words(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def means(ax: Any) -> list[Any]:
    """Return the large marks of a leaderboard's panel."""
    return [line for line in ax.lines if line.get_markersize() == 6 and line.get_marker() not in ("None", "")]


@pytest.mark.parametrize(("lost", "marks"), [(1, 2), (3, 2), (5, 1), (9, 1), (10, 1)])
def test_a_leaderboard_has_no_mean_from_half_of_the_seeds_on(lost: int, marks: int) -> None:
    statuses = ("diverged", "failed", "timeout", "crashed")  # each on a data set of its own

    def ended(problem: str, arm: str, seed: int) -> str:
        return problem if arm == "sgd" and seed < 100 + lost else "ok"

    drawing = draw(sweep(0, problems=statuses, status=ended), "leaderboard")["leaderboard"]
    for ax in (panel(drawing, status) for status in statuses):
        drawn_means = means(ax)
        assert len(drawn_means) == marks
        hollow = [mark for mark in drawn_means if same_color(mark.get_markerfacecolor(), "white")]
        assert len(hollow) == marks - 1  # sgd's, as long as it has one
        assert f"×{lost}/10" in words(ax)
        dots = [points for points in ax.collections if len(points.get_offsets())]
        assert sum(len(points.get_offsets()) for points in dots) == 20 - lost  # every seed that has a score
    assert "Hollow: the mean of an arm that lost seeds" in drawing.subtitle


def test_where_every_seed_finished_no_mark_is_hollow_and_nothing_is_said_of_it() -> None:
    drawing = draw(sweep(0), "leaderboard")["leaderboard"]
    assert not any(same_color(mark.get_markerfacecolor(), "white") for mark in means(panel(drawing, "xor")))
    assert "Hollow" not in drawing.subtitle


@pytest.mark.parametrize("lost", [1, 3, 5, 9])
def test_a_learning_curve_is_dashed_and_from_half_on_only_seeds_are_left(lost: int) -> None:
    drawing = draw(sweep(lost), "learning_curves")["learning_curves"]
    ax = panel(drawing, "xor")
    mean = [line for line in ax.lines if line.get_label() == "sgd"]
    assert [line.get_linestyle() for line in mean] == (["--"] if lost < 5 else [])
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(crosses) == lost
    thin = [line for line in ax.lines if line.get_linewidth() == 0.7 and line.get_marker() == "None"]
    assert len(thin) == (lost if lost < 5 else 10)
    assert f"sgd ×{lost}/10" in words(ax)
    assert f"diverged seeds: sgd on xor ({lost}/10)" in drawing.title


@pytest.mark.parametrize("status", ["failed", "timeout", "crashed"])
@pytest.mark.parametrize("lost", [3, 10])
def test_seeds_without_a_curve_are_counted_beside_it(status: str, lost: int) -> None:
    drawing = draw(sweep(lost, status), "learning_curves")["learning_curves"]
    assert f"sgd ×{lost}/10" in words(panel(drawing, "xor"))
    assert f"seeds that did not finish: sgd on xor ({lost}/10)" in drawing.title
    assert ("sgd" in [line.get_label() for line in panel(drawing, "xor").lines]) == (lost < 5)


def test_waived_failures_count_as_diverged_in_every_figure() -> None:
    results = sweep(4, "crashed", report={"waive": ["crashed"]})
    drawn = draw(results, "learning_curves", "leaderboard", "paired_differences")
    assert "sgd ×4/10" in words(panel(drawn["learning_curves"], "xor"))
    assert "diverged seeds: sgd on xor (4/10)" in drawn["learning_curves"].title
    assert "×4/10" in words(panel(drawn["leaderboard"], "xor"))
    assert "×4/10" in words(panel(drawn["paired_differences"], "xor"))
    assert not any(text.startswith("?") for text in words(panel(drawn["paired_differences"], "xor")))


def test_missing_trials_are_counted_in_every_figure() -> None:
    results = sweep(0)
    trials = results.trials
    gone = (trials["phase"] == "report") & (trials["problem"] == "xor") & (trials["arm"] == "sgd")
    results = replace(results, trials=trials[~(gone & (trials["seed"] < 104))])
    drawn = draw(
        results, "leaderboard", "learning_curves", "paired_differences", "probability_of_improvement"
    )
    assert "?4/10" in words(panel(drawn["leaderboard"], "xor"))
    assert "?k/n: k seeds have not run." in drawn["leaderboard"].subtitle
    assert "sgd ?4/10" in words(panel(drawn["learning_curves"], "xor"))
    assert "?k/n: k seeds have not run." in drawn["learning_curves"].subtitle
    assert "×" not in drawn["learning_curves"].subtitle
    assert "did not finish" not in drawn["learning_curves"].title
    assert "?4/10" in words(panel(drawn["paired_differences"], "xor"))
    assert "4 trials failed or have not run: left out." in drawn["probability_of_improvement"].subtitle


def test_a_data_set_on_which_nothing_has_run_has_no_panel_and_no_arm_a_rank() -> None:
    results = sweep(0, problems=("xor", "iris", "wine"))
    trials = results.trials
    waiting = (trials["phase"] == "report") & (
        (trials["problem"] == "wine") | ((trials["problem"] == "iris") & (trials["arm"] == "adam"))
    )
    drawn = draw(replace(results, trials=trials[~waiting]), "leaderboard", "paired_differences", "heat_map")
    for name, drawing in drawn.items():
        assert "Nothing has run yet on wine." in drawing.subtitle, name
        assert "wine" not in [ax.get_title(loc="left") for ax in drawing.figure.axes], name
    heat_map = drawn["heat_map"]
    assert heat_map.title.startswith("Best and worst optimizer on xor differ by ")  # iris has one arm
    assert heat_map.title.endswith("; trials are still to run on iris")
    assert "mean rank" not in [ax.get_title(loc="left") for ax in heat_map.figure.axes]
    assert "not run\n10/10" in words(heat_map.figure.axes[0])


def test_titles_that_compare_arms_say_so_far_until_all_has_run() -> None:
    results = sweep(0)
    trials = results.trials
    waiting = (trials["phase"] == "report") & (trials["problem"] == "xor") & (trials["seed"] == 109)
    some = replace(results, trials=trials[~(waiting & (trials["arm"] == "sgd"))])
    names = ("learning_curves", "paired_differences", "probability_of_improvement")
    for name, drawing in draw(some, *names).items():
        assert drawing.title.startswith("So far: "), name
    for name, drawing in draw(results, *names).items():
        assert "So far" not in drawing.title, name


def test_a_heat_map_counts_only_data_sets_that_have_run_with_every_arm() -> None:
    results = sweep(0)
    trials = results.trials
    first = (trials["phase"] == "report") & (trials["arm"] == "sgd") & (trials["seed"] == 100)
    drawn = draw(replace(results, trials=trials[~first]), "heat_map")["heat_map"]
    assert drawn.title == "No data set has run with every arm: trials are still to run on xor and iris"
    assert "?n: n seeds have not run." in drawn.subtitle
    assert {text for text in words(drawn.figure.axes[0]) if text.startswith("?")} == {"?1"}


@pytest.mark.parametrize(
    ("lost", "waiting", "mark"), [(0, 0, ""), (3, 0, "×3/10"), (3, 3, "?3/10"), (3, 1, "×3/10")]
)
def test_a_mark_tells_seeds_that_are_to_run_from_lost_ones(lost: int, waiting: int, mark: str) -> None:
    assert public.lost_mark(lost, 10, waiting) == mark


@pytest.mark.parametrize("status", ["failed", "timeout", "crashed"])
def test_pairs_that_lack_a_trial_are_counted_and_explained(status: str) -> None:
    drawing = draw(sweep(3, status), "paired_differences")["paired_differences"]
    assert "?3/10" in words(panel(drawing, "xor"))
    assert not any(text.startswith("?") for text in words(panel(drawing, "iris")))
    assert "?k/n: k pairs lack a trial, so that nothing is claimed." in drawing.subtitle


def test_a_heat_map_puts_the_mean_of_survivors_in_brackets_and_takes_no_end_of_the_scale_from_it() -> None:
    """sgd's survivors are far better than any other arm, for which the column's colours must not pale."""

    def scored(problem: str, arm: str, seed: int) -> float:
        return {"sgd": 0.001, "adam": 0.2, "lion": 0.4}[arm]

    arms = ("sgd", "adam", "lion")
    drawing = draw(sweep(3, score=scored, arms=arms), "heat_map")["heat_map"]
    ax = drawing.figure.axes[0]
    order = [label.get_text() for label in ax.get_yticklabels()]
    levels = dict(zip(order, ax.collections[0].get_array().reshape(3, 2)[:, 0].tolist(), strict=True))
    assert (levels["adam"], levels["lion"]) == (0, 15)
    assert "(0.00105)" in words(ax)  # 0.001 times the factory's 1.05
    assert "the mean of the others is in brackets" in drawing.subtitle


@pytest.mark.parametrize(("status", "word"), [("diverged", "diverged\n5/10"), ("crashed", "failed\n5/10")])
def test_a_failed_cell_says_how(status: str, word: str) -> None:
    assert word in words(draw(sweep(5, status), "heat_map")["heat_map"].figure.axes[0])


def test_what_partly_diverged_and_partly_failed_is_not_called_diverged() -> None:
    def ended(problem: str, arm: str, seed: int) -> str:
        if (problem, arm) != ("xor", "sgd"):
            return "ok"
        return "diverged" if seed < 101 else "crashed" if seed < 106 else "ok"

    results = sweep(0, status=ended)
    assert "diverged 1/10\nfailed 5/10" in words(draw(results, "heat_map")["heat_map"].figure.axes[0])
    content = build_report(results, {})
    row = next(row for row in content["leaderboard"]["problems"]["xor"] if row["arm"] == "sgd")
    assert score(row, content["measures"]["xor"]) == "diverged 1/10, failed 5/10"


@pytest.mark.parametrize(
    ("lost", "text"), [(5, "diverged 5/10"), (9, "diverged 9/10"), (10, "diverged 10/10")]
)
def test_the_table_of_a_single_data_set_has_no_mean_of_the_few_either(lost: int, text: str) -> None:
    _, _, rows = arms_table(build_report(sweep(lost, problems=("xor",)), {}))
    (row,) = [row for row in rows if row[0] == "sgd"]
    assert text in row
    assert not any(cell.startswith("0.") for cell in row)


def test_a_line_of_sensitivity_does_not_run_over_a_value_at_which_no_seed_finished() -> None:
    results = sweep(0, rates=(1e-3, 1e-2, 1e-1))
    trials = results.trials
    middle = (trials["phase"] == "tune") & (trials["optimizer.lr"] == 1e-2) & (trials["arm"] == "adam")
    results = replace(results, trials=trials.assign(status=trials["status"].mask(middle, "diverged")))
    ax = panel(draw(results, "lr_sensitivity")["lr_sensitivity"], "xor")
    (line,) = [line for line in ax.lines if line.get_label() == "adam"]
    assert list(np.isfinite(line.get_ydata())) == [True, False, True]
    (lane,) = [line for line in ax.lines if line.get_marker() == "x" and len(line.get_xdata()) == 1]
    assert list(lane.get_xdata()) == [1e-2]


def test_who_diverges_everywhere_on_a_data_set_tolerates_nothing_there() -> None:
    """On two of three data sets no rate of adam's finishes: its median width is 0, whatever the third's."""
    results = sweep(0, problems=("xor", "iris", "wine"), rates=(1e-3, 1e-2, 1e-1))
    trials = results.trials
    gone = (trials["phase"] == "tune") & (trials["arm"] == "adam") & (trials["problem"] != "wine")
    results = replace(results, trials=trials.assign(status=trials["status"].mask(gone, "diverged")))
    assert draw(results, "lr_sensitivity")["lr_sensitivity"].title.startswith(
        "sgd tolerates the widest range of lr"
    )


def test_shares_are_written_in_per_cent_and_their_lane_lies_on_the_worse_side() -> None:
    results = sweep(0, metric="valid_accuracy", goal="max", regression=(), rates=(1e-3, 1e-2, 1e-1, 1.0))
    drawn = draw(results, "lr_sensitivity", "budget_curves")
    ax = panel(drawn["lr_sensitivity"], "xor")
    assert ax.get_ylabel() == "validation accuracy (%)"
    (line,) = [line for line in ax.lines if line.get_label() == "adam"]
    seen = line.get_ydata()[np.isfinite(line.get_ydata())]
    assert 1 < min(seen) <= max(seen) <= 100
    lane = [line for line in ax.lines if line.get_marker() == "x"]  # sgd and adam diverge at 1
    assert len(lane) == 2
    assert all(0 < y < 0.2 for line in lane for y in line.get_ydata())
    assert panel(drawn["budget_curves"], "xor").get_ylabel() == "expected validation accuracy (%)"


def test_an_arm_of_which_no_configuration_finished_is_named_beside_the_budget_curves() -> None:
    results = sweep(0, arms=("sgd", "rmsprop", "adam"))
    trials = results.trials
    gone = (trials["phase"] == "tune") & (trials["arm"] == "adam") & (trials["problem"] == "xor")
    results = replace(results, trials=trials.assign(status=trials["status"].mask(gone, "diverged")))
    drawing = draw(results, "budget_curves")["budget_curves"]
    assert "No configuration finished, so no line: adam on xor." in drawing.subtitle


def test_where_all_arms_diverge_on_a_data_set_every_figure_still_counts_them() -> None:
    results = sweep(0, status=lambda problem, arm, seed: "diverged" if problem == "xor" else "ok")
    drawn = draw(results, "leaderboard", "learning_curves", "heat_map", "critical_difference")
    assert words(panel(drawn["leaderboard"], "xor")).count("×10/10") == 2
    assert {"sgd ×10/10", "adam ×10/10"} <= set(words(panel(drawn["learning_curves"], "xor")))
    assert words(drawn["heat_map"].figure.axes[0]).count("diverged\n10/10") == 2
    assert "critical_difference" in drawn  # both rank alike there


@pytest.mark.parametrize(("lost", "named"), [(4, False), (5, True), (10, True)])
def test_cost_is_weighed_against_no_mean_of_the_few(lost: int, named: bool) -> None:
    results = sweep(lost)
    steps = np.where(results.trials["arm"] == "sgd", 100, 80)
    results = replace(results, trials=results.trials.assign(steps_done=steps))
    drawing = draw(results, "score_against_cost")["score_against_cost"]
    titles = [ax.get_title(loc="left") for ax in drawing.figure.axes]
    assert ("xor" in titles) == (not named)  # sgd's only rival there has nobody to be weighed against
    assert (f"Without a mean, so not drawn: sgd on xor (diverged {lost}/10)." in drawing.subtitle) == named


def test_hundreds_of_learning_rates_are_a_few_artists_with_every_value() -> None:
    """Of 300 rates the last diverges for every seed, and one lost a seed: it is hollow."""
    rates = tuple(float(rate) for rate in np.geomspace(1e-4, 1, 300))
    results = sweep(0, rates=rates)
    trials = results.trials
    tuned = (trials["phase"] == "tune") & (trials["arm"] == "adam")
    lost = tuned & (trials["optimizer.lr"] == rates[7]) & (trials["seed"] == trials.loc[tuned, "seed"].min())
    results = replace(results, trials=trials.assign(status=trials["status"].mask(lost, "diverged")))
    ax = panel(draw(results, "lr_sensitivity")["lr_sensitivity"], "xor")
    assert len(ax.lines) <= 12  # of two arms
    marked = [line for line in ax.lines if line.get_linestyle() == "None" and len(line.get_xdata())]
    assert sorted(len(line.get_xdata()) for line in marked) == [1, 1, 1, 297, 298]
    assert [list(line.get_xdata()) for line in marked if line.get_marker() != "*"].count([rates[7]]) == 1
    assert sum(line.get_marker() == "*" for line in marked) == 2
    seen = {x for line in marked for x in line.get_xdata()}
    assert seen == set(rates[:-1])
