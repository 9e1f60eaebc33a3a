"""Runs that end at several levels. Independent sources: the diptest package (R's too), counting by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from grammar import faults
from report_schema import complaints
from results_factory import make_results
from scipy.stats import binomtest

from anncore.evidence.cautions import audit
from anncore.evidence.dip import QUANTILES, TAILS, dip, dip_p
from anncore.evidence.levels import levels_of, resolution, split, spread_ties, thresholds
from anncore.evidence.study import Study
from anncore.report.build import build_report, plain
from anncore.report.latex import render_tables
from anncore.report.markdown import render_markdown

LARGE = [pytest.mark.slow, pytest.mark.large]

# The dip

# diptest 0.12, dipstat(x): 14 runs near .99 and 6 near .50; the first ten squares.
TWO = [0.99 + i / 1000 for i in range(14)] + [0.5 + i / 100 for i in range(6)]
RECORDED = {"two": (TWO, 0.1346938775510204), "squares": ([i * i for i in range(10)], 0.05)}


@pytest.mark.parametrize("name", RECORDED)
def test_the_dip_is_that_of_the_diptest_package(name: str) -> None:
    values, expected = RECORDED[name]
    assert dip(values) == pytest.approx(expected, abs=1e-12)


def test_it_is_the_packages_on_any_sample_without_ties() -> None:
    theirs = pytest.importorskip("diptest")
    rng = np.random.default_rng(0)
    for n in (4, 5, 7, 12, 20, 33, 60):
        for gap in (0.0, 3.0, 8.0):
            x = np.concatenate([rng.normal(size=n // 2), rng.normal(gap, 0.5, n - n // 2)])
            assert dip(x) == pytest.approx(theirs.dipstat(x), abs=1e-12)
            if n >= 6:
                ours, other = dip_p(dip(x), n), theirs.diptest(x)[1]
                # Two tables of two simulations, between whose sizes each interpolates.
                assert other > 0.4 or ours == pytest.approx(other, rel=0.2, abs=2e-4)


def test_the_dip_by_hand() -> None:
    assert dip([]) == 0.0
    assert dip([3.0]) == 1 / 2
    assert dip(np.arange(10.0)) == 1 / 20  # as straight as a line can be: half of a step
    assert dip([0, 0, 0, 0, 1, 1, 1, 1]) == 1 / 4  # one of two jumps of a half is no mode: half of it
    assert dip(-3.0 * np.array(TWO) + 7) == pytest.approx(dip(TWO))


def test_the_quantiles_are_those_of_rs_table() -> None:
    # qDiptab of R's diptest, from a million samples each: n, tail, D.
    table = [
        *(
            (10, 0.05, 0.139611395),
            (10, 0.001, 0.180611196),
            (20, 0.05, 0.105130218),
            (20, 0.01, 0.120624043),
        ),
        *(
            (50, 0.05, 0.070273788),
            (50, 0.001, 0.094093011),
            (100, 0.01, 0.059024132),
            (200, 0.05, 0.036841838),
        ),
    ]
    for n, tail, value in table:
        assert QUANTILES[n][TAILS.index(tail)] / math.sqrt(n) == pytest.approx(value, rel=0.01)
    assert dip_p(1.0, 20) == pytest.approx(TAILS[-1])
    with pytest.raises(ValueError, match="needs 6 values or more, got 5"):
        dip_p(0.2, 5)


# Groups


def test_values_are_split_at_wide_gaps() -> None:
    low, high, top = np.array([0.1, 0.11, 0.12]), np.array([0.5, 0.5, 0.52, 0.53]), np.array([0.9, 0.9, 0.91])
    both = np.concatenate([low, high])
    assert [len(group) for group in split(both, 0.005)] == [3, 4]
    assert [len(group) for group in split(np.concatenate([both, top]), 0.005)] == [3, 4, 3]
    assert len(split(both, 0.05)) == 1  # the gap of .38 is less than ten times as much
    assert len(split(both, None)) == 2
    assert len(split(np.concatenate([low[:2], high]), 0.005)) == 1  # two runs are no level
    assert len(split(np.linspace(0, 1, 20), 0.005)) == 1


def test_ties_are_spread_over_the_step_between_values() -> None:
    groups = [np.array([0.9, 0.9, 1.0]), np.array([0.8, 1.0])]
    step = resolution(groups)
    assert step == pytest.approx(0.1)
    np.testing.assert_allclose(spread_ties(groups[0], step), [0.875, 0.925, 1.0])
    assert resolution([np.array([0.5, 1.0, 1.0])]) == 0.0  # of two values nobody knows the step
    assert resolution([]) == 0.0


# A study

SEEDS = tuple(range(100, 120))


def lossy(score: Any, arms: tuple[str, ...] = ("sgd", "adam"), **options: Any) -> Any:
    return make_results(arms, ("xor",), SEEDS, (), (0.1,), score=score, **options)


def fourteen(problem: str, arm: str, seed: int) -> float:
    """Return a loss: sgd's around .3, adam's near .02 on 14 seeds and near .7 on 6."""
    noise = math.sin(37.0 * seed)
    if arm == "sgd":
        return 0.3 + 0.02 * noise
    return (0.02 + 0.001 * noise) if seed - 100 < 14 else (0.7 + 0.01 * noise)


def test_an_arm_that_ends_at_two_levels_is_noticed() -> None:
    study = Study(lossy(fourteen))
    (noticed,) = levels_of(study)
    assert (noticed.arm, noticed.n) == ("adam", 20)
    assert [level.seeds for level in noticed.levels] == [14, 6]
    assert noticed.between
    assert noticed.p <= 0.05
    texts = [caution.text for caution in audit(study, 1) if caution.kind == "levels"]
    (text,) = texts
    assert text.startswith("On xor adam ends at two levels of test loss: 14 of 20 seeds near 0.0")
    assert text.endswith("; the mean describes neither.")
    assert faults(text) == []


def test_the_rates_at_a_threshold_between_them_describe_and_are_exact() -> None:
    results = lossy(fourteen)
    content = plain(build_report(results, {}))
    assert complaints(content) == []
    threshold = content["levels"]["thresholds"]["xor"]
    assert 0.03 < threshold["value"] < 0.28 or 0.33 < threshold["value"] < 0.69
    rates = {rate["arm"]: rate for rate in threshold["rates"]}
    theirs = binomtest(14, 20).proportion_ci(method="exact")
    assert rates["adam"]["successes"] == 14
    assert (rates["adam"]["low"], rates["adam"]["high"]) == pytest.approx((theirs.low, theirs.high))
    assert "chosen after looking, so these rates describe and no test is made" in threshold["sentence"]
    assert faults(threshold["sentence"]) == []
    text = render_markdown(content)
    assert "| adam | 14/20 | 70 % | 46 to 88 % | 0 |" in text
    assert "dip test" in text
    assert "level-rates-xor" in dict(render_tables(content))


def test_where_the_file_names_success_its_own_rates_are_pointed_to() -> None:
    rule = {"success": {"metric": "valid_loss", "at_most": 0.1}}
    content = plain(build_report(lossy(fourteen, report=rule), {}))
    assert content["levels"]["thresholds"] == {}
    assert content["levels"]["named"]
    assert content["levels"]["named"] in render_markdown(content).replace("\\", "")


def test_a_skewed_arm_a_few_seeds_and_outliers_are_not_noticed() -> None:
    def skewed(problem: str, arm: str, seed: int) -> float:
        return float(np.random.default_rng(seed).lognormal(0, 2))

    def outliers(problem: str, arm: str, seed: int) -> float:
        return 9.0 + seed if seed in (100, 101) else 0.3 + 0.02 * math.sin(37.0 * seed)

    for score in (skewed, outliers):
        assert levels_of(Study(lossy(score))) == []
    few = make_results(("adam",), ("xor",), SEEDS[:5], (), (0.1,), score=fourteen)
    assert levels_of(Study(few)) == []
    assert build_report(few, {})["levels"] == {"arms": [], "thresholds": {}, "named": ""}


def test_diverged_runs_are_no_level() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return "diverged" if arm == "adam" and seed - 100 >= 14 else "ok"

    assert levels_of(Study(lossy(fourteen, status=status))) == []


def test_shares_are_said_in_per_cent_and_three_levels_as_three() -> None:
    def three(problem: str, arm: str, seed: int) -> float:
        place = (0.5, 0.75, 0.99)[(seed - 100) % 3] if arm == "adam" else 0.9
        return place + 0.004 * math.sin(37.0 * seed)

    seeds = tuple(range(100, 130))
    options = {"metric": "valid_accuracy", "goal": "max", "regression": ()}
    results = make_results(("sgd", "adam"), ("xor",), seeds, (), (0.1,), score=three, **options)
    pairs = zip(results.trials["arm"], results.trials["seed"], strict=True)
    results.trials["test_accuracy"] = [three("xor", arm, seed) for arm, seed in pairs]
    content = plain(build_report(results, {}))
    (noticed,) = content["levels"]["arms"]
    assert [level["seeds"] for level in noticed["levels"]] == [10, 10, 10]
    assert noticed["sentence"].startswith(
        "On xor adam ends at three levels of test accuracy: 10 of 30 seeds near 99"
    )
    assert noticed["sentence"].endswith("the mean mixes them.")
    assert faults(noticed["sentence"]) == []


# Simulations


def unimodal(name: str, rng: Any, n: int) -> Any:
    """Return n losses with a single mode."""
    draws = {
        "normal": lambda: 1 + 0.1 * rng.normal(size=n),
        "uniform": lambda: rng.uniform(0.5, 1.5, n),
        "skewed": lambda: rng.exponential(size=n),
        "heavy": lambda: np.exp(rng.standard_t(2, size=n)),
        "lognormal": lambda: rng.lognormal(0, 2, n),
    }
    return np.maximum(draws[name](), 1e-3)


def noticed_in(rows: Any, tied: bool) -> bool:
    """Tell whether some arm of a report is noticed. rows: scores by arm and seed."""
    arms = tuple(f"arm{i}" for i in range(len(rows)))
    seeds = tuple(range(len(rows[0])))
    options: dict[str, Any] = {"metric": "valid_accuracy", "goal": "max", "regression": ()} if tied else {}
    results = make_results(
        arms,
        ("xor",),
        seeds,
        (),
        (0.1,),
        score=lambda p, arm, seed: rows[int(arm[3:])][seed],
        steps=1,
        **options,
    )
    column = "test_accuracy" if tied else "test_loss"
    results.trials[column] = [
        rows[int(arm[3:])][seed]
        for arm, seed in zip(results.trials["arm"], results.trials["seed"], strict=True)
    ]
    return bool(levels_of(Study(results)))


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [60, pytest.param(2000, marks=LARGE)])
def test_a_report_of_single_modes_notices_levels_in_5_percent_at_most(repetitions: int) -> None:
    rng, wrong = np.random.default_rng(31), 0
    names = ("normal", "uniform", "skewed", "heavy", "lognormal", "tied")
    for i in range(repetitions):
        name, n = names[i % len(names)], (6, 10, 20, 30)[i % 4]
        tied = name == "tied"  # accuracies on a test set of 30, 10 or 4 rows
        size = (30, 10, 4)[i % 3]
        rows = [rng.binomial(size, 0.8, n) / size if tied else unimodal(name, rng, n) for _ in range(3)]
        wrong += noticed_in(rows, tied)
    assert wrong / repetitions <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [20, pytest.param(500, marks=LARGE)])
def test_two_levels_are_mostly_noticed(repetitions: int) -> None:
    rng, seen = np.random.default_rng(32), 0
    for _ in range(repetitions):
        second = np.where(rng.permutation(20) < 6, 0.7, 0.02) * np.exp(0.1 * rng.normal(size=20))
        seen += noticed_in([unimodal("normal", rng, 20), second], False)
    assert seen / repetitions >= 0.8


def test_thresholds_of_nothing_are_none() -> None:
    assert thresholds(Study(lossy(fourteen)), []) == {}
