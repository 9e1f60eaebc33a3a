"""What is claimed of two arms is what is printed: the typical difference, the mean one, equivalence."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from scipy import optimize, stats as scipy_stats

from anncore.evidence import planning, stats
from anncore.evidence.mean_difference import mean_difference, mean_p, moments
from anncore.evidence.pair_tests import draft, drafts
from anncore.evidence.sentences import needed_pairs, sentence
from anncore.evidence.verdicts import Comparison, Pair, Rule, compare, judge_problems

INF = math.inf
GAPS = arrays(float, st.integers(3, 12), elements=st.floats(-100, 100).map(lambda x: round(x, 3)))


def one(costs: dict[str, list[float]], **options: object) -> Comparison:
    (comparison,) = compare(pd.DataFrame(costs), **options)  # type: ignore[arg-type]
    return comparison


# Many pairs at once


@given(arrays(float, (7, 9), elements=st.sampled_from([-INF, -2.5, -1, -0.25, 0, 0.1, 0.25, 1, 3, 7, INF])))
def test_each_row_has_its_own_numbers_whatever_stands_beside_it(rows: np.ndarray) -> None:
    for name, all_of, one_of in (
        ("typical", stats.pseudomedians, stats.pseudomedian),
        ("p", stats.wilcoxons, stats.wilcoxon),
        ("one decides", stats.ones_decide, stats.one_decides),
        ("mean", moments, lambda row: moments(row[None])[0]),
    ):
        np.testing.assert_array_equal(all_of(rows), [one_of(row) for row in rows], name)


@pytest.mark.parametrize("rows", [np.zeros((3, 0)), np.zeros((0, 8)), np.ones((2, 1))])
def test_rows_may_be_empty_or_missing(rows: np.ndarray) -> None:
    for all_of in (stats.pseudomedians, stats.wilcoxons, stats.ones_decide, moments):
        assert len(all_of(rows)) == len(rows)


def test_pairs_of_any_length_and_rule_are_drafted_together_as_by_themselves() -> None:
    rng = np.random.default_rng(0)
    pairs, rules = [], []
    for place in range(40):
        a, b = rng.lognormal(size=(2, 12 + (place > 30)))
        a[: place % 4] = np.nan
        b[place % 12] = INF if place % 5 == 0 else b[place % 12]
        pairs.append(Pair("", "a", "b", a, b, "linear"))
        rules.append(
            Rule("seeds", (None, 0.5)[place % 2], 0.05, place % 7 == 0, 3, (0.0, 0.3)[place % 3 == 0])
        )
    for made, pair, rule in zip(drafts(pairs, rules), pairs, rules, strict=True):
        alone = draft(pair, rule)
        np.testing.assert_array_equal(made.gaps, alone.gaps)
        np.testing.assert_array_equal((*made.typical, *made.mean), (*alone.typical, *alone.mean))
        assert (made.tests, made.centre) == (alone.tests, alone.centre)


def test_many_averages_are_listed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).normal(size=(20, 9))
    at_once = stats.pseudomedians(rows)
    monkeypatch.setattr(stats, "MOST_AT_ONCE", 100)  # two rows of 45
    assert stats.pseudomedians(rows) == at_once


# The mean and its interval


def test_without_skewness_the_interval_is_students() -> None:
    d = [-3.0, -1.0, 0.0, 1.0, 3.0, 2.0, -2.0, 4.0, -4.0]  # symmetric about 0
    interval = scipy_stats.ttest_1samp(d, 0).confidence_interval()
    assert mean_difference(d)[1:3] == pytest.approx((interval.low, interval.high), rel=1e-12)
    assert mean_p(d, 0.5) == pytest.approx(scipy_stats.ttest_1samp(d, 0.5).pvalue, rel=1e-12)


def test_skewed_differences_reach_as_far_as_halls_transformation() -> None:
    d = np.array([0.1, 0.2, 0.3, 0.5, 0.9, 1.6, 3.0])
    n, mean, spread = 7, d.mean(), d.std(ddof=1)
    gamma = scipy_stats.skew(d, bias=False)

    def distance(mu: float) -> float:  # Hall's t, as his paper writes it, less Student's quantile
        x = (mean - mu) / spread
        g = x + gamma * x**2 / 3 + gamma**2 * x**3 / 27 + gamma / (6 * n)
        return math.sqrt(n) * g + scipy_stats.t.ppf(0.975, n - 1)

    estimate = mean_difference(d)
    student = scipy_stats.ttest_1samp(d, 0).confidence_interval()
    assert estimate.low == pytest.approx(student.low)  # the long tail is above, so Hall's lower end is nearer
    assert estimate.high == pytest.approx(optimize.brentq(distance, mean, mean + 100), rel=1e-9)
    assert estimate.high > student.high


@given(GAPS)
def test_the_interval_leaves_out_what_the_test_rejects(d: np.ndarray) -> None:
    estimate = mean_difference(d)
    if not estimate.high - estimate.low > 1e-9 * abs(estimate.value):
        return  # equal but for rounding
    width = estimate.high - estimate.low
    for end in (estimate.low, estimate.high):
        assert mean_p(d, end) == pytest.approx(0.05, rel=1e-3)
    assert mean_p(d, estimate.low - 0.01 * width) < 0.05 < mean_p(d, estimate.low + 0.01 * width)
    assert mean_difference(-d)[1:3] == pytest.approx((-estimate.high, -estimate.low))


@pytest.mark.parametrize("at", [1e150, -1e200, 1e300])
def test_a_value_whose_powers_are_no_numbers_is_left_out(at: float) -> None:
    d = [0.0, 1.0, 1.5]
    assert mean_p(d, at) == pytest.approx(scipy_stats.ttest_1samp(d, at).pvalue, rel=1e-9, abs=1e-300)


def test_the_mean_of_what_diverged() -> None:
    assert mean_difference([1.0, INF])[0] == INF
    assert math.isnan(mean_difference([1.0, INF, -INF])[0])
    assert (mean_p([1.0, INF]), mean_p([INF, -INF]), mean_p([1.0])) == (0.0, 1.0, 1.0)
    assert mean_difference([2.0, 2.0]) == (2.0, 2.0, 2.0, 2)
    assert (mean_p([2.0, 2.0]), mean_p([2.0, 2.0], 2.0)) == (0.0, 1.0)


# Verdicts


def test_an_arm_that_sometimes_fails_is_not_said_to_lose() -> None:
    """b is a little better in most runs and far worse in some: equal means, as far as anybody can tell."""
    gaps = [-0.5, -0.4, -0.6, -0.5, -0.45, -0.55, -0.5, -0.5, -0.52, 4.5, -0.48, -0.5]
    comparison = one({"a": [0.0] * 12, "b": gaps})
    assert (comparison.verdict, comparison.a) == ("typical", "b")
    assert "in a typical run" in sentence(comparison)
    assert "not surely on average" in sentence(comparison)


def test_divergence_decides_the_mean() -> None:
    """Where the winner of most runs is the only one that diverges, its mean is the worst there is."""
    costs = {"a": [0.0] * 12, "b": [-0.5] * 11 + [INF]}
    comparison = one(costs)
    assert (comparison.verdict, comparison.a) == ("typical", "b")
    assert "not surely on average (a diverged run has no mean)" in sentence(comparison)
    assert one({"a": [-0.5] * 12, "b": [0.0] * 11 + [INF]}).verdict == "better"


@given(GAPS)
def test_what_is_better_is_so_by_both_tests(d: np.ndarray) -> None:
    comparison = one({"a": [0.0] * len(d), "b": list(d)})
    if comparison.verdict == "better":
        assert stats.wilcoxon(d) <= 0.05
        assert comparison.mean_low > 0
        assert comparison.low > 0
    if comparison.verdict == "typical":
        assert stats.wilcoxon(d) <= 0.05
        assert not comparison.mean_low > 0


def test_equivalence_is_adjusted_for_the_number_of_pairs() -> None:
    """Twice a one-sided p between .05 and .05/3: equivalent alone, not as one of three pairs."""
    base = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, -0.8, 0.8, 0.2, -0.2, 0.0])
    rope = float(mean_difference(base).high) * 1.05
    assert 0.05 / 3 < max(mean_p(base, rope), mean_p(base, -rope)) <= 0.05
    assert one({"a": [0.0] * 10, "b": list(base)}, rope=rope).verdict == "equivalent"
    far = list(base + 10)
    frame = pd.DataFrame({"a": [0.0] * 10, "b": list(base), "c": far})
    verdicts = {frozenset((c.a, c.b)): c.verdict for c in compare(frame, rope=rope)}
    assert verdicts[frozenset("ab")] == "undecided"


def test_a_difference_that_is_sure_and_too_small_is_equivalent() -> None:
    gaps = [0.001, 0.0012, 0.0009, 0.0011, 0.001, 0.0013, 0.0008, 0.001]
    comparison = one({"a": [0.0] * 8, "b": gaps}, rope=0.005, scale="unit")
    assert comparison.verdict == "equivalent"
    assert sentence(comparison).endswith("a difference of less than 0.5 points).")


# Several problems


def problems(gaps: dict[str, list[float]]) -> dict[str, str]:
    pairs = {
        name: [Pair(name, "a", "b", np.zeros(len(own)), np.array(own), "linear")]
        for name, own in gaps.items()
    }
    rules = {name: Rule("seeds", None, 0.05, False, 1) for name in gaps}
    return {name: claims[0].verdict for name, claims in judge_problems(pairs, rules).items()}


def test_one_chance_winner_among_ten_problems_is_not_claimed() -> None:
    chance = [0.4, 1.1, 0.3, 1.2, 0.8, 2.3, 0.7, -0.2, 2.0]  # p = 2 * 2 / 512, above .05 / 10
    nothing = [1.0, -1.1, 0.9, -1.2, 0.8, -1.3, 0.7, -0.6, 1.4]
    assert stats.wilcoxon(chance) == 4 / 512
    assert problems({"only": chance}) == {"only": "better"}
    many = {f"p{i}": nothing for i in range(9)}
    assert set(problems({"p9": chance, **many}).values()) == {"undecided"}
    # Where most problems show the difference, none pays for being one of ten.
    sure = {f"p{i}": chance for i in range(9)}
    assert set(problems({"p9": chance, **sure}).values()) == {"better"}


def test_the_selection_is_benjamini_and_hochbergs() -> None:
    # Their example of 15 p-values (1995, section 4.1): four are selected at .05.
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
    ]
    p += [0.7590, 1.0]
    assert stats.selection_factor(np.array(p)) == 15 / 4
    assert (scipy_stats.false_discovery_control(p) <= 0.05).sum() == 4
    assert stats.selection_factor(np.array([0.5, 0.6])) == 2
    assert stats.selection_factor(np.array([])) == 1


# How many more


def test_the_range_of_pairs_by_hand() -> None:
    # n = 10, δ = .7: se = √(1/10 + .49/20) = .3529; δ ± 1.644854 se = 1.2804 and .1196
    gaps = scipy_stats.zscore(np.arange(10.0), ddof=1) + 0.7
    pairs = [math.ceil(math.pi / 3 * (2.801585 / delta) ** 2) for delta in (1.280428, 0.119572)]
    assert planning.pairs_range(gaps) == pytest.approx(pairs, rel=2e-3)
    assert planning.pairs_range(scipy_stats.zscore(np.arange(10.0), ddof=1) + 0.2)[1] == INF


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((6.0, None, None), "about 6"),
        ((40.0, 14.0, INF), "14 or more"),
        ((40.0, 14.0, None), "14 or more"),  # as report.json has it
        ((40.0, 14.0, 96.0), "14 to 96"),
        ((40.0, 14.0, 123.0), "14 to 130"),
        ((7.0, 7.0, 7.0), "about 7"),
        ((INF, 2000.0, INF), "more than 1000"),
        ((INF, None, None), "more than 1000"),
    ],
)
def test_the_words_for_how_many(numbers: tuple[float | None, ...], text: str) -> None:
    assert needed_pairs(*numbers) == text
