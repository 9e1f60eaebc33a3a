"""Budget curves. Independent sources: every subset counted, opda 0.8.0, simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from results_factory import make_results

from anncore import budget_curve, tuning_scores
from anncore.evidence import best_of_k

INF = math.inf


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5) | st.just(INF), min_size=1, max_size=7))
def test_expectation_and_median_are_those_of_all_subsets(values: list[float]) -> None:
    curve = best_of_k(np.array(values, float))
    for k in range(1, len(values) + 1):
        best = sorted(min(subset) for subset in itertools.combinations(values, k))
        mean = sum(best) / len(best)
        assert curve.expected[k - 1] == pytest.approx(mean)
        assert curve.median[k - 1] == best[math.ceil(len(best) / 2) - 1]


# opda 0.8.0: EmpiricalDistribution.confidence_bands(ys, 0.95, a=0., b=1., method="dkw"), then
# average_tuning_curve(k, minimize=True) and quantile_tuning_curve(k, minimize=True) of its ends.
YS = [0.64, 0.27, 0.04, 0.02, 0.81, 0.91, 0.61, 0.73]
OPDA = {
    "expected_low": [
        0.130196706778,
        0.0324139569621,
        0.00959291540707,
        0.00331561743714,
        0.00130186401025,
        0.000562381748894,
        0.000259501386093,
        0.000124998718292,
    ],
    "expected_high": [
        0.878512944307,
        0.804661413489,
        0.75780151779,
        0.726755809293,
        0.705316949981,
        0.689938031104,
        0.67852823208,
        0.669813786042,
    ],
    "median_low": [0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    "median_high": [0.91, 0.81, 0.73, 0.73, 0.64, 0.64, 0.64, 0.64],
}


def test_the_bands_are_opdas() -> None:
    curve = best_of_k(YS, bounds=(0, 1))
    for name, expected in OPDA.items():
        np.testing.assert_allclose(getattr(curve, name), expected, rtol=1e-9, err_msg=name)


def test_where_scores_have_no_bounds_a_band_may_be_open() -> None:
    curve = best_of_k(YS)
    assert np.isneginf(curve.expected_low).all()
    assert np.isposinf(curve.expected_high).all()
    assert np.isfinite(curve.median_high).all()
    assert np.isneginf(curve.median_low[1:]).all()


@pytest.mark.parametrize("skew", [0.3, 1.0, 3.0])
def test_the_band_holds_the_whole_curve_at_once(skew: float) -> None:
    # u^skew with u uniform: E best of k by quadrature; the median of the least of k is (1 - 2^(-1/k))^skew.
    rng, n, k = np.random.default_rng(7), 12, np.arange(1, 13)
    u = (np.arange(200_000) + 0.5) / 200_000
    expected = np.array([np.mean(draws * (1 - u) ** (draws - 1) * u**skew) for draws in k])
    median = (1 - 2 ** (-1 / k)) ** skew
    held = {"expected": 0, "median": 0}
    for _ in range(300):
        curve = best_of_k(rng.uniform(size=n) ** skew, bounds=(0, 1))
        held["expected"] += bool(
            ((curve.expected_low <= expected + 1e-6) & (expected <= curve.expected_high + 1e-6)).all()
        )
        held["median"] += bool(((curve.median_low <= median) & (median <= curve.median_high)).all())
    assert min(held.values()) >= 276  # .95 of 300 is 285; 276 is its 1st percentile


@pytest.mark.slow
def test_the_estimate_is_unbiased() -> None:
    # The best of k uniforms is 1/(k + 1) on average.
    rng = np.random.default_rng(0)
    means = np.mean([best_of_k(rng.uniform(size=10)).expected for _ in range(1500)], axis=0)
    np.testing.assert_allclose(means, 1 / (np.arange(1, 11) + 1), atol=0.02)


def test_where_more_is_better_the_curve_rises() -> None:
    rows = [
        {"problem": "p", "arm": "a", "config": i // 2, "seed": i % 2, "score": score}
        for i, score in enumerate([0.5, 0.7, 0.8, 0.8, 0.9, math.nan])
    ]
    curve = budget_curve(pd.DataFrame(rows), goal="max", bounds=(0, 1))
    assert curve["k"].to_list() == [1, 2, 3]
    assert np.isneginf(curve["expected"][0])  # the third configuration lost a seed: the worst there is
    assert curve["expected"].to_list()[1:] == pytest.approx([(0.6 + 0.8 + 0.8) / 3, 0.8])
    assert curve["median"].to_list() == pytest.approx([0.6, 0.8, 0.8])
    for name in ("expected", "median"):
        assert (curve[f"{name}_low"] <= curve[name]).all()
        assert (curve[name] <= curve[f"{name}_high"]).all()


def test_a_sweeps_tuning_gives_a_curve_per_problem_and_arm() -> None:
    curves = budget_curve(tuning_scores(make_results(("sgd", "adam"), ("xor", "iris"))))
    assert len(curves) == 2 * 2 * 4
    assert set(curves["n"]) == {4}
    last = curves[(curves["k"] == 4) & (curves["arm"] == "adam")]
    best = make_results(("sgd", "adam"), ("xor", "iris")).selection
    np.testing.assert_allclose(last["expected"], best[best["arm"] == "adam"]["tune_score"])


def test_some_sizes_are_rows_of_the_whole_curve_and_the_last_is_always_there() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"problem": "p", "arm": arm, "config": i, "score": rng.uniform()}
        for arm, n in (("a", 9), ("b", 5))
        for i in range(n)
    ]
    whole = budget_curve(pd.DataFrame(rows), bounds=(0, 1))
    some = budget_curve(pd.DataFrame(rows), bounds=(0, 1), sizes=[8, 2, 4, 2, 100])
    kept = {("a", 2), ("a", 4), ("a", 8), ("a", 9), ("b", 2), ("b", 4), ("b", 5)}
    there = [pair in kept for pair in zip(whole["arm"], whole["k"], strict=True)]
    pd.testing.assert_frame_equal(some, whole[there].reset_index(drop=True))


def test_what_is_missing_is_named() -> None:
    frame = pd.DataFrame({"problem": ["p"], "arm": ["a"], "score": [1.0]})
    with pytest.raises(ValueError, match="no column 'arm'"):
        budget_curve(frame.drop(columns="arm"))
    with pytest.raises(ValueError, match="goal must be one of min, max, got 'best'"):
        budget_curve(frame, goal="best")
    assert best_of_k([]).expected.size == 0
