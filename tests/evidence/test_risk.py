"""The worst tenth of runs. Independent source: scipy.stats.quantile_test's interval; the rest by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from grammar import faults
from report_schema import complaints
from results_factory import make_results
from scipy import stats as scipy_stats

from anncore.evidence.cautions import audit
from anncore.evidence.risk import reversals, risks, worst_decile
from anncore.evidence.study import Study
from anncore.report.build import build_report, plain
from anncore.report.html import render_html
from anncore.report.markdown import render_markdown

LARGE = [pytest.mark.slow, pytest.mark.large]
INF = math.inf


@pytest.mark.parametrize("n", [10, 20, 35, 36, 42, 60, 101])
@pytest.mark.parametrize("level", [0.95, 0.975])
def test_the_interval_is_scipys(n: int, level: float) -> None:
    costs = np.random.default_rng(n).normal(size=n)
    ours = worst_decile(costs, level)
    theirs = scipy_stats.quantile_test(costs, p=0.9).confidence_interval(level)
    assert ours.low == theirs.low
    assert ours.high == theirs.high or (math.isnan(ours.high) and math.isnan(theirs.high))


def test_it_is_the_cost_that_nine_of_ten_do_not_exceed() -> None:
    assert worst_decile(range(10)).value == 8  # one of ten is worse
    assert worst_decile(range(20)).value == 17
    assert worst_decile(range(25)).value == 22  # two of 25: no more than a tenth
    assert math.isnan(worst_decile(range(9)).value)
    assert worst_decile([*range(18), INF, INF]).value == 17
    assert worst_decile([*range(17), INF, INF, INF]).value == INF
    assert math.isnan(worst_decile(range(35)).high)  # .9^35 = .0250 > .025
    assert worst_decile(range(36)).high == 35


def risky(problem: str, arm: str, seed: int) -> float:
    """Return a loss: bold's .1 on two seeds of three, else .5; calm's .25; both with some noise."""
    noise = 1 + 0.02 * math.sin(37.0 * seed)
    return noise * (0.25 if arm == "calm" else 0.5 if seed % 3 == 0 else 0.1)


def run(seeds: int, **options: Any) -> Any:
    given = {"score": risky, **options}
    return make_results(("bold", "calm"), ("xor",), tuple(range(100, 100 + seeds)), (), (0.1,), **given)


def test_where_the_decile_orders_arms_unlike_the_mean_it_is_said() -> None:
    results = run(60)
    (found,) = reversals(Study(results))
    assert (found.better_mean, found.better_decile) == ("bold", "calm")
    content = plain(build_report(results, {}))
    assert complaints(content) == []
    (text,) = [caution.text for caution in audit(Study(results), 1) if caution.kind == "risk"]
    assert text.startswith(
        "On xor bold has the better mean and calm the better worst decile: nine of ten runs of calm"
    )
    assert faults(text) == []
    page = render_html(content, {})
    assert "calm the better worst decile" in page
    assert "worst decile</" in page


def test_of_twenty_seeds_no_order_is_claimed_but_the_decile_stands_in_the_table() -> None:
    results = run(20)
    assert reversals(Study(results)) == []
    text = render_markdown(plain(build_report(results, {})))
    assert "worst decile" in text
    assert "or worse) | 20/20 |" in text


def test_of_nine_seeds_there_is_no_decile() -> None:
    assert all(math.isnan(risk.value) for risk in risks(Study(run(9))))
    content = plain(build_report(run(9), {}))
    assert render_markdown(content).count("There are too few seeds for a worst decile.") == 1
    assert "Worst decile" not in {paragraph["title"] for paragraph in content["methods"]["paragraphs"]}


def test_a_diverged_tenth_is_the_worst_and_a_failed_arm_takes_no_part() -> None:
    def status(word: str) -> Any:
        return lambda problem, arm, seed: word if arm == "bold" and seed % 3 == 0 else "ok"

    diverged = run(60, status=status("diverged"))
    (bold, calm) = risks(Study(diverged))
    assert (bold.diverged, calm.diverged) == (True, False)
    content = plain(build_report(diverged, {}))
    assert complaints(content) == []
    assert "| diverged | 40/60 |" in render_markdown(content)
    assert reversals(Study(run(60, status=status("failed")))) == []


@pytest.mark.slow
@pytest.mark.parametrize("repetitions", [400, pytest.param(10_000, marks=LARGE)])
def test_the_interval_covers_and_arms_of_one_decile_are_rarely_told_apart(repetitions: int) -> None:
    rng = np.random.default_rng(41)
    draws = {  # with the true decile
        "normal": (lambda n: rng.normal(size=n), scipy_stats.norm.ppf(0.9)),
        "exponential": (lambda n: rng.exponential(size=n), scipy_stats.expon.ppf(0.9)),
        "heavy": (lambda n: rng.standard_t(2, size=n), scipy_stats.t(2).ppf(0.9)),
        "bounded": (lambda n: rng.beta(0.5, 3, n), scipy_stats.beta(0.5, 3).ppf(0.9)),
        "tied": (lambda n: np.minimum(rng.poisson(2.0, n), 9).astype(float), 4.0),
    }
    held, wrong = [], 0
    for i in range(repetitions):
        draw, truth = draws[list(draws)[i % len(draws)]]
        a, b = worst_decile(draw(45), 0.95), worst_decile(draw(45), 0.975)
        other = worst_decile(draw(45), 0.975)
        held.append(a.low <= truth <= a.high)
        wrong += b.low > other.high or other.low > b.high
    assert np.mean(held) >= 0.95 - 2.5 * math.sqrt(0.05 * 0.95 / repetitions)
    assert wrong / repetitions <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / repetitions)
