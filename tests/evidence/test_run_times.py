"""Run times to many targets. Independent sources: COCO's own post-processing (cocopp), counting by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from report_schema import complaints
from results_factory import asked, make_results
from scipy import stats as scipy_stats

from anncore import average_run_time, run_time_curves, run_time_shares, run_time_targets, run_times
from anncore.evidence.mean_difference import mean_difference
from anncore.evidence.run_time_claims import speed_headline, speeds
from anncore.evidence.run_times import Ladder, RunTimes, first_meetings, ladder_targets
from anncore.evidence.stats import mean_interval
from anncore.evidence.study import Study
from anncore.evidence.verdicts import Pair, Rule, judge_problems
from anncore.experiment.model import Select
from anncore.report.build import build_report, plain
from anncore.report.latex import render_tables
from anncore.report.markdown import render_markdown

INF, NAN = math.inf, math.nan
LARGE = [pytest.mark.slow, pytest.mark.large]

# From two starts to a best, on two data sets; see `stepping`.
FALLS = {
    "fast": [1.0, 0.1, 0.01, 0.01, 0.01],
    "slow": [1.0, 1.0, 0.1, 0.1, 0.01],
    "stuck": [1.0, 1.0, 1.0, 1.0, 1.0],
}


def stepping(
    problems: tuple[str, ...] = ("near",), arms: tuple[str, ...] = ("fast", "slow", "stuck"), **options: Any
) -> Any:
    """Return arms whose curves are those of FALLS, evaluated at steps 0, 10, 20, 30 and 40, tuned and "
    "reported."""
    seeds = options.pop("seeds", tuple(range(100, 110)))
    results = make_results(arms, problems, seeds, **({"steps": 40} | options))
    parts = []
    for row in results.trials.to_dict("records"):
        own = {
            "key": row["key"],
            "step": range(0, 50, 10),
            "metric": "valid_loss",
            "value": FALLS[row["arm"]],
        }
        parts.append(pd.DataFrame(own))
    results.trials["valid_loss"] = results.trials["arm"].map(lambda arm: FALLS[arm][-1])
    return replace(results, curves=pd.concat(parts, ignore_index=True))


# One trial


def test_the_first_meeting_of_each_target_is_found() -> None:
    steps, values = np.arange(0, 60, 10.0), np.array([1.0, 0.5, NAN, 0.2, 0.6, 0.1])
    assert first_meetings(steps, values, np.array([1.0, 0.5, 0.4, 0.2, 0.1, 0.05])).tolist() == [
        *(0, 10, 30, 30, 50, INF)
    ]
    back = slice(None, None, -1)  # the order of rows does not matter
    assert first_meetings(steps[back], values[back], np.array([0.4])).tolist() == [30]
    assert first_meetings(steps, -values, np.array([-0.4]), "max").tolist() == [30]
    assert first_meetings(np.array([NAN]), np.array([NAN]), np.array([1.0, 2.0])).tolist() == [INF, INF]


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(-5, 5, width=16) | st.just(NAN), min_size=1, max_size=12),
    st.lists(st.floats(-6, 6, width=16), min_size=1, max_size=5),
)
def test_first_meetings_are_those_of_a_plain_search(values: list[float], targets: list[float]) -> None:
    expected = [
        next((10.0 * i for i, value in enumerate(values) if value <= target), INF) for target in targets
    ]
    steps = 10.0 * np.arange(len(values))
    assert first_meetings(steps, np.array(values), np.array(targets)).tolist() == expected


def test_targets_divide_the_way_and_end_at_the_best() -> None:
    by_ratio = ladder_targets(100.0, 1e-8, True, 51)
    assert len(by_ratio) == 51
    assert by_ratio[-1] == 1e-8
    np.testing.assert_allclose(by_ratio[1:] / by_ratio[:-1], (1e-10) ** (1 / 51))
    np.testing.assert_allclose(ladder_targets(0.5, 1.0, False, 5), [0.6, 0.7, 0.8, 0.9, 1.0])
    assert ladder_targets(0.1, 0.3, False, 3)[-1] == 0.3  # .1 + .2 would be a digit beyond it


# The average run time


def test_the_average_run_time_is_cocos() -> None:
    # cocopp 2.9.1: toolsstats.sp([120, 1000, 300, 1000, 80], issuccessful=[1, 0, 1, 0, 1])[0]
    assert average_run_time([120, INF, 300, INF, 80], [500, 1000, 500, 1000, 500]) == pytest.approx(
        833.3333333333334
    )
    # By hand: 10 and 30 steps to the target, and 100 wasted: (10 + 30 + 100) / 2.
    assert average_run_time([10, INF, 30], [40, 100, 40]) == 70
    assert average_run_time([INF, INF], [100, 100]) == INF
    assert average_run_time([NAN, 20], [NAN, 40]) == 20
    assert math.isnan(average_run_time([], []))


# The distribution


def test_the_distribution_counts_problems_seeds_and_targets() -> None:
    # Two seeds by three targets: met after 1 (0 counts as 1), 4, 9 and 2, 4, never.
    rows = [("p", "a", 0, t) for t in (0, 4, 9)] + [("p", "a", 1, t) for t in (2, 4, INF)]
    frame = pd.DataFrame(rows, columns=["problem", "arm", "seed", "time"])
    shares = run_time_shares(frame)["a"]
    assert shares.index.tolist() == [1, 2, 4, 9]
    assert shares.tolist() == pytest.approx([1 / 6, 2 / 6, 4 / 6, 5 / 6])
    # A second problem with one seed counts as much as the first one with two; it meets nothing.
    more = pd.concat([frame, frame.iloc[:3].assign(problem="q", time=INF)])
    assert run_time_shares(more)["a"].tolist() == pytest.approx([1 / 12, 2 / 12, 4 / 12, 5 / 12])
    theirs = scipy_stats.ecdf([1, 4, 9, 2, 4, 1e9]).cdf
    assert shares.tolist() == pytest.approx(theirs.evaluate(shares.index).tolist())


def times_of(times: Any, budget: float) -> RunTimes:
    """Return the run times of one arm on a problem: seeds by targets."""
    values = np.asarray(times, float)[None]
    ladder = Ladder("p", 1.0, 0.1, True, "tuning", np.ones(values.shape[2]))
    return RunTimes(ladder, ("a",), tuple(range(values.shape[1])), values, values[:, :, 0], budget)


def test_the_score_is_the_area_below_the_curve_on_the_log_axis() -> None:
    times = [[0, 4, 9], [2, 4, INF]]
    own = times_of(times, 100.0)
    # By hand: log of 1 · 4 · 9 and 2 · 4 · 100, the third roots.
    np.testing.assert_allclose(np.exp(own.costs()[0]), [36 ** (1 / 3), 800 ** (1 / 3)])
    assert own.reached().tolist() == [pytest.approx(5 / 6)]
    rows = [("p", "a", seed, t) for seed, row in enumerate(times) for t in row]
    shares = run_time_shares(pd.DataFrame(rows, columns=["problem", "arm", "seed", "time"]))["a"]
    edges = np.log([*shares.index, 100.0])
    area = float((np.diff(edges) * shares.to_numpy()).sum() / math.log(100.0))
    assert own.score(own.costs()[0].mean()) == pytest.approx(area)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 300) | st.just(INF), min_size=2, max_size=8), st.floats(1.5, 4))
def test_the_score_rises_with_speed_and_stays_between_0_and_1(times: list[float], factor: float) -> None:
    own, slower = times_of([times], 200.0), times_of([[t * factor for t in times]], 200.0)
    fast, slow = (float(one.score(one.costs()[0, 0])) for one in (own, slower))
    assert -1e-12 <= slow <= fast <= 1 + 1e-12
    # While no target is met before step 1 or beyond the budget, a factor of time is a shift of the log axis.
    if all(1 <= t * factor <= 200 for t in times) and all(t >= 1 for t in times):
        assert fast - slow == pytest.approx(math.log(factor) / math.log(200))


# A study


def test_the_run_times_of_a_sweep_by_hand() -> None:
    results = stepping()
    aims = run_time_targets(results)
    assert len(aims) == 51
    assert (aims["start"].iloc[0], aims["target"].iloc[-1], aims["spacing"].iloc[0]) == (1.0, 0.01, "log")
    assert set(aims["origin"]) == {"tuning"}
    times = run_times(results)
    # 51 targets from 1 to .01 by ratios: .1 is half of the way, so 25 of them are at or above it.
    met = times[times["seed"] == 100].groupby(["arm", "time"]).size()
    assert met.to_dict() == {
        ("fast", 10.0): 25,
        ("fast", 20.0): 26,
        ("slow", 20.0): 25,
        ("slow", 40.0): 26,
        ("stuck", INF): 51,
    }
    content = plain(build_report(results, {}))
    assert complaints(content) == []
    rows = {row["arm"]: row for row in content["run_times"]["arms"]}
    assert rows["fast"]["steps"] == pytest.approx(10 ** (25 / 51) * 20 ** (26 / 51))
    assert rows["slow"]["steps"] == pytest.approx(20 ** (25 / 51) * 40 ** (26 / 51))
    assert (rows["stuck"]["steps"], rows["stuck"]["score"], rows["stuck"]["reached"]) == (40.0, 0.0, 0.0)
    assert rows["fast"]["score"] == pytest.approx(1 - math.log(rows["fast"]["steps"]) / math.log(40))
    (claim,) = [c for c in content["run_times"]["comparisons"]["problems"]["near"] if c["b"] == "slow"]
    assert (claim["a"], claim["verdict"]) == ("fast", "better")
    assert math.exp(-claim["effect"]) == pytest.approx(0.5)  # half of the steps
    assert content["run_times"]["headline"] == (
        "By speed to many targets: fast beats every other arm on near, the number of steps to a target 50 to "
        "64 % lower."
    )


def test_an_arm_that_starts_lower_is_no_faster_before_the_first_evaluation() -> None:
    """slow begins at 0.1, half of the way, where fast is at step 10, the first evaluation after the start."""
    results = stepping(arms=("fast", "slow"))
    slow = results.curves["key"].isin(results.trials.loc[results.trials["arm"] == "slow", "key"])
    curves = results.curves.copy()
    curves.loc[slow, "value"] = curves.loc[slow, "step"].map({0: 0.1, 10: 0.1, 20: 0.01, 30: 0.01, 40: 0.01})
    results = replace(results, curves=curves)
    times = run_times(results)
    assert set(times["time"]) == {10.0, 20.0}
    (claim,) = plain(build_report(results, {}))["run_times"]["comparisons"]["problems"]["near"]
    assert claim["effect"] == 0


def test_every_view_carries_the_run_times() -> None:
    content = plain(build_report(stepping(), {}))
    text = render_markdown(content)
    assert "| fast | 0.28 | 0.28 to 0.28 | 14.2 | 100 % | 10 |" in text.replace("| near ", "")
    assert "| fast | stuck | 10/10 | 64 % lower |" in text
    assert "**Run times.** Each data set has 51 targets of validation loss" in text
    assert {"speed-by-problem", "speed-differences"} < set(dict(render_tables(content)))


def test_the_report_has_no_say_in_the_targets_where_arms_were_tuned() -> None:
    results = stepping()
    aims = run_time_targets(results)
    reported = results.trials["phase"] == "report"
    results.curves.loc[results.curves["key"].isin(results.trials.loc[reported, "key"]), "value"] *= 0.001
    pd.testing.assert_frame_equal(run_time_targets(results), aims)


def test_one_arm_alone_moves_neither_the_start_nor_the_spacing() -> None:
    results = stepping()
    bad = results.trials["arm"] == "stuck"
    results.curves.loc[results.curves["key"].isin(results.trials.loc[bad, "key"]), "value"] = 1e9
    aims = run_time_targets(results)
    assert (aims["start"].iloc[0], aims["target"].iloc[-1]) == (1.0, 0.01)


def test_shares_are_divided_by_differences_and_higher_is_better() -> None:
    options = {"metric": "valid_accuracy", "goal": "max", "regression": ()}
    results = stepping(("near",), **options)
    results.curves["metric"] = "valid_accuracy"
    results.curves["value"] = 1 - results.curves["value"] / 2  # from .5 to .995
    results = asked(results, selection=Select("valid_accuracy", "max"))
    results.trials["valid_accuracy"] = 0.995
    aims = run_time_targets(results)
    assert set(aims["spacing"]) == {"linear"}
    assert aims["target"].iloc[-1] == 0.995
    met = run_times(results).query("seed == 100 and arm == 'fast'").groupby("time").size().to_dict()
    # .95 is met at step 10: 0.45 of the 0.495 between the ends, 46.4 of 51 targets
    assert met == {10.0: 46, 20.0: 5}


def test_where_nobody_gets_better_there_are_no_targets_and_the_report_says_so() -> None:
    results = stepping(("near", "far"))
    far = results.trials["problem"] == "far"
    results.trials.loc[far, "valid_loss"] = 1.0
    results.curves.loc[results.curves["key"].isin(results.trials.loc[far, "key"]), "value"] = 1.0
    content = plain(build_report(results, {}))
    assert complaints(content) == []
    notes = {ladder["problem"]: ladder["note"] for ladder in content["run_times"]["ladders"]}
    assert notes == {"near": "", "far": "no arm gets better than it starts"}
    assert "On far there are no targets: no arm gets better than it starts." in render_markdown(content)
    assert content["run_times"]["comparisons"]["overall"] == []


def test_a_diverged_trial_meets_nothing_and_a_failed_one_blocks_the_claim() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        lost = {("fast", 100): "diverged", ("slow", 101): "failed"}
        return lost.get((arm, seed), "ok")

    results = stepping(status=status)
    times = run_times(results)
    own = times.set_index(["arm", "seed"])["time"]
    assert np.isinf(own.loc["fast", 100]).all()
    assert own.loc["slow", 101].isna().all()
    result = speeds(Study(results))
    rows = {row.arm: row for row in result.arms}
    assert (rows["fast"].n, rows["slow"].n) == (10, 9)
    assert rows["fast"].reached == pytest.approx(0.9)
    verdicts = {frozenset((c.a, c.b)): c.verdict for c in result.by_problem["near"]}
    assert verdicts[frozenset(("fast", "slow"))] == "blocked"
    assert verdicts[frozenset(("fast", "stuck"))] == "better"
    assert complaints(plain(build_report(results, {}))) == []


def test_over_data_sets_each_counts_once_whatever_its_budget() -> None:
    names = tuple(f"set{i}" for i in range(8))
    results = stepping(names, seeds=(100, 101))
    long = results.trials["problem"] == "set0"
    results.curves.loc[results.curves["key"].isin(results.trials.loc[long, "key"]), "step"] *= 100
    study = Study(results)
    result = speeds(study)
    overall = {row.arm: row for row in result.arms if row.problem == ""}
    near = math.log(10 ** (25 / 51) * 20 ** (26 / 51))
    short, far = 1 - near / math.log(40), 1 - (near + math.log(100)) / math.log(4000)
    assert overall["fast"].score == pytest.approx((7 * short + far) / 8)
    assert overall["fast"].n == 8
    assert {(c.a, c.b): c.verdict for c in result.over_all}["fast", "slow"] == "better"
    assert speed_headline(study, result).startswith(
        "By speed to many targets: fast beats every other arm on data sets like these 8"
    )
    controlled = Study(stepping(names, seeds=(100, 101), report={"control": "slow"}))
    said = speed_headline(controlled, speeds(controlled))
    assert said.startswith("By speed to many targets, against slow on data sets like these 8: fast beats it")
    assert said.count(":") == 1


def test_one_arm_is_described_and_nothing_is_compared() -> None:
    content = plain(build_report(stepping(arms=("fast",)), {}))
    assert content["run_times"]["headline"] == ""
    assert len(content["run_times"]["arms"]) == 1
    assert "| fast | 0.28 |" in render_markdown(content).replace("| near ", "")


def test_a_diverged_trial_does_not_reach_a_single_target_either() -> None:
    status = lambda problem, arm, seed: "diverged" if (arm, seed) == ("fast", 100) else "ok"  # noqa: E731
    content = plain(build_report(stepping(status=status), {}))
    rows = {row["arm"]: row for row in content["speed"]["times"]}
    assert rows["fast"]["reached"] == 9


# Simulations


def drawn(name: str, rng: Any, n: int, slower: float = 0.0) -> Any:
    """Return the mean log run times of n seeds: 51 targets, evaluated every 10 steps, a budget of 1000."""
    draws = {
        "normal": lambda: 0.4 * rng.normal(size=n),
        "skewed": lambda: 0.5 * rng.exponential(size=n),
        "heavy": lambda: 0.3 * rng.standard_t(3, size=n),
        "tied": lambda: np.round(rng.normal(size=n)) * 0.4,
        "stuck": lambda: 0.2 * rng.normal(size=n),
    }
    speed = draws[name]() + slower
    times = 20 * np.exp(speed[:, None] + np.linspace(0, 3, 51) + rng.normal(0, 0.1, (n, 51)).cumsum(axis=1))
    times = np.maximum.accumulate(np.ceil(times / 10) * 10, axis=1)
    if name == "stuck":  # one run of five stays where it is
        times[rng.random(n) < 0.2, 25:] = INF
    times[times > 1000] = INF
    return times_of(times, 1000.0).costs()[0]


NAMES = ("normal", "skewed", "heavy", "tied", "stuck")


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [120, pytest.param(4000, marks=LARGE)])
@pytest.mark.parametrize("n", [6, 20])
def test_of_equal_arms_one_is_said_to_be_faster_in_5_percent_of_experiments(n: int, repetitions: int) -> None:
    rng, wrong = np.random.default_rng(21), 0
    for i in range(repetitions):
        name = NAMES[i % len(NAMES)]
        arms = [drawn(name, rng, n) for _ in range(3)]
        pairs = [Pair("p", str(a), str(b), arms[a], arms[b], "log") for a, b in ((0, 1), (0, 2), (1, 2))]
        claims = judge_problems({"p": pairs}, {"p": Rule("seeds", None, 0.05, False, 3)})["p"]
        wrong += any(c.verdict in ("better", "typical") for c in claims)
    assert wrong / repetitions <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [150, pytest.param(4000, marks=LARGE)])
@pytest.mark.parametrize("n", [5, 10, 30])
def test_the_intervals_of_speed_cover(n: int, repetitions: int) -> None:
    rng = np.random.default_rng(22)
    truth = {
        name: (float(drawn(name, rng, 40_000).mean()), float(drawn(name, rng, 40_000, 0.3).mean()))
        for name in NAMES
    }
    held = {"mean": [], "difference": []}
    for i in range(repetitions):
        name = NAMES[i % len(NAMES)]
        a, b = drawn(name, rng, n), drawn(name, rng, n, 0.3)
        low, high = truth[name]
        mean, gap = mean_interval(a), mean_difference(b - a)
        held["mean"].append(mean.low <= low <= mean.high)
        held["difference"].append(gap.low <= high - low <= gap.high)
    off = 2.5 * math.sqrt(0.93 * 0.07 / repetitions)
    assert np.mean(held["difference"]) >= 0.93 - off
    assert np.mean(held["mean"]) >= 0.90 - off  # Student's, of a skewed cost


def test_curves_are_the_shares_of_the_frame_of_run_times() -> None:
    results = make_results(arms=["a", "b", "c"], problems=["p", "q"], seeds=range(6))
    frame, curves = run_times(results), run_time_curves(results)
    assert list(curves) == ["", "p", "q"]
    for name, own in curves.items():
        rows = frame if not name else frame[frame["problem"] == name]
        pd.testing.assert_frame_equal(own.shares, run_time_shares(rows), check_column_type=False)
        assert own.budget == rows["budget"].max()
        assert own.evaluations == rows["time"].nunique()
