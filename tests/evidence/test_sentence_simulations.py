"""How often do whole sentences claim what is not so? With fixed seeds; -m large runs the long ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anncore.evidence.headline import Asked, headline
from anncore.evidence.pair_tests import Rule
from anncore.evidence.verdicts import compare, judge_problems, pairs_of

LARGE = [pytest.mark.slow, pytest.mark.large]
DRAWS: dict[str, Callable[[Any, Any], Any]] = {
    "normal": lambda rng, shape: rng.normal(0, 1, shape),
    "skewed": lambda rng, shape: rng.exponential(1, shape),
    "heavy": lambda rng, shape: rng.standard_t(2, shape),
    "bounded": lambda rng, shape: rng.beta(0.5, 0.5, shape),
    "tied": lambda rng, shape: np.round(rng.normal(0, 1.5, shape)),
}
REPETITIONS = [pytest.param(50, id="small"), pytest.param(1000, marks=LARGE, id="large")]


def off(repetitions: int, share: float = 0.05, errors: float = 3.0) -> float:
    return errors * math.sqrt(share * (1 - share) / repetitions)


def first_sentence(costs: Any, unit: str) -> str:
    """Return the headline about costs by unit and arm."""
    frame = pd.DataFrame(costs, columns=[f"arm{i}" for i in range(costs.shape[1])])
    ranks = dict(frame.rank(axis=1).mean())
    asked = list(frame.columns)
    if unit == "seeds":
        claims = compare(frame, where="p", scale="linear")
        return headline(Asked(asked, [], {"p": claims}, ranks, "test loss", "data sets", "data sets"))
    claims = compare(frame, unit=unit, scale="linear")
    by_problem: dict[str, Any] = {f"p{i}": [] for i in range(len(costs))}
    return headline(Asked(asked, claims, by_problem, ranks, "test loss", unit, unit))


def claims_something(text: str) -> bool:
    return any(word in text for word in (" lead ", " leads ", " beats ", " beaten", "beat it"))


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", REPETITIONS)
@pytest.mark.parametrize("unit", ["seeds", "data sets"])
@pytest.mark.parametrize("name", ["normal", *(pytest.param(name, marks=LARGE) for name in [*DRAWS][1:])])
def test_a_headline_of_equal_arms_names_a_leader_in_5_percent(name: str, unit: str, repetitions: int) -> None:
    rng = np.random.default_rng([len(name), len(unit)])
    false = 0
    for place in range(repetitions):
        n = (10, 20, 30)[place % 3]
        text = first_sentence(DRAWS[name](rng, (n, 5)) + rng.normal(0, 1, (n, 1)), unit)
        false += claims_something(text)
    assert false / repetitions <= 0.05 + off(repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", REPETITIONS)
def test_beside_an_arm_that_is_worse_equal_ones_are_not_told_apart(repetitions: int) -> None:
    rng = np.random.default_rng(7)
    false = power = 0
    for _ in range(repetitions):
        costs = rng.normal(0, 1, (20, 4))
        costs[:, 3] += 1.5
        claims = compare(pd.DataFrame(costs, columns=list("abcw")), scale="linear")
        better = [claim for claim in claims if claim.verdict in ("better", "typical")]
        false += any(claim.b != "w" for claim in better)
        power += sum(claim.b == "w" for claim in better) == 3
    assert false / repetitions <= 0.05 + off(repetitions)
    assert power / repetitions > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", REPETITIONS)
@pytest.mark.parametrize("name", ["tied", *(pytest.param(name, marks=LARGE) for name in ("normal", "heavy"))])
def test_better_in_a_typical_run_is_false_in_5_percent(name: str, repetitions: int) -> None:
    # Arms are exchangeable, so that neither is better in a typical run: differences are symmetric.
    rng = np.random.default_rng(len(name))
    draw = DRAWS[name]
    false = 0
    for place in range(repetitions):
        costs = draw(rng, ((6, 10, 30)[place % 3], 2))
        (claim,) = compare(pd.DataFrame(costs, columns=["a", "b"]), scale="linear")
        false += claim.verdict in ("better", "typical")
    assert false / repetitions <= 0.05 + off(repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [pytest.param(12, id="small"), REPETITIONS[1]])
@pytest.mark.parametrize(
    "name", ["normal", *(pytest.param(name, marks=LARGE) for name in ("skewed", "bounded"))]
)
def test_equivalent_is_said_falsely_on_several_problems_in_5_percent(name: str, repetitions: int) -> None:
    # On each of eight problems four arms lie at the edge of what is worth having from the fifth.
    rng = np.random.default_rng(len(name))
    spread = {"normal": 1.0, "skewed": 1.0, "bounded": 0.35}[name]
    rope, false = 1.5 * spread, 0
    for _ in range(repetitions):
        problems = {}
        for place in range(8):
            costs = DRAWS[name](rng, (15, 5)) + rope * np.array([0, 1, 1, 1, 1])
            frame = pd.DataFrame(costs, columns=list("abcde"))
            problems[f"p{place}"] = pairs_of(
                frame, "a", where=f"p{place}", scale="linear", floor=-math.inf, blocked={}
            )
        rules = {where: Rule("seeds", rope, 0.05, False, len(pairs)) for where, pairs in problems.items()}
        judged = judge_problems(problems, rules)
        false += any(claim.verdict == "equivalent" for claims in judged.values() for claim in claims)
    assert false / repetitions <= 0.05 + off(repetitions)
