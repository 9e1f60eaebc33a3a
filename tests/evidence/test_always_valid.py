"""Looking again after every few more seeds. Independent sources: closed forms, quadrature, simulation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate, special

from anncore import always_valid_p, pairs_needed
from anncore.evidence.stats import holm, smallest_p, wilcoxon
from anncore.evidence.verdicts import compare

INF, NAN = math.inf, math.nan


def test_signs_of_equal_sizes_give_the_beta_binomial_martingale() -> None:
    # With bets of ±1 the integral is the beta function's: M = 2^n B(w + 1, l + 1).
    signs = np.array([1, 1, -1, 1, 1, 1, -1, 1, 1, 1, 1, 1, 1, 1], float)
    wins, losses = np.cumsum(signs > 0), np.cumsum(signs < 0)
    m = 2.0 ** (wins + losses) * special.beta(wins + 1, losses + 1)
    np.testing.assert_allclose(always_valid_p(signs), np.minimum.accumulate(np.minimum(1, 1 / m)))


def test_sizes_weigh_by_their_rank_so_far() -> None:
    # Sizes 3, 1, 2 have the ranks 1 of 1, 1 of 2, 2 of 3 when they come.
    bets = [1.0, math.sqrt(1 / 2), -math.sqrt(2 / 3)]
    m = [
        integrate.quad(lambda x, n=n: np.prod([1 + x * b for b in bets[:n]]) / 2, -1, 1)[0] for n in (1, 2, 3)
    ]
    expected = np.minimum.accumulate(np.minimum(1, 1 / np.array(m)))
    np.testing.assert_allclose(always_valid_p([3.0, 1.0, -2.0]), expected)


def test_one_sided_it_bets_on_gains_only() -> None:
    # All bets 1: the integral of (1 + x)^n over (0, 1) is (2^(n + 1) - 1) / (n + 1).
    n = np.arange(1, 13)
    p = always_valid_p(np.ones(12), one_sided=True)
    np.testing.assert_allclose(p, (n + 1) / (2.0 ** (n + 1) - 1))
    assert always_valid_p(-np.ones(12), one_sided=True).tolist() == [1] * 12


def test_one_sided_it_errs_in_at_most_5_percent_also_below_zero() -> None:
    rng = np.random.default_rng(8)
    for mean in (0.0, -0.1):
        wrong = sum(always_valid_p(rng.normal(mean, 1, 60), one_sided=True)[-1] <= 0.05 for _ in range(300))
        assert wrong <= 24  # 15 are 5 %; 24 is the 99th percentile


@pytest.mark.slow
def test_equivalence_may_be_looked_for_again_and_again() -> None:
    rng, decisions = np.random.default_rng(9), {0.0: 0, 0.5: 0}
    for effect in decisions:
        for _ in range(40):
            frame = pd.DataFrame({"a": np.zeros(60), "b": rng.normal(effect, 0.5, 60)})
            looks = (compare(frame.iloc[:n], rope=0.5, sequential=True)[0] for n in range(10, 61, 10))
            decisions[effect] += any(c.verdict == "equivalent" for c in looks)
    assert decisions[0.0] >= 35  # no difference, and room of one standard deviation on either side
    assert decisions[0.5] <= 6  # at the region's very edge 2 are 5 %; 6 is the 99th percentile


@pytest.mark.parametrize("pairs", [1, 5, 8, 30, 400])
def test_the_smallest_p_is_that_of_winning_every_pair(pairs: int) -> None:
    assert always_valid_p(np.ones(pairs))[-1] == pytest.approx(smallest_p(pairs, sequential=True))
    assert smallest_p(pairs, sequential=True) == min(1, (pairs + 1) / 2**pairs)


def test_pairs_needed_where_one_may_look_after_each() -> None:
    # (n + 1) / 2^n ≤ .05 / m by hand: 9/256 = .035, 11/1024 = .0107, 13/4096 = .0032
    assert [pairs_needed(m, sequential=True) for m in (1, 3, 10)] == [8, 10, 12]


def test_ties_bet_nothing_and_missing_pairs_wait() -> None:
    assert always_valid_p([0, 0, 0]).tolist() == [1, 1, 1]
    assert always_valid_p([]).tolist() == []
    with_gaps = always_valid_p([1, NAN, 2, 3])
    np.testing.assert_allclose(with_gaps[[0, 2, 3]], always_valid_p([1, 2, 3]))
    assert with_gaps[1] == with_gaps[0]
    np.testing.assert_array_equal(always_valid_p([1, 2, INF]), always_valid_p([1, 2, 3]))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(-50, 50).filter(bool) | st.sampled_from([INF, -INF]), min_size=1, max_size=20),
    st.floats(0.1, 10),
)
def test_only_signs_and_ranks_count(gaps: list[float], factor: float) -> None:
    d = np.array(gaps, float)
    p = always_valid_p(d)
    np.testing.assert_allclose(always_valid_p(-d), p)
    np.testing.assert_allclose(always_valid_p(d * factor), p)
    assert (np.diff(p) <= 0).all()
    for n in range(1, len(d) + 1):  # what comes later changes nothing that was said
        np.testing.assert_allclose(always_valid_p(d[:n]), p[:n])


def test_compare_takes_it_in_the_place_of_wilcoxon() -> None:
    frame = pd.DataFrame({"a": [0.0] * 9, "b": np.arange(1.0, 10), "c": [INF] * 9})
    verdicts = {(c.a, c.b): c for c in compare(frame, sequential=True)}
    raw = {
        pair: always_valid_p(gaps)[-1]
        for pair, gaps in {("a", "b"): np.arange(1.0, 10), ("a", "c"): np.full(9, INF)}.items()
    }
    raw["b", "c"] = raw["a", "c"]
    assert verdicts["a", "b"].verdict == "too_few"  # 10 pairs are needed for three comparisons
    more = pd.concat([frame] * 2, ignore_index=True)
    verdicts = {(c.a, c.b): c for c in compare(more, sequential=True)}
    gaps = [more["b"] - more["a"], more["c"], more["c"]]
    expected = holm([always_valid_p(d.to_numpy(float))[-1] for d in gaps])
    assert [verdicts[pair].p for pair in (("a", "b"), ("a", "c"), ("b", "c"))] == pytest.approx(expected)
    assert {c.verdict for c in verdicts.values()} == {"better"}


def equal_arms(rng: np.random.Generator, pairs: int) -> np.ndarray:
    """Return differences between two equal arms whose spread varies from pair to pair."""
    return rng.normal(size=pairs) * rng.choice([0.1, 1, 10], size=pairs)


@pytest.mark.slow
def test_looking_after_every_pair_errs_in_at_most_5_percent() -> None:
    rng, valid, naive = np.random.default_rng(1), 0, 0
    for _ in range(300):
        d = equal_arms(rng, 60)
        valid += always_valid_p(d)[-1] <= 0.05
        naive += any(wilcoxon(d[:n]) <= 0.05 for n in range(6, 61, 2))
    assert valid <= 24  # 15 are 5 %; 24 is the 99th percentile
    assert naive > 45  # what it is for: the test for one look errs three times as often as it says


@pytest.mark.slow
def test_with_holm_over_three_arms_too() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        x = rng.normal(size=(50, 3))
        p = [always_valid_p(x[:, i] - x[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        wrong += any((holm(now) <= 0.05).any() for now in np.array(p).T)
    assert wrong <= 17  # 10 are 5 %; 17 is the 98th percentile


def test_a_difference_is_found_not_much_later_than_a_planned_test_would() -> None:
    # Half a standard deviation: a planned test with 80 % power takes 33 pairs (pairs_for_power).
    rng = np.random.default_rng(3)
    stops = []
    for _ in range(200):
        below = np.flatnonzero(always_valid_p(rng.normal(0.5, 1, size=120)) <= 0.05)
        stops.append(below[0] + 1 if len(below) else INF)
    assert np.median(stops) <= 45


@pytest.mark.slow
@pytest.mark.large
def test_looking_after_every_pair_errs_in_at_most_5_percent_over_many_repetitions() -> None:
    rng = np.random.default_rng(5)
    wrong = sum(always_valid_p(equal_arms(rng, 200))[-1] <= 0.05 for _ in range(5000))
    assert wrong <= 286  # 250 are 5 %; 286 is the 99th percentile
