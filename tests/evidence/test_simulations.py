"""Do intervals cover, and tests err, as often as they say? With fixed seeds; -m large runs the long ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from anncore import compare_arms, pairs_for_power, pairs_range
from anncore.evidence import stats
from anncore.evidence.mean_difference import mean_difference
from anncore.evidence.stats import iqm_interval, mean_interval, pseudomedian, wilcoxon, wilson_interval
from anncore.evidence.verdicts import Pair, Rule, compare, judge_problems

LARGE = [pytest.mark.slow, pytest.mark.large]
MANY = [pytest.param(400, id="small"), pytest.param(10_000, marks=LARGE, id="large")]


def coverage(
    interval: Callable[[Any], Any], draw: Callable[[Any], Any], truth: float, repetitions: int
) -> float:
    rng = np.random.default_rng(0)
    intervals = [interval(draw(rng)) for _ in range(repetitions)]
    return float(np.mean([bounds.low <= truth <= bounds.high for bounds in intervals]))


def off(repetitions: int, share: float = 0.95, errors: float = 3.0) -> float:
    """Return so many standard errors of a simulated share."""
    return errors * math.sqrt(share * (1 - share) / repetitions)


# Intervals


@pytest.mark.parametrize("repetitions", MANY)
@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_t_interval_of_few_seeds_covers(n: int, repetitions: int) -> None:
    share = coverage(mean_interval, lambda rng: rng.normal(size=n), 0.0, repetitions)
    assert abs(share - 0.95) <= off(repetitions)


@pytest.mark.parametrize("repetitions", MANY)
def test_on_the_log_scale_it_covers_the_geometric_mean(repetitions: int) -> None:
    share = coverage(
        lambda x: mean_interval(x, "log"), lambda rng: np.exp(rng.normal(1, 2, 5)), math.e, repetitions
    )
    assert abs(share - 0.95) <= off(repetitions)


@pytest.mark.parametrize("repetitions", MANY)
def test_for_shares_it_covers_nearly(repetitions: int) -> None:
    # Accuracies over 100 test examples around .9; the delta method errs a little on five seeds.
    share = coverage(
        lambda x: mean_interval(x, "unit"), lambda rng: rng.binomial(100, 0.9, 5) / 100, 0.9, repetitions
    )
    assert 0.93 - off(repetitions) <= share <= 0.97 + off(repetitions)


def test_the_bootstrap_of_five_seeds_does_not() -> None:
    # Why bands are not made as seaborn makes them.
    def bootstrap(x: Any) -> Any:
        means = np.random.default_rng(1).choice(x, (500, len(x))).mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        return mean_interval(x)._replace(low=low, high=high)

    assert coverage(bootstrap, lambda rng: rng.normal(size=5), 0.0, 400) < 0.88


@pytest.mark.parametrize("repetitions", MANY)
@pytest.mark.parametrize("n", [6, 8, 10, 15])
def test_the_iqms_interval_covers_nearly(n: int, repetitions: int) -> None:
    # Between 90 and 99 %: the trimmed quarter is no whole number of values.
    for draw in (lambda rng: rng.normal(size=n), lambda rng: rng.standard_t(3, size=n)):
        share = coverage(iqm_interval, draw, 0.0, repetitions)
        assert 0.90 - off(repetitions) <= share <= 0.995


@pytest.mark.parametrize("repetitions", MANY)
@pytest.mark.parametrize("n", [8, 20])
def test_wilsons_interval_covers_nearly(n: int, repetitions: int) -> None:
    rng = np.random.default_rng(0)
    wins = rng.binomial(n, 0.7, repetitions)
    held = [
        w in (0, n) or (ends := wilson_interval(w / n, n))[0] <= 0.7 <= ends[1] for w in wins
    ]  # no interval where an arm wins always or never
    assert np.mean(held) >= 0.93 - off(repetitions)


@pytest.mark.parametrize("repetitions", MANY)
def test_the_interval_that_inverts_the_signed_rank_test_covers(repetitions: int) -> None:
    share = coverage(pseudomedian, lambda rng: rng.standard_t(2, size=10), 0.0, repetitions)
    assert share >= 0.95 - off(repetitions)  # exact for symmetric differences, so never less


# Tests


def frame_of(scores: Any) -> pd.DataFrame:
    """Return the long frame of (data sets, arms, seeds)."""
    sets, arms, seeds = np.indices(scores.shape).reshape(3, -1)
    return pd.DataFrame(
        {
            "problem": [f"set{i}" for i in sets],
            "arm": [f"arm{i}" for i in arms],
            "seed": seeds,
            "score": scores.reshape(-1),
        }
    ).assign(scale="unit")


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [60, pytest.param(2000, marks=LARGE)])
def test_data_sets_are_the_unit_since_seeds_would_err_far_too_often(repetitions: int) -> None:
    # Ten data sets, each of which favours one of two arms by chance: none is better in general.
    rng = np.random.default_rng(6)
    ours = pooled = 0
    for _ in range(repetitions):
        favour = rng.normal(0, 1, (10, 2, 1))
        scores = favour + rng.normal(0, 0.5, (10, 2, 10))
        ours += (compare_arms(frame_of(scores), over="data sets")["verdict"] == "better").any()
        pooled += wilcoxon((scores[:, 0] - scores[:, 1]).reshape(-1)) <= 0.05
    assert ours / repetitions <= 0.05 + off(repetitions, 0.05, 2.5)
    assert pooled / repetitions > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", MANY)
def test_friedman_errs_in_about_5_percent(repetitions: int) -> None:
    rng = np.random.default_rng(9)
    wrong = [stats.friedman(rng.normal(size=(12, 4)))[3] <= 0.05 for _ in range(repetitions)]
    assert abs(np.mean(wrong) - 0.05) <= off(repetitions, 0.05)


@pytest.mark.parametrize("effect", [0.4, 0.7])
def test_the_number_of_pairs_that_would_be_needed_is_about_enough(effect: float) -> None:
    # The pairs at hand have exactly this effect; so many new ones should show it in about 80 % of cases.
    at_hand = scipy_stats.zscore(np.arange(10.0), ddof=1) + effect
    needed = int(pairs_for_power(at_hand))
    rng = np.random.default_rng(4)
    shown = np.mean([wilcoxon(rng.normal(effect, 1, needed)) <= 0.05 for _ in range(400)])
    assert 0.7 <= shown <= 0.92


# What is claimed

SKEWED: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    # How differences are drawn, and their mean.
    "normal": (lambda rng, size: rng.normal(size=size), 0.0),
    "exponential scores": (lambda rng, n: rng.exponential(size=n) - 0.5 * rng.exponential(size=n), 0.5),
    "heavy tails": (lambda rng, size: rng.standard_t(3, size=size), 0.0),
    "bounded": (lambda rng, n: rng.beta(5, 0.5, n) - rng.beta(3, 0.5, n), 5 / 5.5 - 3 / 3.5),
    "tied": (lambda rng, size: np.round(1.2 * rng.normal(size=size)), 0.0),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "repetitions", [pytest.param(600, id="small"), pytest.param(10_000, marks=LARGE, id="large")]
)
@pytest.mark.parametrize("n", [5, 10, 30])
@pytest.mark.parametrize("name", SKEWED)
def test_the_interval_of_a_mean_difference_covers(name: str, n: int, repetitions: int) -> None:
    draw, truth = SKEWED[name]
    covered = coverage(mean_difference, lambda rng: draw(rng, n), truth, repetitions)
    assert covered >= 0.93 - off(repetitions, 0.93, 2.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "repetitions", [pytest.param(300, id="small"), pytest.param(4000, marks=LARGE, id="large")]
)
@pytest.mark.parametrize("n", [10, 30, 100])
def test_an_arm_that_sometimes_fails_at_equal_means_is_rarely_said_to_lose(n: int, repetitions: int) -> None:
    # By signed ranks alone it is told apart in four fifths of the experiments of 100 seeds.
    rng = np.random.default_rng(11)
    wrong, by_ranks = 0, 0
    for _ in range(repetitions):
        failing = np.where(rng.random(n) < 0.1, 9.0, 0.0) - 0.9 + rng.normal(0, 1, n)
        (claim,) = compare(pd.DataFrame({"a": rng.normal(0, 1, n), "b": failing}))
        wrong += claim.verdict == "better"
        by_ranks += claim.verdict in ("better", "typical")
    # In a third of the samples of ten nothing fails, and no test can know of what it has not seen.
    most = 0.12 if n == 10 else 0.05
    assert wrong / repetitions <= most + off(repetitions, most, 2.5)
    if n == 100:
        assert by_ranks / repetitions > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "repetitions", [pytest.param(30, id="small"), pytest.param(1000, marks=LARGE, id="large")]
)
def test_over_ten_problems_a_false_claim_is_made_in_5_percent_of_experiments(repetitions: int) -> None:
    rng = np.random.default_rng(12)
    wrong = 0
    for _ in range(repetitions):
        pairs, rules = {}, {}
        for problem in range(10):
            columns = rng.normal(size=(5, 10))
            own = [
                Pair(str(problem), str(i), str(j), columns[i], columns[j], "linear")
                for i, j in itertools.combinations(range(5), 2)
            ]
            pairs[str(problem)], rules[str(problem)] = own, Rule("seeds", None, 0.05, False, len(own))
        claims = [c for own in judge_problems(pairs, rules).values() for c in own]
        wrong += any(c.verdict in ("better", "typical") for c in claims)
    assert wrong / repetitions <= 0.05 + off(repetitions, 0.05, 2.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "repetitions", [pytest.param(400, id="small"), pytest.param(4000, marks=LARGE, id="large")]
)
@pytest.mark.parametrize(("effect", "n"), [(0.2, 10), (0.4, 10), (0.4, 20), (0.8, 6)])
def test_the_range_of_pairs_holds_what_is_needed(effect: float, n: int, repetitions: int) -> None:
    # Of the experiments that ended undecided; a single number is within a factor of two in 20 to 50 %.
    rng = np.random.default_rng(13)
    needed = max(math.ceil(math.pi / 3 * (2.801585 / effect) ** 2), 6)
    held = []
    while len(held) < repetitions:
        gaps = rng.normal(effect, 1, n)
        if wilcoxon(gaps) > 0.05:
            low, high = pairs_range(gaps)
            held.append(low <= needed <= high)
    assert np.mean(held) >= 0.8 - off(repetitions, 0.8, 2.5)
