"""What a claim comes to, from comparisons alone, and what is said of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from experiment_factory import load
from grammar import faults
from report_schema import complaints
from results_factory import asked, make_results

from anncore.contract.errors import ExperimentError
from anncore.experiment.plan import make_plan
from anncore.report.build import build_report, plain
from anncore.report.markdown import render_markdown

WORLD: dict[str, Any] = {
    "arms": ("sigmoid", "tanh"),
    "problems": ("xor", "iris", "wine"),
    "seeds": range(100, 108),
    "tune_seeds": (),
    "rates": (0.1,),
    "steps": 30,
}
FASTER = {"says": "Tanh is better than sigmoid.", "better": "tanh", "worse": "sigmoid"}


def reported(claim: Any, better: dict[str, str], **options: Any) -> dict[str, Any]:
    """Return the report where on each problem one arm always wins, or "luck" does, or nobody."""

    def score(problem: str, arm: str, seed: int) -> float:
        winner = better[problem]
        by_luck = 0.01 * (-1) ** seed if (winner, arm) == ("luck", "tanh") else 0.0
        return 0.5 + by_luck - (0.2 if arm == winner else 0.0)

    results = make_results(**{**WORLD, **options}, score=score)
    results = asked(results, document={**results.experiment.document, "claim": claim})
    content: dict[str, Any] = plain(build_report(results, {}))
    assert complaints(content) == []
    findings = [finding["text"] for finding in content["answer"]["findings"]]
    for text in (content["answer"]["headline"], *findings):
        assert faults(text.replace("“", "").replace(".”", "")) == []
    return content


@pytest.mark.parametrize(
    ("winners", "outcome", "sentence", "headline"),
    [
        (("tanh", "tanh", "tanh"), "holds", "It holds here.", "tanh beats sigmoid on all 3 data sets."),
        (
            ("tanh", "luck", "sigmoid"),
            "holds_on_some",
            "It holds on 1 of 3 data sets and does not hold on 1.",
            "tanh beats sigmoid on 1 of 3 data sets (xor); it is the other way round on wine and it is not "
            "decided on iris.",
        ),
        (
            ("sigmoid", "luck", "luck"),
            "does_not_hold_on_some",
            "It does not hold on 1 of 3 data sets and is not decided on 2.",
            "That tanh beats sigmoid is seen nowhere: it is the other way round on xor and it is not decided "
            "on iris and wine.",
        ),
        (
            ("sigmoid", "tanh", "sigmoid"),
            "does_not_hold",
            "It does not hold here: of 3 data sets it is the other way round on 2 and it holds on 1.",
            "tanh beats sigmoid on 1 of 3 data sets (iris); it is the other way round on xor and wine.",
        ),
        (
            ("none", "none", "none"),
            "does_not_hold",
            "It does not hold here: of 3 data sets the arms are equal on 3.",
            "That tanh beats sigmoid is seen nowhere: they are equal on xor, iris and wine.",
        ),
        (
            ("luck", "luck", "luck"),
            "not_decided",
            "It is not decided here.",
            "That tanh beats sigmoid is seen nowhere: it is not decided on xor, iris and wine.",
        ),
    ],
)
def test_the_verdict_follows_from_the_comparisons(
    winners: tuple[str, ...], outcome: str, sentence: str, headline: str
) -> None:
    content = reported(FASTER, dict(zip(WORLD["problems"], winners, strict=True)))
    assert content["claim"]["outcome"] == outcome
    assert content["claim"]["sentence"] == f"Claim: “Tanh is better than sigmoid.” {sentence}"
    assert content["answer"]["headline"] == headline
    assert content["answer"]["findings"][0]["text"] == content["claim"]["sentence"]
    assert f"- {content['claim']['sentence']}" in render_markdown(content)


def test_one_data_set_speaks_for_itself_alone() -> None:
    for winner, verdict in (("tanh", "It holds on xor"), ("sigmoid", "It does not hold on xor")):
        content = reported(FASTER, {"xor": winner}, problems=("xor",))
        assert content["claim"]["sentence"].endswith(f"{verdict}, the only one.")


def test_the_comparison_over_all_data_sets_may_speak_against_a_claim() -> None:
    problems = ("xor", "iris", "wine", "digits", "blobs", "circles")
    # On most of six data sets the seeds do not tell, and sigmoid is a little ahead on each.
    results = make_results(
        **{**WORLD, "problems": problems},
        score=lambda problem, arm, seed: (
            0.5
            - (arm == "sigmoid") * (0.2 if problem == "xor" else 0.01)
            + (arm == "tanh" and problem != "xor") * 0.05 * (-1) ** seed
        ),
    )
    content = plain(
        build_report(asked(results, document={**results.experiment.document, "claim": FASTER}), {})
    )
    assert [c["verdict"] for c in content["comparisons"]["overall"]] == ["better"]  # p = 2⁻⁵, on six of six
    assert list(content["claim"]["problems"].values()).count("contrary") == 1
    assert content["claim"]["outcome"] == "does_not_hold"


def test_what_was_changed_after_a_first_look_stands_beside_the_verdict() -> None:
    claim = {**FASTER, "changed": "the learning rates"}
    content = reported(claim, dict.fromkeys(WORLD["problems"], "tanh"))
    assert content["claim"]["sentence"].endswith(
        "It holds here. After a first look at results, the learning rates changed: this explores, it does "
        "not confirm."
    )


def test_every_arm_named_first_must_beat_every_other() -> None:
    claim = {"says": "The new ones win.", "better": ["tanh", "relu"], "worse": "sigmoid"}
    content = reported(
        claim, {"xor": "tanh"}, arms=("sigmoid", "tanh", "relu"), problems=("xor",), seeds=range(100, 110)
    )
    assert content["claim"]["problems"] == {"xor": "equal"}  # relu and sigmoid tie
    alone = {"says": "Tanh wins.", "better": "tanh", "worse": ["sigmoid", "relu"]}
    content = reported(
        alone, {"xor": "tanh"}, arms=("sigmoid", "tanh", "relu"), problems=("xor",), seeds=range(100, 110)
    )
    assert content["answer"]["headline"] == "tanh beats sigmoid and relu on xor."


def test_a_claim_may_be_about_success() -> None:
    rule = {"success": {"metric": "valid_loss", "at_most": 0.4}}
    content = reported(FASTER, {"xor": "tanh"}, problems=("xor",), report=rule)
    assert content["claim"]["by"] == "success"
    assert content["claim"]["outcome"] == "holds"
    assert content["answer"]["headline"].startswith("tanh brings validation loss down to 0.4 in 8 of 8 seeds")


def test_a_claim_may_be_about_steps() -> None:
    claim = {**FASTER, "by": "steps"}
    content = reported(claim, {"xor": "tanh"}, problems=("xor",), report={"target": 0.32}, steps=600)
    (pair,) = content["claim"]["comparisons"]["xor"]
    assert (pair["a"], pair["verdict"], pair["wins"]) == ("tanh", "better", 8)  # sigmoid never gets there
    assert content["answer"]["headline"] == "tanh takes fewer steps to the target than sigmoid on xor."
    assert "by the steps to their target" in render_markdown(content)


def test_a_claim_may_be_about_what_trials_measure() -> None:
    claim = {"says": "Sigmoid has more loss.", "more": "sigmoid", "less": "tanh", "of": "valid_loss"}
    content = reported(claim, {"xor": "tanh"}, problems=("xor",))
    (pair,) = content["claim"]["comparisons"]["xor"]
    # .5 against .3 on each of eight seeds: the smallest p there is, 2⁻⁷
    assert (pair["a"], pair["effect"], pair["p"]) == ("sigmoid", pytest.approx(0.2), 2**-7)
    assert content["answer"]["headline"] == "sigmoid is above tanh in validation loss on xor."
    nothing = reported({**claim, "of": "test_nothing"}, {"xor": "tanh"}, problems=("xor",))
    assert nothing["claim"]["outcome"] == "not_decided"


def test_a_claim_of_ratios_shows_the_factor_and_other_pairs_beside_it() -> None:
    claim = {
        "says": "Sigmoid has more loss.",
        **{"more": "sigmoid", "less": "tanh", "of": "valid_loss", "scale": "log"},
        "beside": [["sigmoid", "relu"], ["relu", "tanh"]],
    }
    three = {"arms": ("sigmoid", "tanh", "relu"), "problems": ("xor",), "seeds": range(100, 110)}
    content = reported(claim, {"xor": "tanh"}, **three)
    pairs = content["claim"]["comparisons"]["xor"]
    # Losses of .5, .3 and .5: the ratio of the first two is 5/3.
    assert [(pair["a"], pair["b"], pair["verdict"]) for pair in pairs] == [
        ("sigmoid", "tanh", "better"),
        ("sigmoid", "relu", "tie"),
        ("relu", "tanh", "better"),
    ]
    assert math.exp(pairs[0]["effect"]) == pytest.approx(5 / 3)
    assert content["answer"]["headline"] == (
        "sigmoid is above tanh in validation loss, by a factor of 1.7, on xor. Beside it: sigmoid is above "
        "relu, by a factor of 1, on 0 of 1 data set; relu is above tanh, by a factor of 1.7, on 1 of 1 data "
        "set."
    )
    assert "the gain is how much lower that of the other is" in render_markdown(content)


def test_a_sentence_alone_is_shown_and_not_judged() -> None:
    content = reported("Tanh is fine.", dict.fromkeys(WORLD["problems"], "tanh"))
    assert content["claim"]["outcome"] == "not_tested"
    assert content["claim"]["sentence"] == (
        "Claim: “Tanh is fine.” The file names no comparison that would bear it out."
    )
    assert "each by itself and by test loss, tanh beats sigmoid on all 3" in content["answer"]["headline"]


def test_failed_trials_leave_a_claim_open() -> None:
    content = reported(
        FASTER, {"xor": "tanh"}, problems=("xor",), status=lambda p, a, s: "failed" if s == 100 else "ok"
    )
    assert content["claim"]["outcome"] == "not_decided"


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("1", "claim must be a sentence, or a table such as"),
        ("{ better = 'sgd', worse = 'adam' }", "needs says, a sentence, as in"),
        ("{ says = 'x', better = 'sgd' }", "names better but not worse; a comparison needs both"),
        ("{ says = 'x', less = 'sgd', of = 'test_loss' }", "names less but not more"),
        ("{ says = 'x', better = 'sgd', worse = 'adam', of = 'y' }", "of does not go with better and worse"),
        ("{ says = 'x', more = 'sgd', less = 'adam' }", "more and less need of = .., a column of the trials"),
        ("{ says = 'x', better = 1, worse = 'adam' }", "better must be an arm, or a list of arms, got 1"),
        (
            "{ says = 'x', better = 'sgd', worse = 'adma' }",
            "which is no arm; there are sgd, adam. Did you mean",
        ),
        ("{ says = 'x', better = 'sgd', worse = ['adam', 'sgd'] }", "names 'sgd' on both sides"),
        ("{ says = 'x', better = 'sgd', worse = 'adam', by = 'speed' }", "by must be one of"),
        ("{ says = 'x', better = 'sgd', worse = 'adam', by = 'success' }", "needs [report] success"),
        ("{ says = 'x', more = 'sgd', less = 'adam', of = 'optimizer.lr' }", "got the hyperparameter"),
        ("{ says = 'x', better = 'sgd', worse = 'adam', scale = 'log' }", "scale does not go with better"),
        (
            "{ says = 'x', more = 'sgd', less = 'adam', of = 'test_loss', scale = 'ratio' }",
            "scale must be one of",
        ),
        (
            "{ says = 'x', more = 'sgd', less = 'adam', of = 'test_loss', beside = ['sgd'] }",
            "beside must be a list of pairs of arms",
        ),
        (
            "{ says = 'x', more = 'sgd', less = 'adam', of = 'test_loss', beside = [['sgd', 'adma']] }",
            "names 'adma', which is no arm",
        ),
        (
            "{ says = 'x', more = 'sgd', less = 'adam', of = 'test_loss', beside = [['sgd', 'sgd']] }",
            "names 'sgd' on both sides",
        ),
        ("{ says = 'x', better = 'sgd', worse = 'adam', changed = 1 }", "changed must be what was changed"),
        ("{ says = 'x', why = 'y' }", "unknown key 'why' in [claim]"),
    ],
)
def test_what_a_claim_cannot_be(tmp_path: Path, claim: str, message: str) -> None:
    with pytest.raises(ExperimentError) as error:
        make_plan(load(tmp_path, f"claim = {claim}\n[dataset.xor]\n[optimizer.sgd]\n[optimizer.adam]\n"))
    assert message in str(error.value)
