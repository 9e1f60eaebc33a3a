"""Tiers: an arm that nobody beats is in the first, and no tier claims what no verdict bears out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from results_factory import make_results

from anncore.evidence.tiers import Pairing, Tiers, tiers_of
from anncore.evidence.verdicts import compare
from anncore.report.build import build_report
from anncore.report.tiers import arms_table

ARMS = "abcdefg"


def pairs(wins: str, arms: str = ARMS, verdict: str = "undecided") -> list[Pairing]:
    """Return the comparisons of all arms: "ab ca" says that a beats b and c beats a."""
    better = {tuple(win) for win in wins.split()}
    return [
        Pairing(
            *((a, b) if (b, a) not in better else (b, a)), "better" if {(a, b), (b, a)} & better else verdict
        )
        for a, b in combinations(arms, 2)
    ]


def tiers(wins: str, arms: str = ARMS, **options: object) -> Tiers:
    return tiers_of(arms, [], {"xor": pairs(wins, arms)}, **options)  # type: ignore[arg-type]


def test_the_arms_that_nobody_beats_are_taken_off_first() -> None:
    found = tiers("ac bc cd ad", "abcd")
    assert found.tiers == (("a", "b"), ("c",), ("d",))
    assert found.beaten_by == {"a": (), "b": (), "c": ("a", "b"), "d": ("a", "c")}
    assert [found.tier(arm) for arm in "abcd"] == [1, 1, 2, 3]


def test_where_nothing_is_decided_all_share_the_first_tier() -> None:
    found = tiers("", "abc")
    assert (found.tiers, found.decided, found.equal) == ((("a", "b", "c"),), False, False)
    assert tiers_of("abc", [], {"xor": pairs("", "abc", "equivalent")}).equal


def test_an_arm_may_be_two_tiers_down_and_not_beaten_by_the_first() -> None:
    found = tiers("ab bc", "abc")  # a and c are not told apart: beaten_by says so
    assert found.tiers == (("a",), ("b",), ("c",))
    assert found.beaten_by["c"] == ("b",)


def test_arms_that_beat_one_another_in_a_circle_share_a_tier() -> None:
    found = tiers("ab bc ca cd", "abcd")
    assert found.tiers == (("a", "b", "c"), ("d",))
    assert found.circles == (("a", "b", "c"),)
    below = tiers("da ab bc ca", "dabc")
    assert (below.tiers, below.circles) == ((("d",), ("a", "b", "c")), (("a", "b", "c"),))


def test_an_arm_that_failed_has_no_tier() -> None:
    found = tiers("ab bc", "abc", failed={"a": "2 failed of 10 trials"})
    assert found.tiers == (("b",), ("c",))
    assert found.without == {"a": "2 failed of 10 trials"}
    assert found.tier("a") is None


def test_against_a_control_there_are_those_above_with_and_below_it() -> None:
    against = [Pairing("a", "k", "better"), Pairing("k", "b", "better"), Pairing("k", "c", "undecided")]
    found = tiers_of("kabc", [], {"xor": against}, "k")
    assert found.tiers == (("a",), ("k", "c"), ("b",))
    assert found.names == ("better than k", "not told apart from k", "worse than k")


def test_on_several_problems_an_arm_is_ahead_of_what_never_beats_it() -> None:
    by_problem = {"xor": pairs("ab bc", "abc"), "iris": pairs("ba", "abc"), "wine": pairs("", "abc")}
    found = tiers_of("abc", [], by_problem)
    assert found.basis == "problems"
    assert found.tiers == (("a", "b"), ("c",))
    assert found.split == (("a", "b"),)


def test_comparisons_over_data_sets_come_first_where_they_can_decide() -> None:
    over_all = pairs("ba", "ab")
    by_problem = {"xor": pairs("ab", "ab"), "iris": pairs("ab", "ab")}
    assert tiers_of("ab", over_all, by_problem).tiers == (("b",), ("a",))
    few = [Pairing("a", "b", "too_few")]
    assert tiers_of("ab", few, by_problem).tiers == (("a",), ("b",))


relations = st.lists(st.tuples(st.sampled_from(ARMS), st.sampled_from(ARMS)), max_size=25)


@given(relations)
@settings(max_examples=100, deadline=None)
def test_tiers_claim_nothing_that_no_verdict_bears_out(relation: Sequence[tuple[str, str]]) -> None:
    wins: set[tuple[str, str]] = set()
    for a, b in relation:
        if a != b and (b, a) not in wins:
            wins.add((a, b))
    found = tiers(" ".join(a + b for a, b in wins))
    assert sorted(found.order) == list(ARMS)  # each arm once
    assert all(list(tier) == sorted(tier) for tier in found.tiers)  # in the order handed over
    circled = {arm: set(circle) for circle in found.circles for arm in circle}
    for arm in ARMS:
        assert set(found.beaten_by[arm]) == {a for a, b in wins if b == arm}
        for other in found.beaten_by[arm]:  # whoever beats an arm is in a higher tier, or in its circle
            higher = found.order.index(other) < found.order.index(arm) and found.tier(other) != found.tier(
                arm
            )
            assert higher or other in circled.get(arm, ())
    for above, tier in zip(found.tiers, found.tiers[1:], strict=False):
        for arm in tier:  # who is not above it has a reason: it, or one of its circle, is beaten there
            group = circled.get(arm, {arm})
            assert any(other in above for member in group for other in found.beaten_by[member])
    assert found.decided == bool(wins)


@given(relations, st.permutations(ARMS))
@settings(max_examples=100, deadline=None)
def test_tiers_do_not_depend_on_the_order_of_arms(
    relation: Sequence[tuple[str, str]], order: Sequence[str]
) -> None:
    wins = " ".join({a + b for a, b in relation if a < b})
    first, second = tiers(wins), tiers_of(order, [], {"xor": pairs(wins)})
    assert [set(tier) for tier in first.tiers] == [set(tier) for tier in second.tiers]


@pytest.mark.slow
@pytest.mark.parametrize("draw", ["normal", "tied", "skewed"])
def test_equal_arms_are_parted_into_tiers_in_at_most_five_of_a_hundred_experiments(draw: str) -> None:
    rng = np.random.default_rng(7)
    parted = 0
    for _ in range(80):
        scores = {
            "normal": rng.normal(size=(12, 5)),
            "tied": rng.integers(0, 3, size=(12, 5)).astype(float),
            "skewed": rng.exponential(size=(12, 5)),
        }[draw]
        frame = pd.DataFrame(scores, columns=list("abcde"))
        parted += tiers_of("abcde", [], {"xor": compare(frame, where="xor")}).decided
    assert parted <= 9  # of 80 at 5 %: more than 9 come about once in 100 such simulations


def test_a_report_orders_its_arms_by_tier_and_says_what_it_judges() -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return {"sgd": 1.0, "adam": 0.5, "rmsprop": 0.52}[arm] * (
            1 + 0.2 * np.sin(seed * {"adam": 1, "rmsprop": 2}.get(arm, 3))
        )

    results = make_results(
        arms=("sgd", "adam", "rmsprop"), problems=("xor",), seeds=tuple(range(100, 112)), score=score
    )
    content = build_report(results, {})
    tiers = content["tiers"]
    assert tiers["tiers"][-1] == ["sgd"]
    assert [row["arm"] for row in content["leaderboard"]["overall"]] == tiers["order"]
    assert tiers["reference"] == tiers["order"][0]
    caption, header, rows = arms_table(content)
    assert caption.startswith("By test loss, on xor.")
    assert "Test accuracy is shown beside it and decides nothing." in caption
    assert header[:3] == ["optimizer", "tier", "test loss"]
    assert "test accuracy" in header
    assert [row[1] for row in rows] == ["1", "1", "2"]
