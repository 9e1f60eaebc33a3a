from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from anncore.evidence.sentences import (
    DATA_SETS,
    about,
    interval,
    joined,
    number,
    p_value,
    percent,
    sentence,
    size,
)
from anncore.evidence.verdicts import Comparison, compare

INF = math.inf


def one(costs: dict[str, list[float]], **options: object) -> Comparison:
    (verdict,) = compare(pd.DataFrame(costs), **options)  # type: ignore[arg-type]
    return verdict


def test_better_says_by_how_much_and_how_sure() -> None:
    # Ten ratios of exactly 2: log 2 apart, half the loss; p = 2^-9
    costs = {"sgd": [math.log(2)] * 10, "adam": [0.0] * 10}
    verdict = one(costs, where="two_moons", scale="log")
    assert (verdict.a, verdict.verdict, verdict.p) == ("adam", "better", 2**-9)
    assert sentence(verdict) == (
        "adam beats sgd on two_moons on 10 of 10 seeds "
        "(mean gain 50 % lower, 95 % interval 50 to 50 % lower, adjusted p = .002)."
    )


def test_over_data_sets_in_points() -> None:
    gains = [0.008, 0.010, 0.012, 0.012, 0.014, 0.016, 0.012, 0.011, -0.001]
    costs = {"adam": [-0.9 - g for g in gains], "sgd": [-0.9] * 9}
    text = sentence(one(costs, unit=DATA_SETS, scale="unit"))
    assert text.startswith("adam beats sgd on 8 of 9 data sets (typical gain 1.2 points, 95 % interval ")
    assert text.endswith("adjusted p = .008).")


def test_undecided_says_how_many_pairs_it_would_take() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(size=10)
    verdict = one({"rmsprop": list(base), "adam": list(base + rng.normal(0.3, 1, size=10))})
    assert verdict.verdict == "undecided"
    # Student's interval of the mean difference holds 0, and so does the one that is printed.
    assert sentence(verdict) == (
        f"{verdict.a} and {verdict.b} cannot be told apart: 10 seeds bound the difference to "
        f"{number(verdict.low)} to {number(verdict.high)}; "
        f"{about(verdict.needed_low)} or more would be needed."
    )
    assert verdict.low < 0 < verdict.high
    assert verdict.needed is not None
    assert 10 < verdict.needed_low <= verdict.needed < verdict.needed_high == INF


def test_too_few_pairs_give_no_p_value_but_a_number() -> None:
    verdict = one({"a": [0.0, 0, 0], "b": [1.0, 2, 3]})
    assert (verdict.verdict, verdict.p, verdict.needed) == ("too_few", None, 6)
    assert sentence(verdict) == (
        "3 seeds are too few for a claim about a and b (a is ahead on 3 of 3); 6 would be enough to let "
        "one show."
    )


@pytest.mark.parametrize(
    ("unit", "reason"),
    [("seeds", "both diverged on all 8 seeds"), (DATA_SETS, "trials of both diverged on all 8 data sets")],
)
def test_two_arms_without_a_score_are_not_equal(unit: str, reason: str) -> None:
    verdict = one({"sgd": [INF] * 8, "adam": [INF] * 8}, unit=unit)
    assert (verdict.verdict, verdict.reason, verdict.p) == ("blocked", reason, None)
    assert verdict.neither_ends
    assert all(math.isnan(value) for value in (verdict.effect, verdict.low, verdict.high, verdict.mean))
    assert sentence(verdict) == f"No claim about sgd and adam: {reason}."


def test_one_seed_that_ends_well_makes_a_pair() -> None:
    verdict = one({"sgd": [INF] * 7 + [1.0], "adam": [INF] * 8})
    assert (verdict.verdict, verdict.a, verdict.neither_ends) == ("undecided", "sgd", False)


def test_fewer_than_six_data_sets_are_description() -> None:
    assert one({"a": [0.0] * 5, "b": [1.0] * 5}, unit=DATA_SETS).verdict == "too_few"


def test_numeric_noise_is_a_tie() -> None:
    verdict = one({"momentum": [7e-22] * 8, "adam": [6e-22] * 8})
    assert sentence(verdict) == "momentum and adam are equal on all 8 seeds."
    assert verdict.p == 1


def test_divergence_counts_as_the_worst() -> None:
    verdict = one({"a": [1.0] * 8, "b": [2.0] * 6 + [INF] * 2})
    assert (verdict.verdict, verdict.wins, verdict.diverged) == ("better", 8, 2)
    assert "2 by divergence" in sentence(verdict)


def test_failed_and_missing_trials_block_a_claim() -> None:
    costs = {"a": [0.0] * 8, "b": [1.0] * 8}
    verdict = one(costs, blocked={"b": "2 failed of 8 trials"})
    assert sentence(verdict) == "No claim about a and b: b: 2 failed of 8 trials."
    gap = one({"a": [0.0] * 8, "b": [1.0] * 7 + [math.nan]})
    assert (gap.verdict, gap.reason) == ("blocked", "1 of 8 seeds lacks a partner")


def test_equivalence_needs_the_whole_interval_inside() -> None:
    costs = {"a": [0.0] * 6, "b": [0.001, -0.001, 0.002, -0.002, 0.001, 0.0005]}
    assert one(costs, rope=0.01).verdict == "equivalent"
    assert one(costs, rope=0.0005).verdict == "undecided"


def test_a_control_is_compared_with_each_arm_only() -> None:
    frame = pd.DataFrame(np.arange(32.0).reshape(8, 4), columns=list("wxyz"))
    assert {frozenset((c.a, c.b)) for c in compare(frame, control="y")} == {
        frozenset(pair) for pair in ("yw", "yx", "yz")
    }
    assert len(compare(frame)) == 6
    assert compare(frame[["w"]]) == []


def test_an_arm_against_its_copy_is_rarely_told_apart() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        frame = pd.DataFrame(rng.normal(size=(10, 3)), columns=list("abc"))
        wrong += any(c.verdict == "better" for c in compare(frame))
    assert wrong <= 24  # 5 % of 300 is 15; 24 is its 99th percentile


def test_who_is_better_so_far_and_by_how_much_never_contradict_each_other() -> None:
    # b is cheaper on six of ten seeds by 0.1, and dearer on four by 1: a's mean is lower by 0.34.
    near = one({"a": [0.0] * 10, "b": [-0.1] * 6 + [1.0] * 4})
    assert (near.verdict, near.a, near.wins) == ("undecided", "a", 4)
    assert near.effect == pytest.approx(0.34)
    # b wins 19 of 20 seeds, but loses one by a hundred: the test speaks for b, the mean against it.
    gaps = [-0.1 - 0.001 * i for i in range(19)] + [100.0]
    verdict = one({"a": [0.0] * 20, "b": gaps})
    assert (verdict.verdict, verdict.a, verdict.wins) == ("typical", "b", 19)
    assert 0.1 < verdict.low <= verdict.effect <= verdict.high < 0.13  # Hodges and Lehmann's
    assert verdict.mean == pytest.approx(-sum(gaps) / 20)
    assert verdict.mean_low < 0 < verdict.mean_high
    assert sentence(verdict).startswith("b beats a in a typical run, on 19 of 20 seeds (typical gain 0.109,")
    assert ", adjusted p < .001), but not surely on average (mean gain −4.90, 95 % interval" in sentence(
        verdict
    )


def test_one_seed_is_written_in_the_singular() -> None:
    text = sentence(one({"a": [0.0], "b": [1.0]}))
    assert text.startswith("1 seed is too few for a claim about a and b (a is ahead on 1 of 1); 6 would")
    assert sentence(one({"a": [1.0], "b": [1.0]})) == "a and b are equal on 1 seed."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.04213, "0.0421"),
        (12.34, "12.3"),
        (1.2e-7, "1.2e−7"),
        (INF, "∞"),
        (math.nan, "–"),
        (0, "0"),
        (-2, "−2.00"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_words() -> None:
    assert percent(0.9731) == "97.3 %"
    assert (p_value(0.0123), p_value(0.0001), p_value(1.0), p_value(None)) == (
        "p = .012",
        "p < .001",
        "p = 1",
        "–",
    )
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert joined(list("abcdefgh"), 4) == "a, b, c and 5 others"
    assert size(math.log(2), "log") == "50 % lower"
    assert size(-math.log(1.5), "log") == "50 % higher"
    assert size(math.log(100), "log") == "100 times lower"
    assert interval(math.log(2), math.log(4), "log") == "50 to 75 % lower"
    assert (about(7), about(123), about(1234), about(INF)) == ("7", "130", "more than 1000", "more than 1000")
