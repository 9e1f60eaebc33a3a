"""Shares of seeds that succeed: exact intervals, the exact paired test, and what is said of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from report_schema import complaints
from results_factory import asked, make_results
from scipy.stats import binomtest

from anncore.evidence import stats
from anncore.evidence.study import Study
from anncore.evidence.success import Successes, successes
from anncore.evidence.success_sentences import pair_sentence, success_headline
from anncore.experiment.model import Rounds
from anncore.report.build import build_report, plain
from anncore.report.export import leaderboard
from anncore.report.latex import render_tables
from anncore.report.markdown import render_markdown

SEEDS = range(100, 120)
WORLD: dict[str, Any] = {
    "arms": ("relu", "sigmoid", "tanh"),
    "problems": ("xor",),
    "seeds": SEEDS,
    "tune_seeds": (),
    "rates": (0.1,),
    "steps": 30,
}
RULE = {"metric": "valid_loss", "at_most": 0.25}


def counted(wins: dict[str, int], **options: Any) -> Any:
    """Return results in which each arm's first seeds, so many, are at the limit and the others beyond it."""

    def score(problem: str, arm: str, seed: int) -> float:
        return 0.25 if seed - 100 < wins[arm] else 0.5

    return make_results(**{**WORLD, "report": {"success": RULE}, **options}, score=score)


def result_of(results: Any) -> Successes:
    result = successes(Study(results))
    assert result is not None
    return result


@pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (14, 20), (1, 1), (0, 1), (3, 1000)])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_the_interval_is_that_of_scipys_binomtest(k: int, n: int, level: float) -> None:
    theirs = binomtest(k, n).proportion_ci(level, method="exact")
    ours = stats.clopper_pearson(k, n, level)
    np.testing.assert_allclose(
        [ours.low, ours.high], [theirs.low, theirs.high], rtol=1e-9
    )  # theirs seeks the ends
    assert (ours.value, ours.n) == (k / n, n)


def test_of_no_seed_nothing_is_said() -> None:
    assert all(math.isnan(end) for end in stats.clopper_pearson(0, 0)[:3])


@pytest.mark.parametrize(("b", "c"), [(9, 1), (1, 9), (5, 5), (0, 6), (40, 20), (400, 300)])
def test_mcnemars_p_is_that_of_a_fair_coin(b: int, c: int) -> None:
    assert stats.mcnemar(b, c) == pytest.approx(binomtest(b, b + c, 0.5).pvalue, rel=1e-12)


def test_mcnemar_of_no_pair_that_differs_is_one() -> None:
    assert stats.mcnemar(0, 0) == 1.0


def test_the_seeds_that_would_be_needed_are_connors() -> None:
    # d = .25, e = .15: ((1.959964 · .5 + .841621 √(.25 - .0225)) / .15)² = 84.81
    assert stats.pairs_for_mcnemar(4, 1, 20) == 85
    assert stats.pairs_for_mcnemar(2, 2, 20) == math.inf
    assert stats.pairs_for_mcnemar(20, 0, 20) == 6  # one fewer could not be significant: 2^(1 - 5) > .05


def test_rates_count_seeds_at_or_beyond_the_limit() -> None:
    rates = result_of(counted({"relu": 5, "sigmoid": 8, "tanh": 14})).rates["xor"]
    assert [(rate.arm, rate.successes, rate.n) for rate in rates] == [
        *(("tanh", 14, 20), ("sigmoid", 8, 20), ("relu", 5, 20))
    ]
    # scipy 1.17: binomtest(14, 20).proportion_ci() is 0.4572 to 0.8811
    assert [round(end, 4) for end in (rates[0].share, rates[0].low, rates[0].high)] == [0.7, 0.4572, 0.8811]


def test_the_pairs_are_tested_seed_by_seed_with_holms_correction() -> None:
    pairs = result_of(counted({"relu": 5, "sigmoid": 8, "tanh": 14})).pairs["xor"]
    by_arms = {(pair.a, pair.b): pair for pair in pairs}
    # Seeds on which tanh alone succeeds: 9, 6; sigmoid alone against relu: 3. Binomial: 2⁻⁸, 2⁻⁵, 2⁻².
    assert {arms: (pair.only_a, pair.only_b, pair.both) for arms, pair in by_arms.items()} == {
        ("tanh", "sigmoid"): (6, 0, 8),
        ("tanh", "relu"): (9, 0, 5),
        ("sigmoid", "relu"): (3, 0, 5),
    }
    p = {arms: pair.p for arms, pair in by_arms.items()}
    assert p == pytest.approx(
        {("tanh", "relu"): 3 * 2**-8, ("tanh", "sigmoid"): 2 * 2**-5, ("sigmoid", "relu"): 0.25}
    )
    assert by_arms["tanh", "relu"].verdict == "better"
    assert by_arms["tanh", "sigmoid"].verdict == by_arms["sigmoid", "relu"].verdict == "undecided"


def test_the_headline_answers_with_the_rates() -> None:
    results = counted({"relu": 5, "sigmoid": 8, "tanh": 14})
    content = plain(build_report(results, {}))
    assert content["answer"]["headline"] == (
        "tanh brings validation loss down to 0.25 in 14 of 20 seeds (70 %, 95 % interval 46 to 88 %), "
        "sigmoid in 8 (40 %, 19 to 64 %) and relu in 5 (25 %, 9 to 49 %); tanh beats relu and cannot be told "
        "apart from sigmoid."
    )
    assert complaints(content) == []
    assert "| tanh | 14/20 | 70 % | 46 to 88 % | 0 | 0 |" in render_markdown(content)
    assert {"success-rates", "success-pairs"} < set(dict(render_tables(content)))


def test_the_findings_say_which_score_they_are_about() -> None:
    content = plain(build_report(counted({"relu": 0, "sigmoid": 8, "tanh": 20}), {}))
    texts = [finding["text"] for finding in content["answer"]["findings"]]
    assert texts[0] == (
        "tanh succeeds more often than sigmoid on xor (tanh alone in 12 seeds, sigmoid alone in 0, "
        "p < .001 after Holm)."
    )
    assert all(text.startswith("By test loss, ") for text in texts[3:])


def test_one_arm_alone_has_its_rate() -> None:
    results = counted({"relu": 5}, arms=("relu",))
    assert build_report(results, {})["answer"]["headline"] == (
        "relu brings validation loss down to 0.25 in 5 of 20 seeds (25 %, 95 % interval 9 to 49 %)."
    )


def test_a_diverged_trial_has_not_succeeded() -> None:
    results = counted({"relu": 20, "sigmoid": 20, "tanh": 20}, status=_ends("tanh", "diverged", 4))
    rates = {rate.arm: rate for rate in result_of(results).rates["xor"]}
    assert (rates["tanh"].successes, rates["tanh"].n, rates["tanh"].diverged) == (16, 20, 4)
    assert rates["tanh"].unknown == 0


def _ends(arm: str, status: str, count: int) -> Any:
    return lambda p, a, seed: status if a == arm and seed - 100 < count else "ok"


@pytest.mark.parametrize(
    ("status", "verb"), [("failed", "failed"), ("timeout", "timed out"), ("crashed", "crashed")]
)
def test_a_trial_that_ended_otherwise_is_neither_and_blocks_claims(status: str, verb: str) -> None:
    results = counted({"relu": 20, "sigmoid": 5, "tanh": 20}, status=_ends("tanh", status, 2))
    result = result_of(results)
    rates = {rate.arm: rate for rate in result.rates["xor"]}
    assert (rates["tanh"].successes, rates["tanh"].n, rates["tanh"].unknown) == (18, 18, 2)
    assert rates["tanh"].note == f"2 {verb}"
    verdicts = {frozenset((pair.a, pair.b)): pair for pair in result.pairs["xor"]}
    blocked = verdicts[frozenset(("tanh", "sigmoid"))]
    assert blocked.verdict == "blocked"
    assert blocked.reason == f"tanh: 2 {verb} of 20 trials"
    assert verdicts[frozenset(("relu", "sigmoid"))].verdict == "better"


def test_a_waived_failure_counts_as_no_success() -> None:
    results = counted(
        {"relu": 20, "sigmoid": 5, "tanh": 20},
        status=_ends("tanh", "failed", 2),
        report={"success": RULE, "waive": ["failed"]},
    )
    rates = {rate.arm: rate for rate in result_of(results).rates["xor"]}
    assert (rates["tanh"].successes, rates["tanh"].n) == (18, 20)


def test_a_number_that_is_none_is_unknown() -> None:
    results = counted({"relu": 20, "sigmoid": 5, "tanh": 20})
    nothing = (results.trials["arm"] == "tanh") & (results.trials["seed"] == 100)
    results.trials.loc[nothing, "valid_loss"] = math.nan
    result = result_of(results)
    rates = {rate.arm: rate for rate in result.rates["xor"]}
    assert (rates["tanh"].n, rates["tanh"].note) == (19, "1 undefined")
    assert {pair.reason for pair in result.pairs["xor"] if "tanh" in (pair.a, pair.b)} == {
        "1 of 20 pairs lacks an outcome"
    }


def test_a_metric_that_no_trial_has_leaves_all_unknown() -> None:
    results = counted({"relu": 1, "sigmoid": 1, "tanh": 1}, report={"success": {**RULE, "metric": "test_x"}})
    content = plain(build_report(results, {}))
    assert {row["n"] for row in content["success"]["rates"]} == {0}
    assert complaints(content) == []


def test_larger_values_succeed_where_at_least_is_written() -> None:
    rule = {"metric": "valid_loss", "at_least": 0.5}
    rates = result_of(counted({"relu": 5, "sigmoid": 5, "tanh": 5}, report={"success": rule})).rates["xor"]
    assert {rate.successes for rate in rates} == {15}


def test_without_a_metric_the_score_of_the_report_decides() -> None:
    rule = {"at_most": 10.0}
    limits = result_of(counted({"relu": 5, "sigmoid": 5, "tanh": 5}, report={"success": rule})).limits
    assert limits["xor"].column == "test_loss"


def test_each_data_set_may_have_its_limit() -> None:
    rule = {"metric": "valid_loss", "at_most": {"xor": 0.25, "iris": 0.6}}
    results = counted(
        {"relu": 5, "sigmoid": 8, "tanh": 14},
        problems=("xor", "iris", "wine"),
        report={"success": rule},
    )
    result = result_of(results)
    assert {problem: [rate.successes for rate in rates] for problem, rates in result.rates.items()} == {
        "xor": [14, 8, 5],
        "iris": [20, 20, 20],
    }
    said = success_headline(Study(results), result)
    assert said.startswith(
        "tanh reaches the validation loss asked for in 85 % of seeds on average over 2 data sets"
    )


def test_over_six_data_sets_the_data_set_is_the_unit() -> None:
    names = tuple(f"set{i}" for i in range(6))
    result = result_of(counted({"relu": 0, "sigmoid": 10, "tanh": 20}, problems=names))
    over = {(c.a, c.b): (c.verdict, c.n, round(c.effect, 6)) for c in result.over_all}
    # Six of six one way, three pairs: p = 3 · 2⁻⁵ = .094, so that no pair is decided.
    assert over["tanh", "relu"][1:] == (6, 1.0)
    assert {verdict for verdict, *_ in over.values()} == {"too_few"}  # seven would be enough for three pairs
    two = result_of(counted({"relu": 0, "tanh": 20}, problems=names, arms=("relu", "tanh")))
    (only,) = two.over_all
    assert (only.verdict, only.p) == ("better", pytest.approx(2**-5))


def test_variants_of_one_data_set_are_no_data_sets() -> None:
    variants = {"xor one": "xor", "xor two": "xor"}
    results = counted({"relu": 0, "sigmoid": 5, "tanh": 20}, problems=tuple(variants), datasets=variants)
    assert result_of(results).over_all == []
    said = build_report(results, {})["answer"]["headline"]
    assert said.endswith("taken one by one, of 2 variants tanh beats sigmoid on 2 and relu on 2.")


def test_a_control_is_compared_with_every_arm_only() -> None:
    results = counted({"relu": 5, "sigmoid": 8, "tanh": 14}, report={"success": RULE, "control": "sigmoid"})
    assert all("sigmoid" in (pair.a, pair.b) for pair in result_of(results).pairs["xor"])
    assert result_of(results).pairs["xor"][0].comparisons == 2


def test_in_rounds_the_test_holds_at_every_look() -> None:
    results = counted({"relu": 0, "tanh": 20}, arms=("relu", "tanh"))
    (planned,) = result_of(results).pairs["xor"]
    (looked,) = result_of(asked(results, rounds=Rounds((10, 20), 30, 0))).pairs["xor"]
    assert planned.p is not None
    assert looked.p is not None
    assert planned.p == pytest.approx(2**-19)
    # Betting on twenty differences of one sign: M = Σ ... = 2^20 / 21, so p = 21 · 2⁻²⁰.
    assert looked.p == pytest.approx(21 * 2**-20)


def test_too_few_seeds_say_how_many_would_do() -> None:
    results = counted({"relu": 0, "tanh": 3}, arms=("relu", "tanh"), seeds=range(100, 103))
    (pair,) = result_of(results).pairs["xor"]
    assert (pair.verdict, pair.p, pair.needed) == ("too_few", None, 6.0)
    assert pair_sentence(pair) == (
        "3 seeds are too few to say whether tanh or relu succeeds more often on xor; 6 would be enough."
    )


def test_the_exported_leaderboard_has_the_rates() -> None:
    frame = leaderboard(counted({"relu": 5, "sigmoid": 8, "tanh": 14})).set_index("arm")
    assert frame.loc["tanh", ["successes", "success_n", "success_rate"]].tolist() == [14, 20, 0.7]
    assert frame.loc["tanh", "success_low"] == pytest.approx(0.4572, abs=5e-5)
    assert "successes" not in leaderboard(make_results(**WORLD))


def test_what_says_nothing_of_success_has_none() -> None:
    assert build_report(make_results(**WORLD), {})["success"] is None


def test_where_no_arm_succeeds_it_says_so() -> None:
    results = counted({"relu": 0, "sigmoid": 0, "tanh": 0})
    result = result_of(results)
    assert success_headline(Study(results), result).endswith("; none succeeds.")
    assert {pair_sentence(pair) for pair in result.pairs["xor"]} == {
        "Neither relu nor sigmoid succeeds on xor on any of 20 seeds.",
        "Neither relu nor tanh succeeds on xor on any of 20 seeds.",
        "Neither sigmoid nor tanh succeeds on xor on any of 20 seeds.",
    }
    over_three = counted({"relu": 0, "sigmoid": 0, "tanh": 0}, problems=("xor", "blobs", "moons"))
    assert success_headline(Study(over_three), result_of(over_three)).endswith("; none succeeds.")


def test_where_all_arms_succeed_on_the_same_seeds_it_says_so() -> None:
    results = counted({"relu": 7, "sigmoid": 7, "tanh": 7})
    assert success_headline(Study(results), result_of(results)).endswith("; all succeed on the same seeds.")


def test_a_success_on_one_of_two_data_sets_names_it() -> None:
    rule = {"metric": "valid_loss", "at_most": {"xor": 0.25}}
    results = counted(
        {"relu": 7, "sigmoid": 7, "tanh": 7}, problems=("xor", "blobs"), report={"success": rule}
    )
    headline = success_headline(Study(results), result_of(results))
    assert headline.startswith("relu brings validation loss down to 0.25 on xor in 7 of 20 seeds")
