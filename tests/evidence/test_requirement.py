"""What `--require` takes, and what becomes of it: by the report's own tests, checked against SciPy's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from results_factory import asked, make_results
from scipy.stats import ttest_1samp, wilcoxon

from anncore.contract.errors import ReportError
from anncore.evidence.requirement import GRAMMAR, Required, check_requirement, decided, requirement
from anncore.evidence.results import Results
from anncore.evidence.study import Study
from anncore.experiment.model import Rounds
from anncore.report.build import build_report, plain

WORLD: dict[str, Any] = {
    **{"arms": ("mine", "adam"), "problems": ("xor",), "seeds": range(10), "regression": ()},
    **{"tune_seeds": (), "rates": (0.1,), "steps": 10},
}
ARMS, PROBLEMS = ("mine", "adam", "adam on cosine"), ("xor", "iris")
SPREAD = np.array([-2.0, -1.5, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 1.5, 2.0])  # without skewness: Student's test


@cache
def made_up(**options: Any) -> Results:
    """Return results to be given other scores; they are the same for many tests."""
    return make_results(
        **{**WORLD, **options, **{name: dict(options.get(name, ())) for name in ("report", "datasets")}}
    )


def study_of(score: Callable[[str, str, int], float], column: str = "test_loss", **options: Any) -> Study:
    """Return the study of trials that score as they are told."""
    goal = "max" if column == "test_accuracy" else "min"
    results = made_up(metric=column.replace("test", "valid"), goal=goal, **options)
    rows = results.trials[["problem", "arm", "seed"]].itertuples(index=False, name=None)
    values = [score(*row) for row in rows]
    status = ["ok" if np.isfinite(value) else "diverged" for value in values]
    return Study(replace(results, trials=results.trials.assign(**{column: values, "status": status})))


def report_of(study: Study) -> dict[str, Any]:
    return plain(build_report(study.results, {}))  # type: ignore[no-any-return]


def outcome(study: Study, *texts: str) -> list[Required]:
    read = [requirement(text, study.arms, study.problems) for text in texts]
    for one in read:
        check_requirement(one, study.measures, len(set(study.dataset_of.values())), study.control)
    asks_report = any(one.kind == "better" for one in read)
    return decided(study, read, report_of(study) if asks_report else None)


def accuracy(ahead: float, spread: float) -> Callable[[str, str, int], float]:
    """Return accuracies of which mine is ahead by so many points in the mean."""

    def score(problem: str, arm: str, seed: int) -> float:
        return 0.8 + (0.01 * (ahead + spread * SPREAD[seed % 10]) if arm == "mine" else 0.0)

    return score


@pytest.mark.parametrize(
    ("ahead", "spread", "claim", "expected", "at"),
    [
        (0.1, 0.2, "not worse than adam by 0.5 points", "holds", -0.5),
        (-0.1, 0.2, "not worse than adam by 0.5 points", "holds", -0.5),
        (-0.4, 0.2, "not worse than adam by 0.5 points", "not decided", -0.5),
        (-1.0, 0.2, "not worse than adam by 0.5 points", "fails", -0.5),
        (0.1, 3.0, "not worse than adam by 0.5 points", "not decided", -0.5),
        (0.1, 0.2, "equivalent to adam within 0.5 points", "holds", 0.5),
        (0.45, 0.2, "equivalent to adam within 0.5 points", "not decided", 0.5),
        (1.0, 0.2, "equivalent to adam within 0.5 points", "fails", 0.5),
        (-1.0, 0.2, "equivalent to adam within 0.5 points", "fails", -0.5),
    ],
)
def test_a_margin_is_decided_by_the_test_of_the_mean(
    ahead: float, spread: float, claim: str, expected: str, at: float
) -> None:
    [required] = outcome(study_of(accuracy(ahead, spread), "test_accuracy"), f"mine {claim}")
    p = ttest_1samp(ahead + spread * SPREAD, at).pvalue
    assert required.outcome == expected
    assert (p <= 0.05) == (expected != "not decided")
    spelt = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
    if expected != "not decided":
        assert f"{spelt}, 10 seeds" in required.why


def test_a_line_says_the_claim_its_outcome_and_the_interval() -> None:
    [required] = outcome(
        study_of(accuracy(0.1, 0.2), "test_accuracy"), "mine  not worse than adam by 0.5 points."
    )
    half = 2.262157 * (0.2 * SPREAD).std(ddof=1) / 10**0.5  # Student's quantile for 9 degrees of freedom
    assert f"{0.1 - half:.3f} {0.1 + half:.2f}" == "-0.085 0.28"
    assert required.line == (
        "Required: mine not worse than adam by 0.5 points: holds. Mean gain of mine over adam 0.10 points "
        "(95 % interval −0.085 to 0.28 points, p < .001, 10 seeds)."
    )


def test_losses_are_compared_by_ratios() -> None:
    def score(problem: str, arm: str, seed: int) -> float:
        return float(np.exp(0.01 * SPREAD[seed]) * (1.01 if arm == "mine" else 1.0)) if arm == "mine" else 1.0

    made = study_of(score)
    holds, open_ = outcome(made, "mine not worse than adam by 3 %", "mine not worse than adam by 1.1%")
    assert (holds.outcome, open_.outcome) == ("holds", "not decided")
    assert "Mean test loss of mine 1.0 % higher than that of adam" in holds.why
    log = -np.log(1.01) - 0.01 * SPREAD
    p = ttest_1samp(log, -np.log(1.03)).pvalue
    assert f"adjusted p = {2 * p:.3f}".replace("0.", ".", 1) in holds.why  # Holm: the smaller of two


def test_holm_counts_the_claims_with_a_margin() -> None:
    made = study_of(accuracy(0.1, 0.75), "test_accuracy")
    claim = "mine not worse than adam by 0.6 points"
    p = ttest_1samp(0.1 + 0.75 * SPREAD, -0.6).pvalue
    assert 0.05 / 2 < p < 0.05
    assert [one.outcome for one in outcome(made, claim)] == ["holds"]
    # A claim asked for twice is one; another one makes two, of which this is the smaller p.
    assert [one.outcome for one in outcome(made, claim, claim)] == ["holds", "holds"]
    both = outcome(made, claim, "mine equivalent to adam within 0.3 points")
    assert [one.outcome for one in both] == ["not decided", "not decided"]


@pytest.mark.parametrize(
    ("ahead", "spread", "seeds", "expected", "verdict"),
    [
        (1.0, 0.2, 10, "holds", "better"),
        (-1.0, 0.2, 10, "fails", "better"),
        (0.1, 0.2, 10, "fails", "equivalent"),  # half a point is the smallest difference worth having
        (0.0, 0.0, 10, "fails", "tie"),
        (0.3, 3.0, 10, "not decided", "undecided"),
        (5.0, 1.0, 3, "not decided", "too_few"),
    ],
)
def test_better_is_the_reports_own_verdict(
    ahead: float, spread: float, seeds: int, expected: str, verdict: str
) -> None:
    study = study_of(accuracy(ahead, spread), "test_accuracy", seeds=range(seeds))
    [required] = outcome(study, "mine better than adam")
    [pair] = report_of(study)["comparisons"]["problems"]["xor"]
    assert (required.outcome, pair["verdict"]) == (expected, verdict)
    assert required.why.lower() == pair["sentence"].lower()


def test_over_all_data_sets_the_signed_ranks_decide() -> None:
    problems = tuple("abcdefg")

    def score(problem: str, arm: str, seed: int) -> float:
        return 0.8 + (0.001 * (1 + problems.index(problem)) if arm == "mine" else 0.0)

    made = study_of(score, "test_accuracy", problems=problems, seeds=range(5))
    [over_all, on_one] = outcome(
        made, "mine not worse than adam by 0.5 points", "mine not worse than adam by 0.5 points on c"
    )
    p = wilcoxon(np.arange(1, 8) * 0.1 + 0.5).pvalue
    assert (over_all.outcome, on_one.outcome) == ("holds", "holds")
    assert f"adjusted p = {p:.3f}, 7 data sets".replace("0.", ".", 1) in over_all.why
    few = study_of(score, "test_accuracy", problems=problems[:5], seeds=range(5))
    assert outcome(few, "mine not worse than adam by 0.5 points")[0].outcome == "not decided"


def test_divergence_counts_as_worst() -> None:
    def diverging(which: str, seeds: int) -> Callable[[str, str, int], float]:
        return lambda problem, arm, seed: (
            np.inf if arm in which.split() and seed < seeds else accuracy(0.1, 0.2)(problem, arm, seed)
        )

    claim = "mine not worse than adam by 0.5 points"
    outcomes = {
        (which, seeds): outcome(study_of(diverging(which, seeds), "test_accuracy"), claim)[0].outcome
        for which in ("mine", "adam", "mine adam")
        for seeds in (1, 10)
    }
    assert outcomes == {
        ("mine", 1): "not decided",
        ("mine", 10): "fails",
        ("adam", 1): "holds",
        ("adam", 10): "holds",
        ("mine adam", 1): "holds",
        ("mine adam", 10): "not decided",
    }


def test_failed_trials_decide_nothing() -> None:
    study = study_of(accuracy(0.1, 0.2), "test_accuracy")
    status = study.results.trials["status"].where(study.results.trials["seed"] > 0, "failed")
    failed = Study(replace(study.results, trials=study.results.trials.assign(status=status)))
    claims = ("better than adam", "not worse than adam by 90 points", "equivalent to adam")
    for required in outcome(failed, *(f"mine {claim}" for claim in claims)):
        assert required.outcome == "not decided"
        assert "1 failed of 10 trials" in required.why


def test_in_rounds_the_interval_that_holds_at_every_look_decides() -> None:
    study = study_of(accuracy(0.1, 0.2), "test_accuracy", seeds=range(10))
    made = Study(asked(study.results, rounds=Rounds((5, 10), 100, 0)))
    [near, far] = (outcome(made, f"mine not worse than adam by {margin} points")[0] for margin in (0.2, 50))
    assert (near.outcome, far.outcome) == ("not decided", "holds")


def test_before_a_report_nothing_is_decided() -> None:
    study = study_of(accuracy(0.1, 0.2), "test_accuracy")
    [required] = decided(study, [requirement("mine better than adam", study.arms, study.problems)], None)
    assert required.outcome == "not decided"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("mine better than adam", ("better", "mine", "adam", None, "", "")),
        ("MINE Better Than adam on cosine", ("better", "mine", "adam on cosine", None, "", "")),
        ("mine better than adam on xor", ("better", "mine", "adam", None, "", "xor")),
        ("mine better than adam on cosine on iris", ("better", "mine", "adam on cosine", None, "", "iris")),
        ("mine not worse than adam by .5 point", ("not worse", "mine", "adam", 0.5, "points", "")),
        ("mine not  worse than adam by 1e-1pp on xor.", ("not worse", "mine", "adam", 0.1, "points", "xor")),
        ("mine equivalent to adam within 2 percent", ("equivalent", "mine", "adam", 2.0, "%", "")),
        ("mine equivalent to adam within 2% on xor", ("equivalent", "mine", "adam", 2.0, "%", "xor")),
        ("mine equivalent to adam", ("equivalent", "mine", "adam", None, "", "")),
        ("mine not worse than adam by 0.02", ("not worse", "mine", "adam", 0.02, "", "")),
    ],
)
def test_what_is_read(text: str, read: tuple[Any, ...]) -> None:
    assert requirement(text, ARMS, PROBLEMS)[1:] == read


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", GRAMMAR),
        ("mine", GRAMMAR),
        ("mine worse than adam", GRAMMAR),
        ("mine better than", GRAMMAR),
        ("mine not worse than adam 0.5", "names 'adam 0.5', which is no arm"),
        (
            "adm better than mine",
            "names 'adm', which is no arm; there are mine, adam and adam on cosine. Did",
        ),
        ("mine better than adam on moons", "names 'moons', which is no problem here; there are xor and iris"),
        ("mine better than mine", "names 'mine' on both sides"),
        ("mine better than adam by 2 %", "'better' does not take"),
        ("mine not worse than adam by 0 points", "needs a margin above 0, got 0"),
        ("mine not worse than adam by -1 points", "needs a margin above 0, got -1"),
        ("mine not worse than adam by 1.2.3 %", "needs a margin above 0, got 1.2.3"),
        ("mine not worse than adam by 1e999 %", "needs a margin above 0, got 1e999"),
        ("mine not worse than adam by 3 apples", "gives the margin in 'apples'"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ReportError) as caught:
        requirement(text, ARMS, PROBLEMS)
    [line] = caught.value.lines
    assert line.startswith("--require ")
    assert reason in line


@pytest.mark.parametrize(
    ("claim", "column", "options", "reason"),
    [
        ("mine not worse than adam by 2 %", "test_accuracy", {}, "a share: give the margin in points"),
        ("mine not worse than adam by 0.02", "test_accuracy", {}, "a share: give the margin in points"),
        ("mine equivalent to adam within 100 points", "test_accuracy", {}, "a margin below 100 points"),
        ("mine not worse than adam by 2 points", "test_loss", {}, "by ratios: give the margin in per cent"),
        ("mine better than adam", "test_loss", {"report": (("control", "sgd"),)}, "control = 'sgd'"),
        (
            "mine better than adam",
            "test_loss",
            {"datasets": (("xor", "x"), ("iris", "x"))},
            "must name a problem",
        ),
    ],
)
def test_what_no_report_could_decide(claim: str, column: str, options: dict[str, Any], reason: str) -> None:
    arms = ("mine", "adam", "sgd")
    made = study_of(accuracy(0, 1), column, arms=arms, problems=("xor", "iris"), **options)
    with pytest.raises(ReportError, match=reason):
        outcome(made, claim)
