"""Expected numbers: by hand, from textbooks, from R's and SciPy 1.17's documentation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from anncore.evidence import planning, stats

INF, NAN = math.inf, math.nan


def test_t_interval_by_hand() -> None:
    # mean 3, s = √2.5, t(0.975, 4) = 2.776445
    assert stats.mean_interval([1, 2, 3, 4, 5]) == pytest.approx((3, 1.036757, 4.963243, 5), abs=1e-6)


def test_log_scale_gives_the_geometric_mean() -> None:
    value, low, high, n = stats.mean_interval([1, 10, 100], "log")  # s = ln 10, t(0.975, 2) = 4.302653
    half = 4.302653 * math.log(10) / math.sqrt(3)
    assert (value, n) == (pytest.approx(10), 3)
    assert (low, high) == pytest.approx((10 * math.exp(-half), 10 * math.exp(half)), rel=1e-6)


def test_shares_keep_their_interval_inside_0_and_1() -> None:
    # m = .9, s = .1: logit .9 = 2.197225, half = 4.302653 x .1 / √3 / .09 = 2.760153
    value, low, high, _ = stats.mean_interval([0.8, 0.9, 1.0], "unit")
    assert (value, low, high) == pytest.approx((0.9, 0.362870, 0.993021), abs=1e-5)
    assert stats.mean_interval([1.0, 1.0], "unit") == (1.0, 1.0, 1.0, 2)


def test_intervals_of_one_value_and_none_are_undefined() -> None:
    one = stats.mean_interval([2.0, NAN, INF])
    assert one.value == 2
    assert one.n == 1
    assert math.isnan(one.low)
    assert math.isnan(stats.mean_interval([]).value)


def test_bands_are_the_interval_of_every_column() -> None:
    values = np.array([[1.0, 10.0, NAN], [2.0, 20.0, 5.0], [4.0, NAN, NAN]])
    for scale in ("linear", "log"):
        bands = np.array(stats.mean_band(values, scale)).T
        for column, band in zip(values.T, bands, strict=True):
            np.testing.assert_allclose(band, stats.mean_interval(column, scale)[:3])


def test_iqm() -> None:
    assert stats.iqm(range(1, 9)) == 4.5 == scipy_stats.trim_mean(range(1, 9), 0.25)
    assert stats.iqm([0, 0, 1, 5, 9]) == pytest.approx((0.2 * 1 + 0.15 * 5) / 0.5)
    assert stats.iqm([1, 2, 3, INF]) == 2.5  # a quarter diverged at most
    assert stats.iqm([1, INF, 3, INF]) == INF
    assert stats.median([1, 2, INF]) == 2
    assert math.isnan(stats.median([1, NAN]))


def test_wilcoxon_on_darwins_maize() -> None:
    # scipy.stats.wilcoxon's documentation: exact two-sided p = 0.041259765625
    d = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]
    assert stats.wilcoxon(d) == pytest.approx(0.041259765625, abs=1e-15)


@pytest.mark.parametrize("seed", range(12))
def test_wilcoxon_with_ties_is_the_full_permutation_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = rng.integers(-3, 4, size=rng.integers(2, 10)).astype(float)
    if not d.any():
        d[0] = 1
    nonzero = d[d != 0]
    every = scipy_stats.PermutationMethod(n_resamples=np.inf)  # type: ignore[arg-type]
    expected = scipy_stats.wilcoxon(nonzero, method=every).pvalue if len(nonzero) > 1 else 1.0
    assert stats.wilcoxon(d) == pytest.approx(expected, abs=1e-12)


def test_wilcoxon_at_its_ends() -> None:
    assert stats.wilcoxon([0.0, 0.0, 0.0]) == 1
    assert stats.wilcoxon([]) == 1
    assert stats.wilcoxon([1, 2, 3, 4, INF]) == 2**-4
    assert stats.wilcoxon([0.1] * 30) == pytest.approx(2**-29)


def test_holm_as_r_does_it() -> None:
    # R 4.3: p.adjust(c(.01, .04, .03, .005), "holm")
    np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert len(stats.holm([])) == 0


@pytest.mark.parametrize(("arms", "control", "every_pair"), [(2, 6, 6), (3, 7, 7), (5, 8, 9), (10, 9, 11)])
def test_pairs_needed_to_clear_holms_first_step(arms: int, control: int, every_pair: int) -> None:
    assert stats.pairs_needed(arms - 1) == control
    assert stats.pairs_needed(arms * (arms - 1) // 2) == every_pair
    assert stats.smallest_p(control) <= 0.05 / (arms - 1) < stats.smallest_p(control - 1)


def test_hodges_lehmann_on_the_depression_scale() -> None:
    # Hollander & Wolfe, Nonparametric Statistical Methods, 2nd ed., table 3.1: estimate .46,
    # 96.1 % interval (.010, .786), two-sided p .0391
    x = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    gaps = np.array(x) - np.array(y)
    assert stats.pseudomedian(gaps)[:3] == pytest.approx((0.46, 0.010, 0.786), abs=1e-9)
    assert stats.wilcoxon(gaps) == pytest.approx(0.0390625)


def test_pseudomedian_survives_a_minority_of_divergences() -> None:
    value, low, high, n = stats.pseudomedian([1, 2, 3, 4, 5, 6, 7, INF])
    assert math.isfinite(value)
    assert math.isfinite(low)
    assert high == INF
    assert n == 8
    assert math.isnan(stats.pseudomedian([1, 2, 3, 4, 5]).low)


def test_differences() -> None:
    gaps = stats.differences([1, INF, INF, 2, NAN, 6e-22], [3, INF, 1, INF, 1, 7e-22])
    np.testing.assert_array_equal(gaps, [2, 0, -INF, INF, NAN, 0])
    assert stats.differences([0.1 + 0.2], [0.3])[0] == 0


def test_ranks_put_failures_last_and_share_ties() -> None:
    np.testing.assert_array_equal(
        stats.ranks([3.0, INF, 1.0, NAN, 0.1 + 0.2, 0.3]), [4, 5.5, 3, 5.5, 1.5, 1.5]
    )


def test_friedman_is_scipys_chi_square_in_iman_and_davenports_form() -> None:
    data = np.random.default_rng(1).normal(size=(9, 4))
    chi = scipy_stats.friedmanchisquare(*data.T).statistic
    f, df1, df2, p = stats.friedman(data)
    assert (f, df1, df2) == (pytest.approx(8 * chi / (9 * 3 - chi)), 3, 24)
    assert p == pytest.approx(scipy_stats.f.sf(f, 3, 24))
    assert math.isnan(stats.friedman(np.ones((1, 3)))[0])


def test_pairs_for_power_by_hand() -> None:
    # mean 1, s 2; (1.959964 + 0.841621)² x 4 x π / 3 = 32.88
    d = np.array([1 - math.sqrt(2), 1 + math.sqrt(2)]) * 1.0
    assert np.std(d, ddof=1) == pytest.approx(2)
    assert planning.pairs_for_power(d) == 33
    assert planning.pairs_for_power([1.0, 1.001]) == 6  # never below what the smallest p allows
    assert planning.pairs_for_power([1.0, -1.0]) == INF
