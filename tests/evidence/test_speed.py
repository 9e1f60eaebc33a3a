"""Speed. Independent sources: AlgoPerf's published scores, Dolan & Moré's definition by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import algoperf_v05
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from results_factory import asked, make_results

from anncore import (
    curve_frame,
    performance_profile,
    performance_ratios,
    performance_scores,
    targets,
    time_to_target,
    typical_times,
)
from anncore.experiment.model import Select

INF, NAN = math.inf, math.nan


def table(**arms: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame(arms).T
    return frame.rename(columns={i: "pqrstuvw"[i] for i in frame})


# AlgoPerf


@pytest.mark.parametrize("rules", ["external", "self"])
def test_the_scores_are_algoperfs_published_ones(rules: str) -> None:
    scores = performance_scores(algoperf_v05.times(rules), held_out=algoperf_v05.HELD_OUT)
    expected = algoperf_v05.SCORES[rules]
    assert dict(zip(scores["arm"], scores["score"].round(4), strict=True)) == expected
    assert scores["score"].is_monotonic_decreasing


def test_a_score_depends_on_who_takes_part() -> None:
    scores = performance_scores(algoperf_v05.times("external"), held_out=algoperf_v05.HELD_OUT)
    row = scores[scores["arm"] == "schedule_free_adamw"].iloc[0]
    alone = algoperf_v05.times("external").drop(index="shampoo_submission")
    other = performance_scores(alone, held_out=algoperf_v05.HELD_OUT, leave_one_out=False).set_index("arm")
    assert row["without shampoo_submission"] == other.loc["schedule_free_adamw", "score"] > row["score"]
    assert math.isnan(row["without schedule_free_adamw"])
    assert row["low"] <= row["score"] < row["without shampoo_submission"] <= row["high"]


# Profiles by hand


def test_a_profile_is_the_share_of_problems_within_tau() -> None:
    times = table(a=[10, 10, 10, 10], b=[10, 20, 35, INF], c=[5, 60, 45, 40])
    ratios = performance_ratios(times)
    np.testing.assert_allclose(
        ratios, [[2, 1, 1, 1], [2, 2, 3.5, INF], [1, INF, INF, 4]]
    )  # 60 / 10 and 45 / 10 are beyond 4; exactly 4 is not
    rho = performance_profile(times, points=4)  # at 1, 2, 3, 4
    np.testing.assert_allclose(rho["a"], [0.75, 1, 1, 1])
    np.testing.assert_allclose(rho["b"], [0, 0.5, 0.5, 0.75])
    np.testing.assert_allclose(rho["c"], [0.25, 0.25, 0.25, 0.5])
    scores = performance_scores(times, points=4).set_index("arm")["score"]
    assert scores["a"] == pytest.approx((0.875 + 1 + 1) / 3)
    assert scores["b"] == pytest.approx((0.25 + 0.5 + 0.625) / 3)


def test_dolan_and_more_cut_nothing_off() -> None:
    times = table(a=[10, 10], b=[10, 90])
    rho = performance_profile(times, cutoff=None, most=10, points=10)
    np.testing.assert_allclose(rho["b"], [0.5] * 8 + [1, 1])  # reached at 9


def test_a_problem_that_nobody_reached_is_won_by_nobody() -> None:
    scores = performance_scores(table(a=[10, INF], b=[20, INF])).set_index("arm")["score"]
    assert scores["a"] == 0.5


def test_base_and_variant_stand_or_fall_together() -> None:
    columns = {"p": "base", "q": "variant"}
    times = table(a=[10, 7], b=[20, INF], c=[INF, 1], d=[30, 29]).rename(columns=columns)
    ratios = performance_ratios(times, held_out={"variant": "base"})
    # b missed the variant, so its base does not count; c missed the base, so its variant, the fastest by
    # far, does not; d is 4.14 times a on the variant, which is beyond the cut-off.
    assert ratios["base"].to_dict() == {"a": 1, "b": INF, "c": INF, "d": INF}
    assert list(ratios.columns) == ["base"]


def test_bad_tables_are_named() -> None:
    with pytest.raises(ValueError, match="held_out names 'r', which is no column of the times"):
        performance_ratios(table(a=[1, 2]), held_out={"r": "p"})
    with pytest.raises(ValueError, match="times must be positive, got 0 on q"):
        performance_ratios(table(a=[1, 0]))


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.floats(1, 100) | st.just(INF), min_size=3, max_size=3), min_size=2, max_size=4),
    st.floats(0.5, 8),
)
def test_profiles_rise_and_units_do_not_matter(values: list[list[float]], factor: float) -> None:
    times = pd.DataFrame(values)
    rho = performance_profile(times)
    assert ((rho >= 0) & (rho <= 1)).all(axis=None)
    assert (rho.diff().iloc[1:] >= 0).all(axis=None)
    reached = np.isfinite(times.min()).mean()
    assert rho.iloc[0].sum() >= reached - 1e-12  # somebody is best wherever somebody arrived
    scores = performance_scores(times, leave_one_out=False).set_index("arm")["score"].sort_index()
    scaled = performance_scores(times * factor, leave_one_out=False).set_index("arm")["score"].sort_index()
    np.testing.assert_allclose(scores, scaled, atol=0.02)  # a ratio may round across a grid point


# Time to target


def curves(**trials: list[float]) -> pd.DataFrame:
    rows = [
        {"problem": "p", "arm": name[0], "seed": int(name[1:]), "step": 10 * i, "value": value}
        for name, values in trials.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_time_to_target_by_hand() -> None:
    frame = curves(a0=[1.0, 0.5, 0.2, 0.6], a1=[1.0, NAN, 0.5], b0=[1.0, 0.51], b1=[NAN, NAN])
    times = time_to_target(frame, {"p": 0.5})
    assert times["time"].to_list() == [10, 20, INF, INF]
    assert time_to_target(frame, {"p": 0.55}, goal="max")["time"].to_list() == [0, 0, 0, INF]
    typical = typical_times(times)
    assert typical.loc["a", "p"] == 15
    assert typical.loc["b", "p"] == INF


def test_a_problem_without_target_is_left_out() -> None:
    assert len(time_to_target(curves(a0=[1.0]), {"q": 0.5})) == 0
    assert len(time_to_target(curves(a0=[1.0]), {"p": NAN})) == 0
    with pytest.raises(ValueError, match="no column 'seconds'"):
        time_to_target(curves(a0=[1.0]), {"p": 1.0}, time="seconds")


def test_a_trial_without_a_curve_is_a_miss() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return "crashed" if (arm, seed) == ("adam", 101) else "ok"

    results = make_results(("sgd", "adam"), ("xor",), seeds=(100, 101, 102), status=status)
    frame = curve_frame(results, "valid_loss")
    times = time_to_target(frame, targets(results))
    assert len(times) == 6
    crashed = times[(times["arm"] == "adam") & (times["seed"] == 101)]
    assert crashed["time"].to_list() == [INF]
    last = frame.groupby(["arm", "seed"])["seconds"].max()
    assert last.dropna().eq(0.01).all()  # all of the training time at the last step


# Targets


def tuned(*curves: tuple[str, str, int, str, list[float]]) -> Any:
    """Return a study of tuning trials with these curves: arm, configuration, seed, status, values."""
    results = make_results(
        ("x", "y", "z"), ("xor",), seeds=(100, 101), tune_seeds=(0, 1, 2), rates=(0.1, 1.0)
    )
    rows, parts = [], []
    for i, (arm, config, seed, status, values) in enumerate(curves):
        row = {"key": f"t{i}", "phase": "tune", "status": status, "problem": "xor", "dataset": "xor"}
        rows.append({**row, "arm": arm, "config": config, "seed": seed, "valid_loss": values[-1]})
        own = {"key": f"t{i}", "step": range(0, 10 * len(values), 10), "metric": "valid_loss"}
        parts.append(pd.DataFrame({**own, "value": values}))
    report = results.trials[results.trials["phase"] == "report"]
    results = replace(
        results, trials=pd.concat([report, pd.DataFrame(rows)], ignore_index=True), planned=None
    )
    results = replace(results, curves=pd.concat([results.curves, *parts], ignore_index=True))
    results = replace(results, selection=results.selection.assign(config="good"))
    return results


X = [
    ("x", "good", 0, "ok", [1.0, 0.5, 0.7]),
    ("x", "good", 1, "ok", [1.0, 0.4, 0.4]),
    ("x", "good", 2, "ok", [1.0, 0.9, 0.6]),
    ("x", "other", 0, "ok", [1.0, 0.1, 0.1]),
]
Y = [("y", "good", seed, "ok", [1.0, 0.3, 0.9]) for seed in range(3)]
Z = [("z", "good", seed, "ok", [2.0, 1.5, 0.8]) for seed in range(3)]


def test_the_target_is_what_three_quarters_of_the_arms_reach_with_a_tenth_to_spare() -> None:
    # Best along the chosen configuration's curves: x .5, .4, .6, median .5; y .3; z .8. Three quarters of
    # three arms are three, the worst of them has .8. They start at 1, 1 and 2, median 1: a tenth of the way
    # back from .8 to 1, on the scale of logarithms, is .8^.9.
    results = tuned(*X, *Y, *Z)
    aims = targets(results)
    assert aims.drop(columns="target").to_dict("records") == [
        {"problem": "xor", "metric": "valid_loss", "goal": "min", "origin": "tuning"}
    ]
    assert aims["target"][0] == pytest.approx(0.8**0.9, rel=1e-12)
    # The report's own trials have no say.
    reported = results.trials["phase"] == "report"
    results.trials.loc[reported, "valid_loss"] *= 0.01
    results.curves.loc[results.curves["key"].isin(results.trials.loc[reported, "key"]), "value"] *= 0.01
    pd.testing.assert_frame_equal(targets(results), aims)


def test_higher_may_be_better() -> None:
    results = tuned(*X, *Y, *Z)
    results = asked(results, selection=Select("valid_loss", "max"))
    # The best are 1, 1 and 2, and they start at 1, 1 and 2: neither the worst nor the median arm gets better.
    assert targets(results)["target"][0] == 1.0


def test_without_curves_the_last_score_is_the_best_known() -> None:
    results = tuned(*X, *Y, *Z)
    results = replace(results, curves=results.curves.iloc[:0])
    assert targets(results)["target"][0] == 0.8  # x .6 of .7, .4, .6; y .9; z .8


def test_an_arm_that_mostly_diverged_counts_as_the_worst_whatever_it_had_reached() -> None:
    lost = [("y", "good", seed, "diverged" if seed else "ok", [1.0, 0.1, 0.9]) for seed in range(3)]
    # .5, infinite, .8: three quarters of the two that are left are both
    assert targets(tuned(*X, *lost, *Z))["target"][0] == pytest.approx(0.8**0.9)
    gone = [(*trial[:3], "failed", trial[4]) for trial in X]
    assert math.isnan(targets(tuned(*gone, *lost, *Z))["target"][0])


def test_three_quarters_of_the_arms_reach_the_target_in_half_of_their_tuning_seeds_or_more() -> None:
    results = tuned(*X, *Y, *Z)
    own = time_to_target(
        pd.DataFrame(
            [
                {"problem": "xor", "arm": arm, "seed": seed, "step": 10 * i, "value": value}
                for arm, config, seed, _, values in (*X, *Y, *Z)
                if config == "good"
                for i, value in enumerate(values)
            ]
        ),
        targets(results),
    )
    reached = np.isfinite(own["time"]).groupby(own["arm"]).sum()
    assert reached.to_dict() == {"x": 3, "y": 3, "z": 3}


@pytest.mark.parametrize(("named", "expected"), [(0.25, [0.25, 0.25]), ({"iris": 0.5}, [None, 0.5])])
def test_the_file_may_name_the_target(named: Any, expected: list[float | None]) -> None:
    results = make_results(("sgd", "adam"), ("xor", "iris"), report={"target": named})
    aims = targets(results)
    for row, value in zip(aims.itertuples(), expected, strict=True):
        assert (row.origin == "file") == (value is not None)
        assert value is None or row.target == value


def test_without_tuning_the_target_is_chosen_after_the_fact_and_says_so() -> None:
    results = make_results(("sgd", "adam"), ("xor",), tune_seeds=(), rates=(0.1,))
    assert targets(results)["origin"].to_list() == ["report"]
