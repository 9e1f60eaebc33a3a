"""Learning curves, judged by what the panels hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawn_figures import ARMS, draw, few, panel, texts
from results_factory import make_results
from scipy import stats


def test_learning_curves_show_each_arm_with_its_last_interval() -> None:
    drawn = draw(few(), "learning_curves")["learning_curves"]
    ax = panel(drawn, "two_moons")
    lines = {line.get_label(): line for line in ax.lines}
    assert set(ARMS) <= set(lines)
    assert list(lines["adam"].get_xdata()) == list(range(0, 101, 10))
    assert not ax.collections  # three bands would cover each other
    marks = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert all(mark.get_xdata()[0] > 100 for mark in marks)
    assert [mark.get_ydata()[0] for mark in marks] == [lines[arm].get_ydata()[-1] for arm in ARMS]
    spreads = [
        line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 2 and line.get_xdata()[0] > 100
    ]
    assert all(low < mark.get_ydata()[0] < high for mark, (low, high) in zip(marks, spreads, strict=True))
    assert drawn.title == (
        "adam ends with the lowest validation loss on 3 of 3 data sets; on each of these surely ahead of the "
        "next arm (95 % intervals)"
    )


@pytest.mark.parametrize("problems", [("xor",), ("xor", "iris")])
@pytest.mark.parametrize("log", [False, True])
def test_a_lead_at_the_end_is_sure_where_the_paired_interval_leaves_out_0(
    log: bool, problems: tuple[str, ...]
) -> None:
    """The interval is that of SciPy 1.17's paired t-test, of logarithms where all values are positive."""
    results = make_results(arms=("a", "b"), problems=problems, tune_seeds=(), rates=(0.1,))
    trials = results.trials.set_index("key")
    arms, seeds = (trials.loc[results.curves["key"], name].to_numpy() for name in ("arm", "seed"))
    ends = results.curves["step"] == results.curves["step"].max()
    first = ends & (results.curves["metric"] == "valid_loss")
    for name, value in (("problem", "xor"), ("phase", "report")):
        first &= trials.loc[results.curves["key"], name].to_numpy() == value
    said = []
    for spread in (0.5, 3.0):  # of the differences, whose mean is 1
        behind = np.where(arms == "b", 1 + spread * np.where(seeds % 2, 1.0, -1.0), 0.0)
        level = np.where(ends, 0.3 * (seeds % 3) + behind, 9.0)
        curves = results.curves.assign(value=np.exp(level) if log else level - 20)
        title = draw(replace(results, curves=curves), "learning_curves")["learning_curves"].title
        test = stats.ttest_rel(*(level[(arms == arm) & first] for arm in "ba"))
        assert (test.confidence_interval(0.95).low > 0) == (spread < 1)
        said.append(title.partition("; ")[2])
    if len(problems) == 1:
        assert said == [f"{no}surely ahead of b, the next arm (95 % interval)" for no in ("", "not ")]
    else:
        assert said == [
            f"on {n} of these surely ahead of the next arm (95 % intervals)" for n in ("each", "none")
        ]


def test_diverged_seeds_end_in_a_cross_and_dash_the_mean() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return "diverged" if (problem, arm) == ("digits", "sgd") and seed < 103 else "ok"

    names = ("learning_curves", "leaderboard", "heat_map", "paired_differences")
    drawn = draw(few(status=status), *names)
    ax = panel(drawn["learning_curves"], "digits")
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(crosses) == 3
    mean = next(line for line in ax.lines if line.get_label() == "sgd")
    assert mean.get_linestyle() == "--"
    assert drawn["learning_curves"].title.endswith("diverged seeds: sgd on digits (3/10)")
    assert "sgd ×3/10" in texts(drawn["learning_curves"])
    assert "×3/10" in texts(drawn["leaderboard"])
    assert "×3" in texts(drawn["heat_map"])
    assert "×3/10" in texts(drawn["paired_differences"])


def test_a_lone_arm_does_not_win() -> None:
    title = draw(few(arms=("adam",)), "learning_curves")["learning_curves"].title
    assert title == "adam ends with a lower validation loss than it starts with on 3 of 3 data sets"


def test_arms_that_end_best_equally_often_are_all_named() -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return 0.1 if (problem, arm) in (("xor", "sgd"), ("iris", "adam")) else 0.5

    results = few(arms=("sgd", "adam"), problems=("xor", "iris"), score=score)
    title = draw(results, "learning_curves")["learning_curves"].title
    assert title.startswith("sgd and adam end with the lowest validation loss on 1 of 2 data sets each; ")


def flattened(results: Any, gap: float = 0.0) -> Any:
    """Return the results with curves that fall to 1 in every trial, and to `gap` more in adam's."""
    own = dict(zip(results.trials["key"], results.trials["arm"], strict=True))
    curves = results.curves.copy()
    last = curves.groupby(["key", "metric"])["step"].transform("max")
    curves["value"] = 2.0 - curves["step"] / last + [gap * (own[key] == "adam") for key in curves["key"]]
    return replace(results, curves=curves)


@pytest.mark.parametrize(
    ("gap", "title"),
    [
        (1e-3, "All arms end with the same validation loss, to 0.5 %, on every data set"),
        (
            0.1,
            "sgd ends with the lowest validation loss on 3 of 3 data sets; on each of these surely ahead of "
            "the next arm (95 % intervals)",
        ),
    ],
)
def test_arms_that_end_alike_do_not_win(gap: float, title: str) -> None:
    results = flattened(few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,)), gap)
    assert draw(results, "learning_curves")["learning_curves"].title == title


def test_of_two_lines_that_coincide_both_are_seen() -> None:
    results = flattened(few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,)))
    ax = panel(draw(results, "learning_curves")["learning_curves"], "digits")
    below, above = (line for line in ax.lines if line.get_label() in ("sgd", "adam"))
    assert below.get_linewidth() > 2 * above.get_linewidth()


def test_a_few_steps_have_whole_ticks() -> None:
    results = flattened(few(arms=("sgd", "adam"), tune_seeds=(), rates=(0.1,)))
    results.curves["step"] = (results.curves["step"] > 0).astype(int)
    curves = results.curves.drop_duplicates(["key", "metric", "step"])
    ax = panel(draw(replace(results, curves=curves), "learning_curves")["learning_curves"], "digits")
    assert [tick for tick in ax.get_xticks() if 0 <= tick <= 1] == [0, 1]
