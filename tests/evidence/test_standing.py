"""Where one arm stands among many: its place, adjusted verdicts, groups named only where they differ."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from grammar import faults
from results_factory import make_results
from scipy.stats import permutation_test

from anncore.evidence.standing import Standing, groups_differ, standing, standing_sentence
from anncore.evidence.study import Study, by_data_set
from anncore.evidence.verdicts import compare

TWELVE = tuple(f"data{i}" for i in range(12))
HALVES = {name: "noisy problems" if i < 6 else "ravines" for i, name in enumerate(TWELVE)}
ARMS = ("mine", "sgd", "adam", "lion")
Lag = Callable[[str, str], float]


def stands(
    lag: Lag, groups: Mapping[str, str] = HALVES, arms: tuple[str, ...] = ARMS, **made: Any
) -> Standing:
    """Return where "mine" stands; lag: by problem and arm how much higher its loss is, as a logarithm."""
    return standing(study_of(lag, groups, arms, **made), "mine", groups)


def study_of(lag: Lag, groups: Mapping[str, str], arms: tuple[str, ...] = ARMS, **made: Any) -> Study:
    def score(problem: str, arm: str, seed: int) -> float:
        luck = math.sin(zlib.crc32(f"{problem}/{arm}/{seed}".encode()))
        return math.exp(lag(problem, arm) + 0.05 * luck)

    made = {"seeds": (100, 101), "rates": (0.1,), "tune_seeds": (), **made}
    return Study(make_results(arms=arms, problems=tuple(groups), regression=(), score=score, **made))


def by_arm(**lags: float) -> Lag:
    return lambda problem, arm: lags.get(arm, 0.0)


def test_counts_are_the_adjusted_verdicts_against_the_newcomer() -> None:
    study = study_of(by_arm(sgd=0.5, adam=0.4, lion=-0.3), HALVES)
    one = standing(study, "mine", HALVES)
    costs, scale = by_data_set(study)
    for pair in compare(costs, unit="data sets", scale=scale, control="mine", rope=None):
        other = pair.b if pair.a == "mine" else pair.a
        assert one.against[other].p == pair.p
    assert (one.place, one.of, one.data_sets) == (2, 4, 12)
    assert (one.others("better"), one.others("worse")) == (["adam", "sgd"], ["lion"])
    said = standing_sentence(one, "core")
    assert said == (
        "mine: place 2 of 4 on core; better than 2, worse than 1; "
        "on no group of problems clearly stronger or weaker"
    )


def test_the_place_is_that_of_the_mean_rank_over_data_sets_by_hand() -> None:
    ahead = {"data0": -1.0, "data1": -1.0, "data2": 1.0}  # ranks 1, 1, 2 against sgd's 2, 2, 1
    groups = dict.fromkeys(ahead, "plain problems")
    one = stands(lambda problem, arm: ahead[problem] if arm == "mine" else 0.0, groups, ("mine", "sgd"))
    assert one.ranks == {"mine": pytest.approx(4 / 3), "sgd": pytest.approx(5 / 3)}
    assert standing_sentence(one, "core") == (
        "mine: no tier on core; 3 data sets are too few to compare it with 1"
    )


def test_variants_of_a_data_set_count_once() -> None:
    data_sets = dict(zip(TWELVE, [f"d{i // 2}" for i in range(12)], strict=True))
    one = stands(by_arm(sgd=1.0), dict.fromkeys(TWELVE, "plain problems"), datasets=data_sets)
    assert one.data_sets == 6
    assert one.groups[0].data_sets == 6


def test_groups_are_named_where_they_differ() -> None:
    def lag(problem: str, arm: str) -> float:
        strong = HALVES[problem] == "noisy problems"
        return (-1.0 if strong else 1.0) if arm == "mine" else 0.0

    one = stands(lag)
    assert [(group.group, group.share) for group in one.groups] == [("noisy problems", 1.0), ("ravines", 0.0)]
    assert one.apart < 0.01
    assert standing_sentence(one, "core").endswith("; strongest on noisy problems, weakest on ravines")
    assert standing_sentence(one, "core").startswith("mine: told apart from none of 3 on core; ")
    assert not one.settled  # so that its rank is no place


def test_a_group_of_one_data_set_is_no_evidence() -> None:
    groups = {**dict.fromkeys(TWELVE[1:], "plain problems"), TWELVE[0]: "ravines"}
    one = stands(lambda problem, arm: -1.0 if (arm, problem) == ("mine", TWELVE[0]) else 0.0, groups)
    assert math.isnan(one.apart)
    assert "ravines" not in standing_sentence(one, "core")


def test_without_all_of_its_trials_it_has_no_place() -> None:
    def status(problem: str, arm: str, seed: int) -> Any:
        return "failed" if (problem, arm, seed) == ("data3", "mine", 101) else "ok"

    one = stands(by_arm(), status=status)
    assert one.place is None
    assert standing_sentence(one, "core") == (
        "mine: no place on core, because a claim needs all of its trials (1 failed of 2 trials on data3)"
    )


def test_others_that_failed_are_counted_and_have_no_rank() -> None:
    def status(problem: str, arm: str, seed: int) -> Any:
        return "crashed" if (problem, arm) == ("data3", "sgd") else "ok"

    one = stands(by_arm(adam=1.0, lion=1.0), status=status)
    assert (one.place, one.of) == (1, 3)
    assert math.isnan(one.ranks["sgd"])
    assert standing_sentence(one, "core").startswith(
        "mine: first tier of 3 arms on core, as no other beats it; better than 2, "
        "no claim on 1 with failed or missing trials"
    )


def test_a_diverged_trial_is_the_worst_rank() -> None:
    one = stands(
        by_arm(mine=-1.0), status=lambda p, arm, seed: "diverged" if (arm, seed) == ("mine", 100) else "ok"
    )
    assert (one.place, sorted(one.others("worse"))) == (4, ["adam", "lion", "sgd"])
    assert standing_sentence(one, "core").startswith("mine: place 4 of 4 on core; worse than 3; ")
    assert standing_sentence(one, "core").endswith("; it diverged on 12 of 12 problems")


@pytest.mark.parametrize(("size", "words"), [(12, "all 12 problems"), (1, "its only problem")])
def test_an_arm_of_which_every_trial_diverged_has_no_place(size: int, words: str) -> None:
    groups = dict(list(HALVES.items())[:size])
    one = stands(by_arm(), groups, status=lambda p, arm, seed: "diverged" if arm == "mine" else "ok")
    assert standing_sentence(one, "core") == (
        f"mine: no place on core, because every trial of it diverged, on {words}"
    )


def test_problems_on_which_every_trial_diverged_are_counted() -> None:
    def status(problem: str, arm: str, seed: int) -> Any:
        whole, half = ("data0", "data1"), ("data2",)
        return (
            "diverged" if arm == "mine" and (problem in whole or (problem in half and seed == 100)) else "ok"
        )

    one = stands(by_arm(mine=-1.0), status=status)
    assert (one.diverged, one.lost) == (("data0", "data1", "data2"), ("data0", "data1"))
    assert standing_sentence(one, "core").endswith("; it diverged on 3 of 12 problems, on 2 in every trial")


def test_an_arm_that_some_beat_is_below_the_first_tier() -> None:
    one = stands(by_arm(lion=-0.3))  # adam and sgd are as good as it
    assert standing_sentence(one, "core").startswith(
        "mine: below the first tier of 4 arms on core, as 1 of them beats it; not told apart from 2; "
    )


def test_copies_share_their_place_and_equals_are_told() -> None:
    one = standing(study_of(lambda p, a: 0.0, HALVES), "mine", HALVES)
    assert "told apart from none of 3 on core" in standing_sentence(one, "core")
    same = study_of(lambda p, a: 0.0, HALVES, arms=("mine", "sgd"))
    same.results.trials.loc[:, "test_loss"] = 0.5
    equal = standing(Study(same.results), "mine", HALVES)
    assert standing_sentence(equal, "core").startswith(
        "mine: first tier of 2 arms on core, as no other beats it; equivalent to 1;"
    )


def test_alone() -> None:
    one = stands(by_arm(), arms=("mine",))
    assert standing_sentence(one, "core") == "mine: alone on core, since no other arm can be ranked"


@pytest.mark.parametrize("size", [1, 4, 12])
@pytest.mark.parametrize("lags", [{}, {"mine": 0.5, "sgd": -0.5}, {"sgd": 0.5, "lion": -0.5}])
@pytest.mark.parametrize(
    ("bad", "whose"), [("ok", ""), ("failed", "mine"), ("failed", "sgd"), ("diverged", "mine")]
)
def test_every_sentence_is_english(size: int, lags: dict[str, float], bad: Any, whose: str) -> None:
    groups = dict(list(HALVES.items())[:size])
    one = stands(by_arm(**lags), groups, status=lambda p, a, seed: bad if a == whose else "ok")
    assert faults(standing_sentence(one, "core") + ".") == []


def test_the_test_of_groups_is_a_permutation_test() -> None:
    shares = np.array([0.9, 0.8, 1.0, 0.4, 0.3, 0.7, 0.2, 0.5])
    labels = np.array(["a"] * 3 + ["b"] * 5, object)
    exact = permutation_test(
        (shares[:3], shares[3:]),
        lambda a, b: abs(a.mean() - b.mean()),
        alternative="greater",
        n_resamples=np.inf,
    ).pvalue
    assert exact == pytest.approx(1 / 56 * round(exact * 56))
    assert groups_differ(shares, labels) == pytest.approx(exact, abs=0.01)
    assert groups_differ(np.full(8, 0.5), labels) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(8, 6, 4, 7, 6), (20, 20)])
def test_groups_are_claimed_to_differ_in_a_twentieth_of_all_cases(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([f"group {i}" for i in range(len(sizes))], sizes).astype(object)
    draws = {
        "even": rng.random,
        "heavy": lambda n: rng.standard_t(1.5, n),
        "tied": lambda n: rng.integers(0, 3, n) / 2,
    }
    for draw in draws.values():
        claims = [groups_differ(draw(len(labels)), labels) <= 0.05 for _ in range(120)]
        assert np.mean(claims) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 120)
