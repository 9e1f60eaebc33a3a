"""Statistics of thousands of seeds: what is approximated beside what it approximates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from anncore.evidence import always_valid, arms, planning, signed_rank, stats
from anncore.report import methods_claims

PAIRS = signed_rank.EXACT_PAIRS + 1
RNG = np.random.default_rng(1)
SIZES = {
    "all different": np.arange(1.0, PAIRS + 1),
    "forty sizes": RNG.integers(1, 40, PAIRS).astype(float),
    "nine sizes": np.abs(RNG.normal(size=PAIRS) * 3).round() + 1,
    "six sizes": RNG.integers(1, 7, PAIRS).astype(float),
    "five sizes": RNG.integers(1, 6, PAIRS).astype(float),
    "four sizes": RNG.integers(1, 5, PAIRS).astype(float),
    "two sizes": np.repeat([1.0, 2.0], [150, PAIRS - 150]),
    "one size": np.ones(PAIRS),
    "one size and a few": np.concatenate([np.ones(PAIRS - 31), np.arange(2, 33)]),
    "one size and a hundred": np.concatenate([np.ones(PAIRS - 101), np.arange(2, 103)]),
}


@pytest.mark.parametrize("which", SIZES)
def test_approximate_tails_are_the_counted_ones_within_the_stated_error(which: str) -> None:
    ranks = signed_rank.midranks(SIZES[which])
    shares = signed_rank.sign_patterns(ranks)
    exact = np.cumsum(shares)
    middle = int(ranks.sum()) // 2
    at = [i for i in np.unique(np.linspace(0, middle, 30).astype(int)) if shares[i] > 0 and exact[i] > 1e-10]
    near = np.array([signed_rank.lower_tail(ranks, int(i)) for i in at])
    wanted = np.minimum(exact[at], 0.5)
    error = 1e-4 if which == "all different" else signed_rank.TAIL_ERROR
    np.testing.assert_allclose(near, wanted, rtol=error)


def test_p_changes_by_less_than_the_stated_error_where_counting_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same differences, counted and approximated."""
    gaps = [
        np.random.default_rng(seed).normal(shift, 1, PAIRS) for seed, shift in enumerate((0, 0.1, 0.2, 0.3))
    ]
    near = [stats.wilcoxon(gap) for gap in gaps]
    interval = [stats.pseudomedian(gap) for gap in gaps]
    monkeypatch.setattr(signed_rank, "EXACT_PAIRS", PAIRS)
    signed_rank.outermost.cache_clear()
    counted = [stats.wilcoxon(gap) for gap in gaps]
    assert min(counted) < 1e-5
    np.testing.assert_allclose(near, counted, rtol=1e-4)
    np.testing.assert_allclose(interval, [stats.pseudomedian(gap) for gap in gaps], rtol=1e-4)
    signed_rank.outermost.cache_clear()


def test_wilcoxon_of_4000_and_100000_differences_as_scipy_has_it() -> None:
    rng = np.random.default_rng(2)
    for n, shift in ((4000, 0.03), (100_000, 0.005)):
        gaps = rng.normal(shift, 1, n)
        expected = scipy_stats.wilcoxon(gaps, method="approx").pvalue  # the normal approximation
        assert stats.wilcoxon(gaps) == pytest.approx(expected, rel=2e-3)
        assert stats.wilcoxon(-gaps) == pytest.approx(stats.wilcoxon(gaps), rel=1e-9)
    assert stats.wilcoxon(np.zeros(4000)) == 1
    assert stats.wilcoxon(np.full(4000, 0.1)) == 0  # 2^-3999 is below the smallest float
    assert stats.wilcoxon(np.tile([1.0, -1.0], 2000)) == 1
    # One size: the sign test. P(B ≤ 1900), B binomial (4000, 1/2)
    signs = np.repeat([1.0, -1.0], [2100, 1900])
    assert stats.wilcoxon(signs) == pytest.approx(scipy_stats.binomtest(1900, 4000).pvalue, rel=1e-9)
    extreme = np.concatenate([np.linspace(1, 2, 3999), [-0.5]])  # the smallest rank alone is negative
    assert stats.wilcoxon(extreme) == 0


def test_wilcoxon_of_few_losses_keeps_its_order_of_magnitude_far_out() -> None:
    ranks = 2 * np.arange(1, PAIRS + 1)
    assert signed_rank.lower_tail(ranks, 0) == 2.0**-PAIRS
    exact = np.cumsum(signed_rank.sign_patterns(ranks))
    for at in (60, 200, 2000):
        assert signed_rank.lower_tail(ranks, at) == pytest.approx(exact[at], rel=0.2)


def test_searched_averages_are_the_listed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    for numbers in (
        rng.normal(size=80),
        rng.normal(size=80).round(1),
        np.concatenate([rng.normal(size=60), [np.inf] * 9, [-np.inf] * 4]),
        np.zeros(50),
        np.array([np.inf, -np.inf]),
        rng.normal(size=70) * 1e-300,
    ):
        listed = signed_rank.WalshAverages(numbers)
        monkeypatch.setattr(signed_rank, "MOST_LISTED", 1)
        searched = signed_rank.WalshAverages(numbers)
        monkeypatch.undo()
        assert len(searched) == len(listed) == len(numbers) * (len(numbers) + 1) // 2
        places = range(0, len(listed), 31)
        searched_values, listed_values = ([averages[i] for i in places] for averages in (searched, listed))
        np.testing.assert_allclose(
            searched_values, listed_values, rtol=1e-15, atol=1e-16 if max(numbers) > 1e-9 else 0
        )
        assert searched.median == pytest.approx(listed.median, rel=1e-14, abs=1e-16)


def test_the_pseudomedian_of_100000_differences() -> None:
    """Of a sample that is symmetric about 3, 3 itself; the interval as the normal law has it."""
    half = np.random.default_rng(4).normal(size=50_000)
    estimate = stats.pseudomedian(np.concatenate([3 + half, 3 - half]))
    assert estimate.value == pytest.approx(3, abs=1e-12)
    # The Hodges-Lehmann estimate's standard error is √(π/3) σ / √n.
    reach = 1.959964 * math.sqrt(math.pi / 3 / 100_000)
    assert estimate.high - 3 == pytest.approx(reach, rel=0.02)
    assert 3 - estimate.low == pytest.approx(reach, rel=0.02)


def test_ranks_so_far_are_counted_in_blocks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = np.random.default_rng(5).normal(size=200).round(1)
    at_once = always_valid.bets(gaps)
    monkeypatch.setattr(always_valid, "BLOCK", 7)
    assert np.array_equal(always_valid.bets(gaps), at_once)


@pytest.mark.parametrize("one_sided", [False, True])
def test_always_valid_p_with_fewer_nodes_is_the_exact_one(
    monkeypatch: pytest.MonkeyPatch, one_sided: bool
) -> None:
    gaps = np.random.default_rng(6).normal(0.1, 1, 700)
    near = always_valid.always_valid_p(gaps, one_sided)
    always_valid._nodes.cache_clear()
    monkeypatch.setattr(always_valid, "EXACT_PAIRS", 700)
    np.testing.assert_allclose(near, always_valid.always_valid_p(gaps, one_sided), rtol=1e-9)
    always_valid._nodes.cache_clear()


def test_a_searched_interval_is_the_listed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    samples = [rng.normal(0.5, 1, 60), rng.normal(size=5), np.full(40, 0.25), rng.normal(size=60).round(1)]
    samples.append(np.concatenate([rng.normal(1, 1, 40), [np.inf] * 3]))
    for gaps in samples:
        listed = always_valid.always_valid_interval(gaps)
        monkeypatch.setattr(always_valid, "MOST_LISTED", 0)
        searched = always_valid.always_valid_interval(gaps)
        monkeypatch.undo()
        np.testing.assert_allclose(searched, listed, atol=2e-5)


def test_laplaces_method_agrees_with_the_integral_after_thousands(monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = np.random.default_rng(8).normal(0.05, 1, 1100)
    exact = always_valid.always_valid_interval(gaps)
    monkeypatch.setattr(always_valid, "MOST_INTEGRATED", 400)
    near = always_valid.always_valid_interval(gaps)
    assert near.low == pytest.approx(exact.low, abs=0.02 * (exact.high - exact.low))
    assert near.high == pytest.approx(exact.high, abs=0.02 * (exact.high - exact.low))


def test_shares_of_unpaired_seeds_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(9)
    for a, b in (
        (rng.normal(size=40), rng.normal(size=60)),
        (rng.integers(5, size=40) / 4, rng.integers(5, size=30) / 4),
        (np.array([1.0, np.inf, 2.0]), np.array([1 + 1e-8, np.inf, np.inf, 3.0])),
    ):
        every = np.concatenate([np.sign(stats.differences(np.full(len(b), cost), b)) for cost in a])
        assert arms._unpaired(a, b).value == pytest.approx(np.mean((1 + every) / 2), rel=1e-14)
    many = rng.normal(size=100_000)
    assert arms._unpaired(many, many).value == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("size", [2.0**-600, 2.0**600])
def test_intervals_of_huge_and_tiny_values_are_those_of_ordinary_ones_times_their_size(size: float) -> None:
    """The square of 2^600 overflows, that of 2^-600 is 0."""
    values = np.random.default_rng(10).normal(3, 1, size=9)
    for interval in (stats.mean_interval, stats.iqm_interval):
        assert np.array_equal(interval(values * size)[:3], np.array(interval(values)[:3]) * size)
    assert np.array_equal(
        stats.mean_band(values[:, None] * size), np.array(stats.mean_band(values[:, None])) * size
    )
    assert planning.pairs_for_power(values * size) == planning.pairs_for_power(values)


@pytest.mark.parametrize("seeds", [300, 301])
def test_the_methods_say_where_the_test_is_an_approximation_and_how_good(seeds: int) -> None:
    content = {
        "comparisons": {"problems": {"moons": [{}]}},
        "seeds": {"report": list(range(seeds))},
        "rounds": None,
        "control": None,
        "unit": "data set",
        "scope": {},
    }
    exact = "The unit is the seed. Exact Wilcoxon signed-rank test on the paired differences"
    near = "Wilcoxon signed-rank test (saddlepoint approximation, within 0.3% of the exact p) on the paired"
    assert (exact if seeds == 300 else near) in methods_claims.within_text(content)
