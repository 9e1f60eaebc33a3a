"""The first sentence of a report: who leads is who nobody beats, and it says on what it rests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from anncore.evidence.headline import Asked, headline
from anncore.evidence.verdicts import Comparison, compare

INF = math.inf
SURE = [0.1 + 0.01 * i for i in range(10)]  # ten differences that leave no doubt
DOUBT = [0.1, -0.1, 0.05, -0.05, 0.2, -0.2, 0.02, -0.02, 0.15, -0.1]


def answer(
    costs: Mapping[str, Mapping[str, Sequence[float]]],
    over_all: Sequence[Comparison] = (),
    scale: str = "log",
    label: str = "test loss",
    **options: object,
) -> str:
    """Return the headline for costs by problem and arm; ranks are those of the mean costs."""
    frames = {problem: pd.DataFrame(dict(arms)) for problem, arms in costs.items()}
    by_problem = {
        problem: compare(frame, where=problem, scale=scale, **options)  # type: ignore[arg-type]
        for problem, frame in frames.items()
    }
    arms = list(next(iter(frames.values())))
    ranks = dict(zip(arms, np.mean([f.mean().rank() for f in frames.values()], axis=0), strict=True))
    control = options.get("control")
    return headline(
        Asked(arms, over_all, by_problem, ranks, label, "data sets", "data sets", control)  # type: ignore[arg-type]
    )


def costs(**offsets: Sequence[float]) -> dict[str, list[float]]:
    """Return costs of ten seeds, an arm's own offsets added to what the seeds have in common."""
    common = [0.3, 0.1, 0.2, 0.5, 0.4, 0.0, 0.6, 0.7, 0.9, 0.8]
    return {arm: [c + o for c, o in zip(common, own, strict=True)] for arm, own in offsets.items()}


NOTHING = [0.0] * 10


def test_two_arms_on_one_data_set() -> None:
    log2 = [math.log(2) + 0.001 * i for i in range(-5, 5)]
    assert answer({"churn": costs(gelu=NOTHING, relu=log2)}) == (
        "gelu beats relu on churn: test loss is 50 % lower (95 % interval 50 to 50 % lower, 10 seeds)."
    )
    points = {"churn": costs(gelu=NOTHING, relu=[0.008 + 0.0001 * (i - 4.5) for i in range(10)])}
    assert answer(points, scale="unit", label="test accuracy") == (
        "gelu beats relu on churn: test accuracy is 0.80 points better "
        "(95 % interval 0.78 to 0.82, 10 seeds)."
    )


def test_two_arms_that_are_not_told_apart_or_equivalent() -> None:
    undecided = answer({"churn": costs(a=NOTHING, b=DOUBT)}, scale="unit", label="test accuracy")
    assert undecided.startswith(
        "Not decided between a and b on churn: 10 seeds bound the difference of test accuracy to −"
    )
    assert undecided.endswith(" or more would be needed.")
    assert " points; " in undecided
    small = [x / 1000 for x in DOUBT]
    assert answer({"churn": costs(a=NOTHING, b=small)}, scale="unit", label="test accuracy", rope=0.005) == (
        "No difference worth more than 0.5 points of test accuracy between a and b on churn: they are "
        "equivalent (95 % interval −0.0084 to 0.0094 points, 10 seeds)."
    )


def test_better_in_a_typical_run_only() -> None:
    fails = [-0.5, -0.4, -0.6, -0.5, -0.45, -0.55, -0.5, -0.52, 4.5, -0.48, -0.51, -0.49]
    text = answer({"churn": {"a": [0.0] * 12, "b": fails}}, scale="linear", label="test score")
    assert text.startswith("b beats a on churn in a typical run, but not surely on average: test score is ")


def test_who_leads_is_who_nobody_beats() -> None:
    sgd = [1 + x for x in SURE]
    text = answer({"churn": costs(adam=NOTHING, sgd=sgd, rmsprop=DOUBT)})
    assert text.startswith("adam and rmsprop lead on churn: sgd is beaten, test loss ")
    assert text.endswith("; the two cannot be told apart.")
    alone = answer({"churn": costs(adam=NOTHING, sgd=sgd, rmsprop=SURE)})
    assert alone.startswith("adam beats every other arm on churn, test loss ")


def test_who_is_not_beaten_by_every_leader_has_its_winners_named() -> None:
    sgd = [1 + x for x in SURE]
    wide = [0.6 + 8 * x for x in DOUBT]  # between the two, so scattered that it is told apart from neither
    text = answer({"churn": costs(adam=NOTHING, sgd=sgd, rmsprop=wide)})
    assert text.startswith("adam and rmsprop lead on churn: sgd is beaten by adam, test loss ")
    twice = answer({"churn": costs(adam=NOTHING, sgd=sgd, sgd_too=[2 + x for x in SURE], rmsprop=wide)})
    assert ": sgd and sgd_too are beaten" in twice


def test_a_rank_that_is_noise_does_not_lead() -> None:
    text = answer({"churn": costs(a=NOTHING, b=DOUBT, c=DOUBT[::-1])})
    assert text.startswith(
        "Not decided: 10 seeds tell no two of the 3 arms apart on churn; nearest to a claim"
    )


def test_arms_against_a_control() -> None:
    arms = costs(adam=NOTHING, sgd=[1 + x for x in SURE], mine=[-x for x in SURE], other=DOUBT)
    text = answer({"churn": arms}, control="adam")
    assert text.startswith("Against adam on churn: mine beats it, test loss ")
    assert "; sgd is beaten, test loss " in text
    assert text.endswith("; other cannot be told apart from it.")


def test_too_few_seeds() -> None:
    few = {"churn": {"adam": [0.0] * 3, "sgd": [1.0] * 3, "rmsprop": [2.0] * 3}}
    assert answer(few) == "3 seeds are too few for a claim about 3 arms on churn; 7 would be enough."
    two = {"churn": {"adam": [0.0], "sgd": [1.0]}}
    assert answer(two) == "1 seed is too few for a claim about adam and sgd on churn; 6 would be enough."
    assert answer({"xor": few["churn"], "iris": few["churn"]}) == (
        "3 seeds are too few for a claim on any data set; 7 would be enough."
    )


def test_few_data_sets_speak_for_themselves_alone() -> None:
    win = costs(adam=NOTHING, sgd=[1 + x for x in SURE], rmsprop=DOUBT)
    text = answer({"xor": win, "iris": win})
    assert (
        text
        == "On these 2 data sets, each by itself and by test loss, adam beats sgd on both; no arm beats it."
    )
    lost = costs(adam=NOTHING, sgd=[-1 - x for x in SURE], rmsprop=DOUBT)
    assert answer({"xor": win, "iris": win, "wine": lost}) == (
        "On these 3 data sets, each by itself and by test loss, adam beats sgd on 2; "
        "it is beaten by sgd on 1."
    )
    doubt = costs(a=NOTHING, b=DOUBT)
    assert answer({"xor": doubt, "iris": doubt}) == (
        "Not decided: on these 2 data sets, each by itself and by test loss, no two arms can be told apart."
    )


def test_what_failed_over_all_does_not_hide_what_holds_on_each() -> None:
    problems = {name: costs(adam=NOTHING, sgd=[1 + x for x in SURE], bad=NOTHING) for name in ("xor", "iris")}
    blocked = {"bad": "10 failed of 10 trials"}
    frame = pd.DataFrame({"adam": [0.0] * 2, "sgd": [1.0] * 2, "bad": [math.nan] * 2})
    over_all = compare(frame, unit="data sets", scale="log", blocked=blocked)
    assert {c.verdict for c in over_all} == {"too_few", "blocked"}
    text = answer(problems, over_all, blocked=blocked)
    assert (
        text
        == "On these 2 data sets, each by itself and by test loss, adam beats sgd on both; no arm beats it."
    )


def test_enough_data_sets_speak_for_others_like_them() -> None:
    frame = pd.DataFrame({"adam": [0.0] * 9, "sgd": [1.0 + 0.01 * i for i in range(9)], "rmsprop": DOUBT[:9]})
    over_all = compare(frame, unit="data sets", scale="log")
    text = answer({f"p{i}": costs(adam=NOTHING, sgd=SURE, rmsprop=DOUBT) for i in range(9)}, over_all)
    assert text.startswith("adam and rmsprop lead on data sets like these 9: sgd is beaten, test loss ")


def test_an_arm_that_failed_does_not_lead() -> None:
    arms = costs(adam=NOTHING, sgd=[1 + x for x in SURE], bad=NOTHING)
    text = answer({"churn": arms}, blocked={"bad": "1 failed of 10 trials"})
    assert text.startswith("adam beats sgd on churn: test loss is ")
    assert text.endswith(", 10 seeds); bad could not be compared.")


def test_wins_may_go_round_in_a_circle() -> None:
    # Each data set says (1, 1, -2) of y - x, z - y and x - z, turned in three ways, at sizes far apart: the
    # typical difference of each pair is above 0, although the three add up to 0 everywhere.
    gaps = [np.roll([1, 1, -2], i % 3) * 10.0 ** (i / 2) for i in range(150)]
    frame = pd.DataFrame({"x": 0.0, "y": [g[0] for g in gaps], "z": [g[0] + g[1] for g in gaps]})
    over_all = compare(frame, unit="data sets")
    assert {(c.a, c.b, c.verdict) for c in over_all} == {(*pair, "better") for pair in ("xy", "yz", "zx")}
    text = answer(
        {"p": costs(x=NOTHING, y=DOUBT, z=DOUBT), "q": costs(x=NOTHING, y=DOUBT, z=DOUBT)}, over_all
    )
    assert text == "No arm leads on data sets like these 150: each is beaten by another."


def test_an_arm_that_wins_nowhere_does_not_lead_where_wins_are_even() -> None:
    win = [1 + x for x in SURE]
    one = {"c": DOUBT, "a": NOTHING, "b": win}
    other = {"c": DOUBT, "a": win, "b": NOTHING}
    by_problem = {
        name: [c for c in compare(pd.DataFrame(table), where=name) if "c" not in (c.a, c.b)]
        for name, table in {"xor": one, "iris": other}.items()
    }
    asked = Asked("cab", [], by_problem, {"c": 1.0, "a": 2.0, "b": 2.0}, "", "data sets", "data sets")
    assert headline(asked) == (
        "On these 2 data sets, each by itself, a beats b on 1; it is beaten by b on 1."
    )


def test_equal_runs_at_the_floor_of_a_function_are_told_by_their_steps() -> None:
    (claim,) = compare(pd.DataFrame({"a": [-50.0] * 8, "b": [-49.0] * 8}), scale="log", floor=-40.0)
    asked = Asked("ab", [], {"sphere": [claim]}, {}, "function value", "functions", "functions")
    assert headline(asked) == (  # 1 - 1/e = 63 %
        "a beats b on sphere: it takes 63 % fewer steps to the floor "
        "(95 % interval 63 to 63 % fewer steps, 8 seeds)."
    )


def test_data_sets_that_tell_nobody_apart_are_counted_once() -> None:
    frame = pd.DataFrame({"a": [0.0] * 9, "b": DOUBT[:9], "c": DOUBT[1:]})
    over_all = compare(frame, unit="data sets", scale="log")
    text = answer({f"p{i}": costs(a=NOTHING, b=DOUBT, c=DOUBT) for i in range(9)}, over_all)
    assert text.startswith(
        "Not decided: these 9 data sets tell no two of the 3 arms apart; nearest to a claim"
    )


def test_nothing_to_compare() -> None:
    frame = pd.DataFrame({"a": [0.0] * 8, "b": [1.0] * 8})
    blocked = compare(frame, blocked={"a": "1 failed of 8 trials", "b": "1 failed of 8 trials"})
    asked = Asked(["a", "b"], [], {"xor": blocked}, {}, "test loss", "data sets", "data sets")
    assert headline(asked) == "No claim can be made until the failed trials are rerun."
    assert headline(asked._replace(arms=["a"])) == "a ran alone; there is nothing to compare it with."
    assert headline(asked._replace(arms=[])) == "Nothing ran."


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 3), st.sampled_from([1, 4, 8]))
def test_no_arm_is_said_to_beat_what_the_comparisons_do_not_say(
    seed: int, arms: int, problems: int, seeds: int
) -> None:
    rng = np.random.default_rng(seed)
    names = [f"arm{i}" for i in range(arms)]
    tables = {
        f"p{p}": {name: list(rng.normal(i * rng.choice([0, 2]), 1, seeds)) for i, name in enumerate(names)}
        for p in range(problems)
    }
    text = answer(tables, scale="linear", label="test score")
    claims = [
        c
        for problem, table in tables.items()
        for c in compare(pd.DataFrame(table), where=problem, scale="linear")
    ]
    won = {c.a for c in claims if c.verdict == "better"}
    if not won:
        assert " beats " not in text.replace(" beats it in a typical", "") or "in a typical run" in text
        assert " lead" not in text
    if " beats every other arm" in text:
        assert text.split()[0] in won
    assert text.endswith(".")
    assert "  " not in text
    assert ".." not in text


@pytest.mark.parametrize("scale", ["log", "unit", "linear"])
def test_divergence_has_words(scale: str) -> None:
    text = answer({"churn": {"a": [0.0] * 8, "b": [INF] * 8}}, scale=scale)
    assert text == "a beats b on churn: test loss is better, by divergence (8 seeds)."
