"""Factors varied together: numbers against statsmodels, SciPy and published ones; claims by simulation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from results_factory import make_results

from anncore.evidence.factorial import Factorial, factorial
from anncore.evidence.factorial_tables import Draft, cells_of, marginals_of
from anncore.evidence.factors import Factor, Grid, factors_of
from anncore.evidence.interaction import interaction, residuals
from anncore.evidence.mean_difference import mean_p
from anncore.evidence.study import Study
from anncore.evidence.trend import page, trend
from anncore.evidence.variance_shares import DATA, LUCK, variance_shares
from anncore.evidence.verdicts import seed_claims

LARGE = [pytest.mark.slow, pytest.mark.large]
OPTIMIZERS, SCHEDULES = ("sgd", "adam"), ("constant", "cosine", "step")
PAIRS = tuple(f"{first} + {second}" for first in OPTIMIZERS for second in SCHEDULES)


DEPTHS = ("depth=4 + relu", "depth=1 + relu", "depth=4 + elu")
NAMESAKES = ("network.width=1 + optimizer.width=2", "network.width=3 + optimizer.width=4")


def costs(n: int = 5) -> Any:
    """Return a table (seeds, 2, 3) with main effects, an interaction, seeds that differ, and some noise."""
    i, j, k = np.meshgrid(np.arange(n), np.arange(2), np.arange(3), indexing="ij")
    return np.round(
        1.5 * j - 0.7 * k + 0.9 * j * k + np.sin(3 * i + 1) + 0.6 * np.cos(7 * i + 5 * j + 3 * k), 3
    )


def three_problems() -> list[Any]:
    return [costs(), costs()[:, ::-1] * 0.8 + 0.4, costs()[::-1] * 1.1 - 1]


# statsmodels 0.15.0: AnovaRM(y, within=[a, b]) and anova_lm(y ~ C(a) * C(b) * C(p)), type II; III is the same
F_OF_INTERACTION = 11.631259
SQUARES = {("a",): 46.088329, ("b",): 2.228299, ("a", "b"): 4.041368, (LUCK,): 12.437151 + 3.342360}
SQUARES_OF_THREE = {
    ("a",): 25.963092,
    ("b",): 6.246666,
    (DATA,): 23.555678,
    ("a", "b"): 2.276637,
    (DATA, "a"): 105.388645,
    (DATA, "b"): 0.103987,
    (DATA, "a", "b"): 9.241262,
    (LUCK,): 44.971608,
}


def test_f_and_sums_of_squares_are_those_of_statsmodels() -> None:
    test = interaction(costs())
    assert (test.df1, test.df2) == (2, 8)
    np.testing.assert_allclose(test.f, F_OF_INTERACTION, rtol=1e-7)
    for tables, expected in (([costs()], SQUARES), (three_problems(), SQUARES_OF_THREE)):
        shares, _ = variance_shares(tables, ("a", "b"))
        assert {one.part: round(one.squares, 6) for one in shares} == pytest.approx(expected, abs=2e-6)
        assert sum(one.df for one in shares) == sum(table.size for table in tables) - 1
        assert sum(one.share for one in shares) == pytest.approx(1)


@pytest.mark.slow
def test_statsmodels_itself_agrees() -> None:
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        formula = pytest.importorskip("statsmodels.formula.api")
        anova = pytest.importorskip("statsmodels.stats.anova")
        rows = [
            {"p": p, "seed": place[0], "a": place[1], "b": place[2], "y": table[place]}
            for p, table in enumerate(three_problems())
            for place in np.ndindex(*table.shape)
        ]
        frame = pandas.DataFrame(rows)
        first = frame[frame["p"] == 0]
        own = anova.AnovaRM(first, "y", "seed", within=["a", "b"]).fit().anova_table
        table = anova.anova_lm(formula.ols("y ~ C(a) * C(b) * C(p)", frame).fit(), typ=2)
    assert interaction(costs()).f == pytest.approx(own.loc["a:b", "F Value"])
    found = {one.part: one.squares for one in variance_shares(three_problems(), ("a", "b"))[0]}
    assert found["a", "b"] == pytest.approx(table.loc["C(a):C(b)", "sum_sq"])
    assert found[DATA, "a"] == pytest.approx(table.loc["C(a):C(p)", "sum_sq"])


def test_shares_of_a_known_function_are_its_sensitivities() -> None:
    # Ishigami's function with a = 7, b = 0.1: S1 = .3139, S2 = .4424, S13 = .2437, others 0: Saltelli,
    # "Sensitivity Analysis", Wiley 2000, and Sobol & Levitan 1999. On midpoints of a grid, without luck.
    x = (np.arange(40) + 0.5) / 40 * 2 * math.pi - math.pi
    x1, x2, x3 = np.meshgrid(x, x, x, indexing="ij")
    y = np.sin(x1) + 7 * np.sin(x2) ** 2 + 0.1 * x3**4 * np.sin(x1)
    shares = {one.part: one.share for one in variance_shares([np.stack([y, y])], ("x1", "x2", "x3"))[0]}
    expected = {("x1",): 0.3139, ("x2",): 0.4424, ("x3",): 0.0, ("x1", "x3"): 0.2437, (LUCK,): 0.0}
    assert {part: shares[part] for part in expected} == pytest.approx(expected, abs=2e-3)


def test_a_factor_without_an_effect_has_no_share_however_many_levels_it_has() -> None:
    rng = np.random.default_rng(0)
    own = [variance_shares([rng.normal(size=(6, 2, 12))], ("a", "b"))[0] for _ in range(60)]
    assert np.mean([shares[1].share for shares in own]) < 0.03  # eta squared would be 11 / 143 = .08


def test_residuals_are_free_of_seeds_and_main_effects() -> None:
    plain = residuals(costs())
    moved = costs() + np.arange(5)[:, None, None] + [[[10.0], [20.0]]] + np.array([1.0, 2.0, 7.0])
    np.testing.assert_allclose(residuals(moved), plain, atol=1e-12)
    np.testing.assert_allclose(plain.sum(axis=1), 0, atol=1e-12)


def test_the_p_value_counts_signs() -> None:
    # Six differences of differences, all positive: of 2^6 signs two are as extreme, 1 / 32. Five: 1 / 16.
    table = np.zeros((6, 2, 2))
    table[:, 1, 1] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert interaction(table).p == 1 / 32
    assert interaction(table[:5]).p == interaction(table[:5]).smallest == 1 / 16
    # The smallest one turned: 4 of 64 signs. Hall's test of the mean gives more here, and the larger counts.
    table[0, 1, 1] = -1.0
    assert interaction(table).p == mean_p([-1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) > 4 / 64


@pytest.mark.parametrize(
    ("table", "f", "p"),
    [
        (np.zeros((6, 2, 2)), 0.0, 1.0),
        (np.arange(24.0).reshape(6, 2, 2), 0.0, 1.0),  # nothing but main effects
        (np.arange(24.0).reshape(6, 2, 2) * (1 + 1e-9), 0.0, 1.0),
        (np.ones((1, 2, 2)), math.nan, math.nan),
        (np.tile([[0.0, 0.0], [0.0, 1.0]], (6, 1, 1)), math.inf, 1 / 32),
    ],
)
def test_the_ends_of_an_interaction(table: Any, f: float, p: float) -> None:
    test = interaction(table)
    assert (test.f, test.p) == pytest.approx((f, p), nan_ok=True)


def test_page_is_that_of_a_published_table() -> None:
    # SciPy's example of page_trend_test: L = 133.5, exact one-sided p = .0018191; here it is doubled.
    marks = [[3, 4, 3], [2, 2, 4], [3, 3, 5], [1, 3, 2], [2, 3, 2]]
    marks += [[2, 4, 5], [1, 2, 4], [3, 4, 4], [2, 4, 5], [1, 3, 4]]
    statistic, p = page(np.array(marks, float))
    assert (statistic, p) == pytest.approx((133.5, 2 * 0.0018191161948127822))


def test_a_trend_has_its_way_and_its_size() -> None:
    factor = Factor("depth", ("depth=1", "depth=2", "depth=4"), (1.0, 2.0, 4.0))
    seeds = np.linspace(-0.1, 0.1, 10)[:, None]
    falling = trend(
        np.array([3.0, 2.0, 1.0]) + seeds + 0.01 * np.cos(5 * np.arange(30)).reshape(10, 3),
        factor,
        "",
        by_mean=True,
    )
    assert falling.gain == pytest.approx(2.0, abs=0.02)  # by the line from the first level to the last
    assert falling.adjusted(falling.p, 2).verdict == "falls"
    rising = trend(np.array([1.0, 2.0, 3.0]) + seeds, factor, "", by_mean=False)
    assert rising.adjusted(rising.p, 6).verdict == "rises"
    assert rising.adjusted(rising.p, 11).verdict == "too_few"
    hill = trend(np.array([1.0, 3.0, 1.0]) + seeds, factor, "", by_mean=True)
    assert hill.adjusted(hill.p, 2).verdict == "undecided"


# ---------------------------------------------------------------- a study


def score_of(effects: dict[str, float], noise: float = 0.02) -> Callable[[str, str, int], float]:
    """Return a score: a factor per arm or level, one per seed that all arms share, and noise of the trial."""

    def score(problem: str, arm: str, seed: int) -> float:
        shared = 0.1 * math.sin(5 * seed + len(problem))
        # The sine of a large number is as good as noise and needs no generator.
        own = noise * math.sin(1e4 * (sum(map(ord, arm)) * 0.37 + seed * 1.7 + len(problem)))
        effect = sum(effects.get(level, 0.0) for level in (*arm.split(" + "), arm))
        return math.exp(-1 + shared + own + effect)

    return score


ADDITIVE = {"sgd": 0.3, "constant": 0.2, "step": 0.1}
CROSSED = {**ADDITIVE, "sgd + constant": -0.4}


def analysed(effects: dict[str, float], **options: Any) -> Factorial:
    given: dict[str, Any] = {
        "arms": PAIRS,
        "problems": ("xor",),
        "vary": ("optimizer", "schedule"),
        "tune_seeds": (),
        "rates": (0.1,),
        "score": score_of(effects),
        "regression": (),
    }
    study = Study(make_results(**(given | options)))
    result = factorial(study, seed_claims(study))
    assert result is not None
    return result


def test_a_crossed_effect_is_said_to_depend_and_an_additive_one_is_not() -> None:
    crossed, additive = (analysed(effects).problems["xor"] for effects in (CROSSED, ADDITIVE))
    (pair,) = crossed.together
    assert (pair.first, pair.second, pair.verdict, pair.best_changes) == (
        "optimizer",
        "schedule",
        "depends",
        True,
    )
    assert {row.level: row.unbeaten for row in pair.rows} == {"sgd": ("constant",), "adam": ("cosine",)}
    (pair,) = additive.together
    assert pair.verdict == "undecided"
    assert pair.common == ("cosine",)
    assert additive.best is not None
    assert additive.best.arm == "adam + cosine"
    assert not additive.best.alike


def test_marginal_effects_are_averages_over_the_other_factor() -> None:
    own = analysed(ADDITIVE, score=score_of(ADDITIVE, noise=0.0)).problems["xor"]
    effects = {one.level: one.effect for one in own.marginals}
    # Against the average level: the optimizers' mean is .15, the schedules' .1.
    expected = {"sgd": -0.15, "adam": 0.15, "constant": -0.1, "cosine": 0.1, "step": 0.0}
    assert effects == pytest.approx(expected, abs=1e-9)
    assert own.together[0].verdict == "none"
    noisy = analysed(ADDITIVE, score=score_of(ADDITIVE, noise=0.001)).problems["xor"]
    assert noisy.together[0].verdict == "additive"  # every difference of differences is surely below 1 %


def test_a_level_with_a_combination_that_diverged_is_left_out_and_named() -> None:
    def status(problem: str, arm: str, seed: int) -> Any:
        return "diverged" if arm == "sgd + step" and seed == 101 else "ok"

    own = analysed(CROSSED, status=status).problems["xor"]
    assert [(left.factor, left.level) for left in own.grid.left_out] == [("schedule", "step")]
    assert own.grid.left_out[0].reason == "sgd + step diverged in 1 of 10 trials"
    assert own.best is not None
    assert "adam + step" in own.best.beaten
    assert {cell.levels[1] for cell in own.cells} == {"constant", "cosine"}
    none = analysed(CROSSED, status=lambda p, arm, s: "failed" if arm.startswith("sgd") else "ok")
    assert "no two levels" in none.problems["xor"].note


def test_over_data_sets_the_data_set_is_the_unit() -> None:
    names = ("xor", "iris", "wine", "two_moons", "digits", "spirals", "blobs")
    result = analysed(CROSSED, problems=names)
    assert result.deciding is result.over_all
    assert result.over_all is not None
    assert (result.over_all.n, result.over_all.unit) == (7, "data sets")
    assert result.over_all.together[0].verdict == "depends"
    few = analysed(CROSSED, problems=names[:3])
    assert few.deciding is None
    assert few.over_all is not None
    assert few.over_all.together[0].verdict == "too_few"
    assert few.over_all.together[0].needed == 6
    assert all(own.together[0].best_changes for own in few.problems.values())


@pytest.mark.parametrize(
    ("options", "factors"),
    [
        ({"vary": ("optimizer",), "arms": ("sgd", "adam")}, ()),
        ({"arms": ("sgd + cosine", "sgd + step")}, ()),  # a single optimizer is left
        (
            {"vary": ("network.depth", "activation"), "arms": DEPTHS},
            (("depth", ("depth=1", "depth=4")), ("activation", ("relu", "elu"))),
        ),
        (
            {"vary": ("network.width",), "arms": ("width=8", "width=2", "width=16")},
            (("width", ("width=2", "width=8", "width=16")),),
        ),
        ({"vary": ("network.norm",), "arms": ("norm=none", "norm=batch", "norm=layer")}, ()),
        (
            {"vary": ("network.width", "optimizer.width"), "arms": NAMESAKES},
            (
                ("network.width", ("network.width=1", "network.width=3")),
                ("optimizer.width", ("optimizer.width=2", "optimizer.width=4")),
            ),
        ),
    ],
)  # fmt: skip
def test_factors_and_their_levels(options: dict[str, Any], factors: tuple[Any, ...]) -> None:
    results = make_results(
        **{"problems": ("xor",), "seeds": (1, 2), "tune_seeds": (), "rates": (0.1,), **options}
    )
    known = factors_of(Study(results))
    assert tuple((factor.name, factor.levels) for factor in known.factors) == factors


# ---------------------------------------------------------------- simulations


def draw(kind: str, size: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Return errors with mean 0: normal, skewed, heavy-tailed, bounded, tied, and of one cell alone."""
    if kind == "exponential":
        return rng.exponential(size=size) - 1
    if kind == "lognormal":
        return np.exp(rng.normal(size=size)) - math.exp(0.5)
    if kind == "t":
        return rng.standard_t(2, size=size)
    if kind == "bounded":
        return rng.beta(5, 0.5, size=size) - 5 / 5.5
    if kind == "tied":
        return np.round(1.5 * rng.normal(size=size))
    if kind == "one cell":
        scales = np.full(size[1:], 0.1)
        scales[(0,) * len(size[1:])] = 3.0
        return scales * (rng.exponential(size=size) - 1)
    return rng.normal(size=size)


KINDS = ("normal", "exponential", "lognormal", "t", "bounded", "tied", "one cell")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "repetitions"),
    [(kind, 150) for kind in ("normal", "exponential")]
    + [
        pytest.param(kind, 2_000, marks=LARGE)
        for kind in ("normal", "exponential", "lognormal", "t", "bounded")
    ],
)
def test_over_data_sets_the_intervals_of_cells_and_levels_hold_their_means(
    kind: str, repetitions: int
) -> None:
    """No combination differs from the average one: what is drawn is an average, so its interval holds 0.

    The interval of a typical difference does not, as a skewed cost is typically lower than the average of
    several: with exponential costs it leaves 0 out in one of six cells of 3 by 3 on 40 data sets, with
    log-normal ones in three of ten.
    """
    rng = np.random.default_rng(6)
    for n, rows, columns in ((40, 2, 2), (40, 3, 3)):
        held: list[bool] = []
        factors = tuple(
            Factor(name, tuple(f"{name}{i}" for i in range(size)))
            for name, size in (("a", rows), ("b", columns))
        )
        for _ in range(repetitions):
            costs = 3 * rng.normal(size=(n, 1, 1)) + draw(kind, (n, rows, columns), rng)
            one = Draft("", "data sets", "linear", Grid(factors, ()), costs, pd.DataFrame(), None)
            cells = cells_of(costs, factors, {})
            held += [cell.low <= 0 <= cell.high for cell in (cells[0], cells[-1])]
            level = marginals_of(one)[0]
            held.append(level.low <= 0 <= level.high)
        assert np.mean(held) >= 0.94 - 3 * math.sqrt(0.06 * 0.94 / repetitions), (n, rows, columns)


LONG = ((6, 2, 2), (10, 3, 3), (20, 4, 3), (30, 2, 2), (40, 3, 2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "repetitions"),
    [(kind, 100) for kind in ("normal", "t", "one cell")]
    + [pytest.param(kind, 4_000, marks=LARGE) for kind in KINDS],
)
def test_an_interaction_that_is_not_there_shows_in_at_most_one_of_twenty(kind: str, repetitions: int) -> None:
    rng = np.random.default_rng(3)
    for n, rows, columns in ((6, 2, 2), (10, 3, 3)) if repetitions < 1_000 else LONG:
        hits = 0
        for _ in range(repetitions):
            blocks = rng.normal(size=(n, 1, 1)) + 2 * rng.exponential(size=(n, rows, 1))
            hits += interaction(blocks + draw(kind, (n, rows, columns), rng)).p <= 0.05
        assert hits / repetitions <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repetitions), (n, rows, columns)


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [60, pytest.param(1_000, marks=LARGE)])
def test_an_interaction_as_large_as_the_noise_shows(repetitions: int) -> None:
    rng = np.random.default_rng(4)
    there = np.array([[1.0, 0.0], [0.0, 1.0]])
    shown = [interaction(there + rng.normal(size=(10, 2, 2))).p <= 0.05 for _ in range(repetitions)]
    assert np.mean(shown) > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [60, pytest.param(3_000, marks=LARGE)])
@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_shares_of_variance_lie_in_their_intervals(kind: str, repetitions: int) -> None:
    rng = np.random.default_rng(5)
    first, second = np.array([-1.0, 1.0]), np.array([-1.0, 0.0, 1.0]) * math.sqrt(1.5)
    signal = first[:, None] + math.sqrt(0.2) * second + math.sqrt(0.1) * np.outer(first, second)
    true = {("a",): 1.0, ("b",): 0.2, ("a", "b"): 0.1, (LUCK,): 1.3}
    held, wrong = dict.fromkeys(true, 0), 0
    for _ in range(repetitions):
        luck = math.sqrt(0.3) * draw(kind, (10, 1, 1), rng) + draw(kind, (10, 2, 3), rng)
        shares, lead = variance_shares([signal + luck], ("a", "b"))
        for one in shares:
            held[one.part] += one.low <= true[one.part] / 2.6 <= one.high
        wrong += lead is not None and lead.apart and lead.first != (LUCK,)
    slack = 3 * math.sqrt(0.07 * 0.93 / repetitions)
    least = 0.93 if kind == "normal" else 0.9
    assert min(held.values()) / repetitions >= least - slack, held
    assert wrong / repetitions <= 0.05 + slack
