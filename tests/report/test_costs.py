"""What is said of measured costs: ratios counted by hand, and nothing beyond the spread of the turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from grammar import faults
from report_schema import complaints
from results_factory import make_results

from anncore.evidence.results import Cost
from anncore.report.build import build_report, plain
from anncore.report.costs import cost_sentence, cost_table
from anncore.report.latex import render_tables
from anncore.report.markdown import render_markdown


def priced(costs: dict[str, tuple[float, float]], problems: tuple[str, ...] = ("near",)) -> Any:
    """Return a report whose arms' steps took so many microseconds: the least and the upper quartile."""
    results = make_results(tuple(costs), problems, (100, 101), (), (0.1,))
    spent = [
        Cost(problem, arm, results.trials["config"].iloc[0], low * 1e-6, (low + high) / 2e6, high * 1e-6, 2)
        for problem in problems
        for arm, (low, high) in costs.items()
    ]
    return plain(build_report(replace(results, costs=tuple(spent)), {}))


def test_an_arm_is_dearer_only_beyond_the_spread_of_both() -> None:
    content = priced({"sgd": (10, 12), "momentum": (11, 15), "adam": (24, 30)})
    assert complaints(content) == []
    rows = {row["arm"]: row for row in content["costs"]}
    assert [rows["adam"][name] for name in ("ratio", "ratio_low", "ratio_high")] == pytest.approx(
        [2.4, 2.0, 3.0]
    )
    assert [rows[arm]["dearer"] for arm in ("sgd", "momentum", "adam")] == [False, False, True]
    text = cost_sentence(content)
    assert text == (
        "On near the steps of sgd and momentum are the cheapest and cannot be told apart; a step takes adam "
        "2.4 times as long (2.0 to 3.0 over the turns)."
    )
    assert faults(text) == []
    assert "| adam | 24.0 | 27.0 | 30.0 | 2.4 | 2.0 to 3.0 | yes |" in render_markdown(content)
    assert "step-costs" in dict(render_tables(content))


def test_within_the_spread_nothing_is_claimed() -> None:
    content = priced({"sgd": (10, 20), "adam": (15, 16)})
    assert cost_sentence(content) == (
        "On near no arm's step costs more than that of sgd beyond the spread of the turns."
    )
    several = priced({"sgd": (10, 20), "adam": (15, 16)}, ("near", "far"))
    assert cost_sentence(several).startswith("On none of 2 data sets does an arm's step cost more")


def test_of_several_problems_it_says_on_how_many() -> None:
    content = priced({"sgd": (10, 12), "adam": (24, 30)}, ("near", "far"))
    text = cost_sentence(content)
    assert text == (
        "Of 2 data sets, a step costs more than that of the cheapest arm there, beyond the spread of the "
        "turns: adam on 2 (2.4 times)."
    )
    assert faults(text) == []


def test_without_measured_costs_nothing_is_said() -> None:
    content = plain(build_report(make_results(problems=("near",)), {}))
    assert content["costs"] is None
    assert cost_sentence(content) == ""
    assert cost_table(content) is None
    assert cost_sentence(priced({"sgd": (10, 12)})) == ""


def test_equal_arms_are_rarely_called_dearer() -> None:
    # Fifteen turns each, with the bursts that a busy machine adds; four arms that cost the same.
    rng, wrong = np.random.default_rng(51), 0
    for _ in range(400):
        turns = 10 * (
            1 + 0.02 * rng.exponential(size=(4, 15)) + (rng.random((4, 15)) < 0.2) * rng.random((4, 15))
        )
        least, high = turns.min(axis=1), np.quantile(turns, 0.75, axis=1)
        wrong += bool((least > high[least.argmin()]).any())
    assert wrong / 400 <= 0.05
