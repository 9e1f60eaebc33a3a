"""Which hyperparameters mattered. Sources: published Sobol' indices, by hand, statsmodels, simulation."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from grammar import faults
from results_factory import make_results

from anncore.evidence.importance import Importance, coded, importance, importances, variance_parts
from anncore.evidence.study import Study
from anncore.report.build import build_report
from anncore.report.importance import arm_sentence, importance_content, importance_of

LARGE = [pytest.mark.slow, pytest.mark.large]
# Ishigami's function with a = 7, b = .1 on (-π, π)³: Saltelli et al., "Global Sensitivity Analysis. The
# Primer", 2008: S1 .3139, S2 .4424, S3 0, S13 .2437.
PUBLISHED = {"a": 0.3139, "b": 0.4424, "c": 0.0, "a c": 0.2437}


def ishigami(x: Any) -> Any:
    return np.sin(x[..., 0]) + 7 * np.sin(x[..., 1]) ** 2 + 0.1 * x[..., 2] ** 4 * np.sin(x[..., 0])


def shares(made: Importance) -> dict[str, float]:
    return {" ".join(part.names): part.share for part in (*made.knobs, *made.pairs)}


def grid(**axes: Any) -> pd.DataFrame:
    return pd.DataFrame(list(itertools.product(*axes.values())), columns=list(axes))


def test_a_fine_grid_gives_the_published_indices() -> None:
    middles = (np.arange(60) + 0.5) / 60 * 2 * math.pi - math.pi
    table = ishigami(np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1))
    parts = variance_parts(table)
    found = {axes: parts[axes] / parts[()] for axes in parts}
    assert found[(0,)] == pytest.approx(PUBLISHED["a"], abs=1e-3)
    assert found[(1,)] == pytest.approx(PUBLISHED["b"], abs=1e-3)
    assert found[(2,)] == pytest.approx(0.0, abs=1e-12)
    assert found[0, 2] == pytest.approx(PUBLISHED["a c"], abs=1e-3)
    assert found[0, 1] == pytest.approx(0.0, abs=1e-12)


def test_shares_by_hand() -> None:
    # f(u, v) = 3 u + v on {0, 1}²: variances 9/4 and 1/4; with 2 u v added: u has (3 + 1)²/4, v (1 + 1)²/4,
    # both together (2/4)² = 1/4.
    configs = grid(u=[0, 1], v=[0, 1])
    u, v = configs["u"].to_numpy(float), configs["v"].to_numpy(float)
    for costs, wanted in (
        (3 * u + v, {"u": 0.9, "v": 0.1, "u v": 0.0}),
        (3 * u + v + 2 * u * v, {"u": 4 / 5.25, "v": 1 / 5.25, "u v": 0.25 / 5.25}),
    ):
        made = importance(configs, np.stack([costs, costs + 0.5], axis=1))
        assert made is not None
        assert shares(made) == pytest.approx(wanted)
        assert (made.method, made.n, made.seeds, made.explained) == ("grid", 4, 2, 1.0)


def test_a_grid_s_parts_are_the_sums_of_squares_of_an_analysis_of_variance() -> None:
    configs = grid(u=[1, 2, 3], v=["a", "b", "c", "d"])
    y = np.array([3.1, 2.7, 4.0, 5.5, 1.2, 0.3, 2.2, 4.1, 6.0, 4.9, 3.3, 2.8])
    parts = variance_parts(y.reshape(3, 4))
    squares = {axes: 12 * value for axes, value in parts.items()}
    rows, columns = y.reshape(3, 4).mean(axis=1), y.reshape(3, 4).mean(axis=0)
    assert squares[(0,)] == pytest.approx(4 * ((rows - y.mean()) ** 2).sum())
    assert squares[(1,)] == pytest.approx(3 * ((columns - y.mean()) ** 2).sum())
    assert squares[(0,)] + squares[(1,)] + squares[0, 1] == pytest.approx(((y - y.mean()) ** 2).sum())
    anova = pytest.importorskip("statsmodels.stats.anova")
    ols = pytest.importorskip("statsmodels.formula.api").ols
    twice = pd.concat([configs.assign(y=y + shift) for shift in (-0.1, 0.1)])
    table = anova.anova_lm(ols("y ~ C(u) * C(v)", twice).fit(), typ=2)["sum_sq"]
    assert 2 * squares[(0,)] == pytest.approx(table["C(u)"])
    assert 2 * squares[(1,)] == pytest.approx(table["C(v)"])
    assert 2 * squares[0, 1] == pytest.approx(table["C(u):C(v)"])


@pytest.mark.slow
def test_a_forest_comes_near_the_published_indices() -> None:
    x = np.random.default_rng(0).uniform(-math.pi, math.pi, (500, 3))
    made = importance(pd.DataFrame(x, columns=list("abc")), ishigami(x)[:, None])
    assert made is not None
    assert made.method == "forest"
    for name, wanted in PUBLISHED.items():
        assert shares(made)[name] == pytest.approx(wanted, abs=0.11)
    assert 0.6 < made.explained < 0.95


@pytest.mark.slow
def test_of_few_draws_no_claim_is_made_that_they_do_not_bear() -> None:
    # Every tree of a hundred draws takes the first argument for the most important one; it is the second.
    x = np.random.default_rng(0).uniform(-math.pi, math.pi, (100, 3))
    made = importance(pd.DataFrame(x, columns=list("abc")), ishigami(x)[:, None])
    assert made is not None
    assert made.knobs[0].names == ("a",)
    assert not made.leads
    assert "no hyperparameter surely matters most" in arm_sentence("adam", [made], "data sets")


@pytest.mark.slow
def test_a_forest_claims_what_it_foretells() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-4, 0, (60, 2))
    costs = (x[:, 0] + 2) ** 2 + 0.05 * x[:, 1] + rng.normal(0, 0.05, 60)
    made = importance(pd.DataFrame(10**x, columns=["optimizer.lr", "optimizer.eps"]), costs[:, None])
    assert made is not None
    assert made.leads
    assert made.knobs[0].names == ("optimizer.lr",)
    assert len(made.map.a) == len(made.map.b) == 12


def test_one_seed_of_a_grid_bears_no_claim() -> None:
    made = importance(grid(u=[1, 2, 3], v=[1, 2]), np.arange(6.0)[:, None])
    assert made is not None
    assert not made.leads
    assert "one tuning seed" in made.reason
    assert math.isnan(made.knobs[0].low)


def test_what_did_not_finish_counts_as_the_worst_that_did() -> None:
    costs = np.array([[1.0, 1.1], [2.0, 2.1], [3.0, 3.1], [math.inf, math.nan]])
    made = importance(grid(u=[1, 2], v=[1, 2]), costs)
    whole = importance(grid(u=[1, 2], v=[1, 2]), np.where(np.isfinite(costs), costs, [3.0, 3.1]))
    assert made is not None
    assert whole is not None
    assert made.replaced == 1
    assert made._replace(replaced=0, map=whole.map) == whole


def test_where_there_is_nothing_to_say_nothing_is_said() -> None:
    assert importance(grid(u=[1, 2, 3]), np.arange(6.0).reshape(3, 2)) is None  # a single knob
    assert importance(grid(u=[1, 2], v=[3]), np.arange(4.0).reshape(2, 2)) is None
    assert importance(grid(u=[1, 2], v=[1, 2]), np.full((4, 2), math.inf)) is None
    few = grid(u=[1, 2, 3], v=[1, 2]).iloc[:5]  # no grid, and too few for a forest
    assert importance(few, np.arange(10.0).reshape(5, 2)) is None
    assert importances(Study(make_results(tune_seeds=(), rates=(0.1,)))) == []
    assert importance_content(Study(make_results(("sgd",), ("xor",), steps=30))) is None


def test_values_of_any_type_are_told_apart() -> None:
    frame = pd.DataFrame({"u": [True, False, None, True], "v": [0.1, math.nan, 0.1, 2.0], "w": [1, 1, 1, 1]})
    codes = coded(frame)
    assert codes.names == ("u", "v")
    assert codes.values == ((True, False, "–"), (0.1, "–", 2.0))
    assert not codes.whole
    nullable = pd.DataFrame({"u": pd.array([True, None, False, None], "boolean"), "v": [1, 2, 3, 4]})
    assert coded(nullable).values[0] == (True, "–", False)


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [60, pytest.param(2000, marks=LARGE)])
@pytest.mark.parametrize("seeds", [2, pytest.param(3, marks=LARGE), pytest.param(5, marks=LARGE)])
def test_on_a_grid_of_noise_a_claim_is_rare(seeds: int, repetitions: int) -> None:
    rng = np.random.default_rng(seeds)
    claims = 0
    for _ in range(repetitions):
        made = importance(grid(u=range(4), v=range(3)), rng.normal(size=(12, seeds)) + rng.normal(size=seeds))
        claims += made is not None and made.leads
    assert claims / repetitions <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [60, pytest.param(2000, marks=LARGE)])
def test_of_two_that_matter_alike_neither_is_said_to_matter_most(repetitions: int) -> None:
    rng = np.random.default_rng(5)
    configs = grid(u=[0, 1, 2, 3], v=[0, 1, 2, 3])
    signal = (configs["u"] + configs["v"]).to_numpy(float)
    covered = claims = 0
    for _ in range(repetitions):
        made = importance(configs, signal[:, None] + rng.normal(0, 1.0, (16, 3)))
        assert made is not None
        claims += made.leads
        covered += sum(part.low <= 0.5 <= part.high for part in made.knobs) / 2
    assert claims / repetitions <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repetitions)
    assert covered / repetitions >= 0.93 - 3 * math.sqrt(0.05 * 0.95 / repetitions)


LRS = ("optimizer.lr", "loss.lr")


def made(leads: bool, reason: str = "", problem: str = "iris", names: Any = LRS) -> Any:
    costs = np.array([[0.0, 0.1], [0.1, 0.2], [3.0, 3.1], [3.2, 3.3]])
    row = importance(grid(**{names[0]: [0, 1], names[1]: [0, 1]}), costs, problem, "adam")
    assert row is not None
    return row._replace(leads=leads, reason=reason)


def test_every_sentence_is_sound() -> None:
    other = ("optimizer.beta1", "optimizer.lr")
    cases = [
        [made(True)],
        [made(False)],
        [made(False, "the scores differ no more than seeds do")],
        [made(True), made(True, problem="wine")],
        [made(True), made(True, problem="wine"), made(True, problem="xor")],
        [made(True), made(False, problem="wine"), made(True, problem="xor", names=other)],
        [made(False), made(False, problem="wine")],
    ]
    for rows in cases:
        text = arm_sentence("adam", rows, "data sets")
        assert faults(text) == []
    assert arm_sentence("adam", cases[3], "data sets") == (
        "For adam optimizer.lr matters most on both data sets; on average optimizer.lr explains 100 % of the "
        "variance of its tuning scores, loss.lr 0 %."
    )
    content = importance_of(cases[5], "data sets")
    assert [row["problem"] for row in content["rows"]] == ["iris", "wine", "xor"]


def test_a_report_without_two_knobs_says_nothing_of_importance() -> None:
    assert build_report(make_results(("sgd", "adam"), ("xor",), steps=30), {})["importance"] is None
