"""Claims about the rows at hand and about new ones. Sources: published figures, by hand, simulation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from results_factory import asked, make_results
from scipy import stats as scipy_stats

from anncore import ExperimentError, load_experiment, pairs_for_power, pairs_range
from anncore.contract.trial import Split
from anncore.engine.datasets import Shapes
from anncore.evidence.mean_difference import mean_difference, mean_p
from anncore.evidence.pair_tests import Pair, Rule, draft
from anncore.evidence.scope import scope_of
from anncore.evidence.sentences import sentence
from anncore.evidence.study import Study
from anncore.evidence.verdicts import compare, judge_problems
from anncore.experiment.plan import make_plan
from anncore.report.build import build_report

LARGE = [pytest.mark.slow, pytest.mark.large]
INF = math.inf
NEW = Rule("seeds", None, 0.05, sequential=False, comparisons=1, correction=1 / 3)
WINE = Shapes("multiclass", 13, 3, 106, 36, 36, same="rows")


def with_mean_and_t(n: int, t: float) -> Any:
    """Return n numbers of deviation 1 that are symmetric about their mean, which has this t."""
    values = scipy_stats.zscore(np.arange(n, dtype=float), ddof=1)
    return values + t / math.sqrt(n)


def test_the_corrected_t_is_the_published_one() -> None:
    # scikit-learn 1.x, "Statistical comparison of models using grid search": 10 times 10-fold
    # cross-validation, so that n_test / n_train = 1/9: uncorrected t 2.611 (p .005), corrected .750 (p .227).
    gaps = with_mean_and_t(100, 2.611)
    assert mean_p(gaps) / 2 == pytest.approx(0.005, abs=5e-4)
    assert mean_p(gaps, correction=1 / 9) / 2 == pytest.approx(0.227, abs=5e-4)
    assert scipy_stats.t.isf(mean_p(gaps, correction=1 / 9) / 2, 99) == pytest.approx(0.750, abs=5e-4)


def test_the_corrected_interval_by_hand() -> None:
    # Ten splits with n_test / n_train = 1/3: √(1/10 + 1/3) = .65828 deviations, t = 2.26216.
    gaps = with_mean_and_t(10, 1.0)
    low, high = mean_difference(gaps, correction=1 / 3)[1:3]
    assert (high - low) / 2 == pytest.approx(2.262157 * 0.658281, rel=1e-5)
    for end in (low, high):
        assert mean_p(gaps, end, correction=1 / 3) == pytest.approx(0.05, rel=1e-6)


def test_no_number_of_splits_shows_a_difference_that_is_small_beside_the_correction() -> None:
    # z = 1.95996 + .84162, w = (z / δ)². Endless splits still have the variance s² / 3: δ must exceed z / √3.
    z = 2.801585
    large, small = z / math.sqrt(3) * 1.1, z / math.sqrt(3) * 0.99
    values = scipy_stats.zscore(np.arange(12.0), ddof=1)
    w = (z / large) ** 2
    by_hand = math.ceil(math.pi / 3 * w / (1 - w / 3))
    assert pairs_for_power(values + large, correction=1 / 3) == by_hand
    assert pairs_for_power(values + small, correction=1 / 3) == INF
    assert pairs_range(values + 0.5, correction=1 / 3)[1] == INF


def test_test_interval_and_sentence_are_about_the_same_rows() -> None:
    gaps = with_mean_and_t(12, 4.0)
    costs = pd.DataFrame({"a": np.zeros(12), "b": gaps})
    (these,) = compare(costs, where="wine")
    pairs = {"wine": [Pair("wine", "a", "b", np.zeros(12), gaps, "linear")]}
    (new,) = judge_problems(pairs, {"wine": NEW})["wine"]
    assert (these.verdict, new.verdict) == ("better", "undecided")
    assert these.low > 0 > new.low
    assert sentence(new).endswith("more splits of the same rows would not settle it, more rows would.")


def test_an_arm_that_diverges_everywhere_loses_on_new_rows_too() -> None:
    every = draft(Pair("wine", "a", "b", np.zeros(12), np.full(12, INF), "linear"), NEW)
    assert every.tests.both < 0.01
    some = np.where(np.arange(12) < 3, INF, 0.0)
    assert draft(Pair("wine", "a", "b", np.zeros(12), some, "linear"), NEW).tests.both > 0.05


def test_what_a_claim_is_about() -> None:
    split = Split()
    assert scope_of(WINE, split, new=False).words("wine") == "wine (these 178 rows)"
    new = scope_of(WINE, split, new=True)
    assert new.correction == pytest.approx(36 / 106)
    assert new.words("wine") == "new rows like the 178 of wine"
    drawn = scope_of(WINE._replace(same=""), split, new=True)
    assert (drawn.correction, drawn.words("xor")) == (0.0, "xor (new samples of 178 rows)")
    assert scope_of(WINE._replace(same="test"), split, new=True).unknowable
    unknown = scope_of(None, split, new=True)  # an older folder: the shares of [split] stand for the sizes
    assert unknown.correction == pytest.approx(0.2 / 0.6)
    assert unknown.words("wine") == "wine"


def test_the_plan_tells_which_rows_seeds_share() -> None:
    plan = make_plan(
        {
            "seeds": {"report": [1, 2]},
            "dataset": {
                "iris": {},
                "noisy": {"use": "iris", "label_noise": 0.2},
                "xor": {"n": 40},
                "small": {"use": "xor", "n": [40, 60]},
            },
            "network": {"mlp": {"hidden": [2]}},
            "optimizer": {"sgd": {}},
        }
    )
    rows = plan.rows
    assert {name: shapes.same for name, shapes in rows.items()} == {
        "iris": "rows",
        "noisy": "rows",
        "xor": "",
        "small n=40": "",
        "small n=60": "",
    }
    assert rows["iris"][3:6] == (90, 30, 30)
    assert set(rows) == set(plan.problems)


def scoped(shapes: Shapes, **report: Any) -> Any:
    """Return the report on one data set where a is better by 4 standard errors of these very splits."""
    gaps = with_mean_and_t(12, 4.0)

    def score(problem: str, arm: str, seed: int) -> float:
        return 0.5 + 0.01 * (gaps[seed - 100] if arm == "b" else 0.0)

    options = {"arms": ("a", "b"), "problems": ("wine",), "seeds": range(100, 112), "tune_seeds": ()}
    results = make_results(
        **options, rates=(0.1,), metric="valid_accuracy", goal="max", score=score, report=report
    )
    return replace(results, plan=results.plan._replace(rows={"wine": shapes}))


def test_the_first_sentence_says_what_it_is_about() -> None:
    these = build_report(scoped(WINE), {})["answer"]["headline"]
    assert these.startswith("a beats b on wine (these 178 rows): test accuracy is ")
    new = build_report(scoped(WINE, scope="new rows"), {})["answer"]["headline"]
    assert new.startswith("Not decided between a and b on new rows like the 178 of wine: 12 seeds bound ")
    fixed = build_report(scoped(WINE._replace(same="test"), scope="new rows"), {})
    assert fixed["answer"]["headline"] == (
        "No claim can be made: every seed is tested on the same rows, so nothing is known of new ones."
    )
    assert "one_test_split" in {warning["kind"] for warning in fixed["answer"]["warnings"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[report]\nscope = 'new row'", "Did you mean 'new rows'"),
        ("[report]\nscope = 'new rows'\n[rounds]\n", "rounds exclude each other"),
        ("[report]\nscope = 'new rows'\nsuccess = { at_most = 0.1 }", "success exclude each other"),
    ],
)
def test_a_scope_that_cannot_be_had_is_refused(text: str, words: str) -> None:
    with pytest.raises(ExperimentError, match=words):
        load_experiment(f"[dataset.iris]\n[network.mlp]\n[optimizer.sgd]\n{text}\n")


def test_a_function_has_no_rows() -> None:
    with pytest.raises(ExperimentError, match="scope has no meaning for an objective"):
        load_experiment("[objective.sphere]\n[optimizer.sgd]\n[report]\nscope = 'new rows'\n")


def test_scopes_stand_for_every_problem_of_a_study() -> None:
    study = Study(asked(make_results(), report={"scope": "new rows"}))
    assert set(study.scopes) == set(study.problems)


# Resplits of one finite data set that is drawn from a population


def split_differences(rng: Any, rows: int, splits: int) -> Any:
    """Return differences of test errors of two regressions that are equally good in the population.

    y = u + v + noise; one arm knows u alone, the other v alone. Each fits a line by least squares to 60 % of
    the rows and is tested on 20 %, as [split] has it; the rest is for validation.
    """
    u, v, noise = rng.normal(size=(3, rows))
    y = u + v + noise
    order = np.argsort(rng.random((splits, rows)), axis=1)
    train, test = order[:, : rows * 3 // 5], order[:, rows * 4 // 5 :]

    def errors(x: Any) -> Any:
        mean_x, mean_y = x[train].mean(axis=1, keepdims=True), y[train].mean(axis=1, keepdims=True)
        centred = x[train] - mean_x
        slope = (centred * (y[train] - mean_y)).sum(axis=1) / (centred**2).sum(axis=1)
        return ((y[test] - mean_y - slope[:, None] * (x[test] - mean_x)) ** 2).mean(axis=1)

    return errors(u) - errors(v)


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [400, pytest.param(5000, marks=LARGE)])
@pytest.mark.parametrize("splits", [5, 10, 30])
def test_resplits_of_one_data_set_say_little_of_new_rows_and_the_correction_allows_for_it(
    splits: int, repetitions: int
) -> None:
    # The expected difference over data sets is 0 by symmetry.
    rng = np.random.default_rng(splits)
    plain, corrected = [], []
    for _ in range(repetitions):
        gaps = split_differences(rng, 100, splits)
        for correction, missed in ((0.0, plain), (1 / 3, corrected)):
            low, high = mean_difference(gaps, correction=correction)[1:3]
            missed.append(not low <= 0 <= high)
    assert np.mean(plain) > {5: 0.06, 10: 0.17, 30: 0.4}[splits]  # measured: 10, 22 and 49 %
    assert np.mean(corrected) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repetitions)
