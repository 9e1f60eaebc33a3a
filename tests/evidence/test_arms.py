"""Arms against arms. Independent sources: SciPy 1.17, rliable 1.2.0, scikit-posthocs 0.17.1, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from results_factory import asked, make_results
from scipy import stats as scipy_stats

from anncore import (
    compare_arms,
    curve_frame,
    probability_of_improvement,
    scores,
    summarize,
    targets,
    tuning_scores,
)
from anncore.contract.registry import Registered, Registry
from anncore.evidence.stats import smallest_p, wilson_interval

INF, NAN = math.inf, math.nan


def long(problems: dict[str, dict[str, list[float]]], **columns: Any) -> pd.DataFrame:
    """Return the long frame of scores by problem and arm, in the order of the seeds."""
    rows = [
        {"problem": problem, "arm": arm, "seed": seed, "score": score, **columns}
        for problem, arms in problems.items()
        for arm, values in arms.items()
        for seed, score in enumerate(values)
    ]
    return pd.DataFrame(rows)


# The long frame


def test_scores_of_a_sweep_have_a_row_per_planned_trial() -> None:
    results = make_results(("sgd", "adam"), ("xor", "sine"), seeds=(100, 101, 102))
    drop = (results.trials["arm"] == "adam") & (results.trials["seed"] == 102)
    results = replace(results, trials=results.trials[~drop].reset_index(drop=True))
    frame = scores(results)
    assert len(frame) == 2 * 2 * 3
    assert list(frame.columns) == [
        "problem",
        "data_set",
        "arm",
        "seed",
        "status",
        "score",
        "goal",
        "scale",
    ]
    gone = frame[frame["status"] == "not run"]
    assert set(zip(gone["arm"], gone["seed"], strict=True)) == {("adam", 102)}
    assert gone["score"].isna().all()
    one = results.trials[(results.trials["phase"] == "report") & (results.trials["problem"] == "xor")]
    ended = frame[(frame["problem"] == "xor") & (frame["status"] == "ok")]
    np.testing.assert_array_equal(sorted(ended["score"]), sorted(one["test_loss"]))
    assert set(frame["scale"]) == {"log"}


@pytest.mark.slow
@pytest.mark.parametrize("tune_seeds", [(0, 1), ()])
def test_a_figure_gets_the_same_frames_as_a_program(
    tune_seeds: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from anncore.contract.kinds import FigureInput
    from anncore.report import write

    handed: list[FigureInput] = []

    class Spy:
        order, question = 0, "Does it get the frames?"

        def draw(self, data: FigureInput) -> str:
            handed.append(data)
            return "It draws nothing."

    results = make_results(("sgd", "adam"), ("xor", "sine"), seeds=(100, 101), tune_seeds=tune_seeds)
    results = asked(results, registry=Registry((Registered("figure", "spy", Spy, "x", "1", "x"),), ()))
    list(write.draw_figures(results, write.build_report(results, {})))
    (data,) = handed
    pd.testing.assert_frame_equal(scores(data), scores(results))
    pd.testing.assert_frame_equal(tuning_scores(data), tuning_scores(results))
    pd.testing.assert_frame_equal(targets(data), targets(results))
    pd.testing.assert_frame_equal(curve_frame(data, "valid_loss"), curve_frame(results, "valid_loss"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="seed"), "no column 'seed'; it needs problem, arm, seed, score"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "a has two rows on p with seed 0; keep one configuration"),
        (lambda f: f.assign(goal="least"), "goal must be one of min, max, got 'least'"),
        (lambda f: f.assign(scale="log", score=-1.0), "the log scale needs positive scores, got -1 on p"),
    ],
)
def test_a_frame_that_cannot_be_read_is_named(change: Any, says: str) -> None:
    frame = change(long({"p": {"a": [1.0, 2.0], "b": [2.0, 3.0]}}))
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        summarize(frame)


# Summaries


def test_summaries_by_hand() -> None:
    frame = long({"p": {"a": [1, 2, 3, 4, 5], "b": [1, 1, INF, 2, NAN]}})
    a, b = summarize(frame).to_dict("records")
    assert (a["mean"], a["low"], a["high"]) == pytest.approx(
        (3, 1.036757, 4.963243), abs=1e-6
    )  # as R's t.test
    assert (a["n"], a["ok"], a["median"], a["note"]) == (5, 5, 3, "")
    assert (b["n"], b["ok"], b["diverged"], b["lost"]) == (5, 3, 1, 1)
    assert b["median"] == 1.5  # of 1, 1, 2 and the diverged one, which is worst
    assert math.isclose(b["iqm"], 1.5)
    assert b["note"] == "diverged 1/5, not run 1/5"


def test_a_median_survives_less_than_half_and_an_iqm_a_quarter_diverged() -> None:
    frame = long({"p": {"a": [1, 2, 3, INF], "b": [1, 2, INF, INF], "c": [1, 2, 3, 4]}}, goal="min")
    table = summarize(frame).set_index("arm")
    assert table["iqm"].isna().to_dict() == {"a": False, "b": True, "c": False}
    assert table["median"].isna().to_dict() == {"a": False, "b": True, "c": False}
    assert table.loc["c", "iqm"] == scipy_stats.trim_mean([1, 2, 3, 4], 0.25)


def test_where_more_is_better_the_diverged_trial_is_still_the_worst() -> None:
    frame = long({"p": {"a": [0.9, 0.8, 0.7, -INF]}})
    (row,) = summarize(frame, goal="max", scale="unit").to_dict("records")
    assert row["median"] == pytest.approx(0.75)
    assert row["diverged"] == 1


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=12), st.floats(0.1, 10))
def test_on_the_log_scale_units_do_not_matter(values: list[float], factor: float) -> None:
    frame = long({"p": {"a": values}}, scale="log")
    (one,) = summarize(frame).to_dict("records")
    (other,) = summarize(frame.assign(score=frame["score"] * factor)).to_dict("records")
    for name in ("mean", "low", "high", "median", "iqm"):
        assert math.isclose(other[name], one[name] * factor, rel_tol=1e-6)


# Paired comparisons

# Twelve draws rounded to two digits, by row; scikit-posthocs 0.17.1,
# posthoc_wilcoxon([a, b, c], p_adjust="holm"), gives the p-values below.
DRAWS = [
    [2.04, -2.26, 1.32],
    [-0.57, -0.15, 0.68],
    [-2.02, 0.07, 0.03],
    [3.32, 0.53, 0.55],
    [-0.28, -0.37, -0.16],
    [-0.39, 0.78, 0.66],
    [0.96, 0.1, 0.92],
    [1.55, 0.85, 0.39],
    [-0.18, 0.84, 2.84],
    [-0.27, 0.06, 1.9],
    [-0.89, 0.01, 1.78],
    [0.58, 0.39, 1.57],
]
POSTHOC = {("a", "b"): 0.90966796875, ("a", "c"): 0.3525390625, ("b", "c"): 0.06298828125}


def draws() -> dict[str, list[float]]:
    return {arm: [row[i] for row in DRAWS] for i, arm in enumerate("abc")}


@pytest.mark.parametrize("over", ["seeds", "data sets"])
def test_wilcoxon_with_holm_is_scikit_posthocs(over: Any) -> None:
    frame = long({"p": draws()})
    if over == "data sets":  # one seed each; a shared scale keeps the costs as they are
        frame = frame.assign(problem=frame["seed"].map("set{}".format), seed=0, scale="unit")
    table = compare_arms(frame, over=over, goal="min")
    adjusted = {tuple(sorted((row.a, row.b))): row.p_typical for row in table.itertuples()}
    assert adjusted == {pair: pytest.approx(p, abs=1e-12) for pair, p in POSTHOC.items()}
    assert (table["p"] >= table["p_typical"]).all()  # over seeds the mean must agree
    assert over == "seeds" or (table["p"] == table["p_typical"]).all()
    assert set(table["verdict"]) == {"undecided"}


def test_each_problem_is_a_family_of_its_own() -> None:
    table = compare_arms(long({"p": draws(), "q": draws()}))
    assert list(table["where"]) == ["p"] * 3 + ["q"] * 3
    assert set(table["comparisons"]) == {3}


def test_failed_trials_block_a_claim_and_say_why() -> None:
    frame = long({"p": {"a": [0.0] * 8, "b": [1.0] * 8}})
    frame["status"] = ["ok"] * 14 + ["crashed"] * 2
    (row,) = compare_arms(frame).to_dict("records")
    assert row["sentence"] == "No claim about a and b on p: b: 2 crashed of 8 trials."
    (row,) = compare_arms(frame, over="data sets").to_dict("records")
    assert (row["verdict"], row["reason"]) == ("blocked", "b: 2 crashed of 8 trials on p")


def test_a_trial_that_is_not_there_has_not_run() -> None:
    frame = long({"p": {"a": [0.0] * 8, "b": [1.0] * 8}}).drop(index=15)
    (row,) = compare_arms(frame).to_dict("records")
    assert (row["verdict"], row["reason"]) == ("blocked", "b: 1 not run of 8 trials")
    table = summarize(frame).set_index("arm")
    assert table.loc["b", ["n", "ok", "lost"]].to_list() == [8, 7, 1]


def test_what_cannot_be_compared_is_said() -> None:
    frame = long({"p": {"a": [1.0, 2.0], "b": [2.0, 3.0]}})
    with pytest.raises(ValueError, match="control 'c' is no arm; arms are a, b"):
        compare_arms(frame, control="c")
    with pytest.raises(ValueError, match="over must be 'seeds' or 'data sets', got 'arms'"):
        compare_arms(frame, over="arms")  # type: ignore[arg-type]
    assert len(compare_arms(long({"p": {"a": [1.0]}}))) == 0


# Probability of improvement


def improvement(frame: pd.DataFrame, a: str = "a", b: str = "b", **options: Any) -> Any:
    table = probability_of_improvement(frame, **options)
    (row,) = table[(table["a"] == a) & (table["b"] == b)].to_dict("records")
    return row


def test_paired_it_is_the_share_of_seeds_won_with_wilsons_interval() -> None:
    gains = [1, 2, 3, 4, 5, 6, 7, -1, -2, -3]
    row = improvement(long({"p": {"a": [0.0] * 10, "b": [float(g) for g in gains]}}))
    expected = scipy_stats.binomtest(7, 10).proportion_ci(0.95, "wilson")
    assert row["probability"] == 0.7
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (row["low"], row["high"]) == pytest.approx((0.3968, 0.8922), abs=1e-4)  # R: binom.wilson(7, 10)


def test_under_complete_separation_there_is_no_interval() -> None:
    row = improvement(long({"p": {"a": [0.0] * 10, "b": [1.0] * 10}}))
    assert row["probability"] == 1
    assert math.isnan(row["low"])
    assert math.isnan(row["high"])
    over = long({f"p{i}": {"a": [0.0] * 3, "b": [1.0] * 3} for i in range(8)})
    assert math.isnan(improvement(over, over="data sets")["low"])


# rliable 1.2.0, metrics.probability_of_improvement(x, y) and metrics.aggregate_iqm(x), runs by tasks:
X = [[1, 1, 6, 3], [4, 4, 5, 0], [3, 1, 3, 7], [4, 0, 4, 1], [6, 7, 7, 4]]
Y = [[7, 3, 2, 5], [4, 6, 8, 3], [7, 2, 3, 7], [2, 6, 4, 5], [8, 7, 7, 5], [8, 8, 2, 2]]
IMPROVEMENT = 0.33333333333333337


def tasks() -> pd.DataFrame:
    x, y = np.array(X, float).T, np.array(Y, float).T
    return long({f"task{i}": {"x": list(x[i]), "y": list(y[i])} for i in range(4)})


def test_unpaired_over_data_sets_it_is_rliables() -> None:
    row = improvement(tasks(), "x", "y", over="data sets", paired=False, goal="max")
    assert row["probability"] == pytest.approx(IMPROVEMENT)
    assert row["n"] == 4


@pytest.mark.parametrize("seed", range(5))
def test_unpaired_it_is_mann_and_whitneys_u(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 5, 7).astype(float), rng.integers(0, 6, 9).astype(float)
    row = improvement(long({"p": {"a": list(a), "b": list(b)}}), paired=False)
    assert row["probability"] == pytest.approx(scipy_stats.mannwhitneyu(b, a).statistic / 63)


def test_a_diverged_trial_loses_and_two_tie() -> None:
    row = improvement(long({"p": {"a": [1.0, INF, INF, 1.0], "b": [INF, 1.0, INF, NAN]}}))
    assert (row["probability"], row["n"]) == (0.5, 3)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9), st.booleans())
def test_both_directions_sum_to_one(pairs: list[tuple[int, int]], paired: bool) -> None:
    frame = long({"p": {"a": [float(x) for x, _ in pairs], "b": [float(y) for _, y in pairs]}})
    one, other = improvement(frame, paired=paired), improvement(frame, "b", "a", paired=paired)
    assert math.isclose(one["probability"] + other["probability"], 1)


def test_wilson_is_undefined_where_nothing_was_counted() -> None:
    assert all(map(math.isnan, wilson_interval(NAN, 0)))


def test_the_smallest_p_is_reached() -> None:
    table = compare_arms(long({"p": {"a": [0.0] * 7, "b": [1.0, 2, 3, 4, 5, 6, 7]}}))
    assert table["p"][0] == smallest_p(7) == 2**-6
