"""What a report warns of, each provoked by an experiment that ran: no frame here is made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweep_factory import load

from anncore import ExperimentError, sweep
from anncore.report.build import build_report, plain
from anncore.report.markdown import render_markdown


def run(folder: Path, text: str, **options: Any) -> Any:
    return sweep(load(folder, "\n" + text, **options), out=folder / "run", executor="serial", unchecked=True)


def cautions_of(results: Any) -> dict[str, list[str]]:
    """Return the report's warnings by kind."""
    cautions: dict[str, list[str]] = {}
    for warning in build_report(results, {})["answer"]["warnings"]:
        cautions.setdefault(warning["kind"], []).append(warning["text"])
    return cautions


BASE = "seeds = { tune = [0], report = [100, 101, 102] }\n"


def test_unequal_budgets_edges_and_too_few_seeds(tmp_path: Path) -> None:
    # Six steps from a thousandth of a useful rate on: the largest is the best.
    text = BASE + "optimizer.sgd.lr = [1e-5, 1e-4, 1e-3]\noptimizer.adam.lr = [1e-5, 1e-4]\n"
    cautions = cautions_of(run(tmp_path, text))
    assert "sgd 3 and adam 2" in cautions["unequal_budgets"][0]
    assert "sgd on 1 of 1 data set" in cautions["edge"][0]
    assert cautions["few_seeds"] == [
        "3 report seeds cannot separate 1 pair of arms: the smallest possible p is 0.25. 6 seeds would be "
        "enough."
    ]
    assert "confounded" not in cautions


def test_a_knob_that_one_arm_tunes_and_another_holds(tmp_path: Path) -> None:
    text = BASE + (
        'optimizer.tuned = { use = "adamw", weight_decay = [0.0, 0.1] }\n'
        'optimizer.held = { use = "adamw", weight_decay = 0.1 }\n'
    )
    (caution,) = cautions_of(run(tmp_path, text))["confounded"]
    assert caution.startswith("optimizer.weight_decay was tuned for tuned, but not for held")


def test_values_that_define_the_arms_confound_nothing(tmp_path: Path) -> None:
    text = BASE + (
        'optimizer.strong = { use = "adamw", weight_decay = 0.1, lr = [0.01, 0.1] }\n'
        'optimizer.none = { use = "adamw", weight_decay = 0.0, lr = [0.01, 0.1] }\n'
    )
    assert "confounded" not in cautions_of(run(tmp_path, text))


def test_an_arm_that_rules_leave_out_is_not_told_to_run_again(tmp_path: Path) -> None:
    text = (
        BASE
        + "optimizer.sgd.lr = 0.1\noptimizer.adam.lr = 0.1\n"
        + "schedule.constant = {}\nschedule.cosine = {}\n"
        + '[[exclude]]\noptimizer = "adam"\nschedule = "cosine"\n'
    )
    cautions = cautions_of(run(tmp_path, text))
    assert "incomplete" not in cautions
    assert cautions["left_out"][0].startswith("The file's rules leave out adam on xor, cosine: ")


def test_another_kinds_values_that_rules_leave_to_some_arms(tmp_path: Path) -> None:
    text = (
        BASE
        + "optimizer.sgd.lr = 0.1\noptimizer.adam.lr = 0.1\n"
        + 'loss.smooth = { use = "bce", smoothing = [0.0, 0.1] }\n'
        + '[select]\nmetric = "valid_accuracy"\n'
        + '[[exclude]]\noptimizer = "adam"\n"loss.smoothing" = { gt = 0.05 }\n'
        + '[[exclude]]\noptimizer = "sgd"\n"loss.smoothing" = { lt = 0.05 }\n'
    ).replace('"bce"', '"binary_cross_entropy"')
    (caution,) = cautions_of(run(tmp_path, text))["confounded"]
    assert caution.startswith(
        "loss.smoothing is not what is compared, yet it differs between arms: sgd had 0.1"
    )


@pytest.mark.slow
def test_a_target_after_the_fact(tmp_path: Path) -> None:
    text = "seeds = { report = [100, 101] }\noptimizer.sgd.lr = 0.1\noptimizer.adam.lr = 0.1\n"
    assert "No target was fixed beforehand" in cautions_of(run(tmp_path, text))["target"][0]
    (tmp_path / "named").mkdir()
    assert "target" not in cautions_of(run(tmp_path / "named", text + "report.target = 0.6\n"))


def test_the_gap_of_a_lucky_choice(tmp_path: Path) -> None:
    # Accuracy on 12 validation examples of one seed: the best of twelve tries is luck for the most part.
    rates = ", ".join(f"{0.5 + 0.1 * i:g}" for i in range(12))
    text = (
        'seeds = { tune = [3], report = { start = 100, num = 8 } }\nselect.metric = "valid_accuracy"\n'
        f"optimizer.sgd.lr = [{rates}]\noptimizer.adam.lr = [{rates}]\n"
    )
    gaps = cautions_of(run(tmp_path, text))["selection_gap"]
    assert "part of it was luck" in gaps[0]


def test_diverged_trials_and_equal_seeds(tmp_path: Path) -> None:
    text = (
        "seeds = { report = [100, 101] }\n"
        'optimizer.good = { use = "sgd", lr = 0.1 }\noptimizer.bad = { use = "trouble", how = "nan" }\n'
    )
    results = run(tmp_path, text)
    assert "bad on xor (2 of 2 seeds)" in cautions_of(results)["diverged"][0]
    assert "| bad |" in render_markdown(plain(build_report(results, {})))
    assert "diverged 2/2" in render_markdown(plain(build_report(results, {})))


FAILING = (
    "seeds = { report = { start = 100, num = 7 } }\n"
    'optimizer.good = { use = "sgd", lr = 0.1 }\noptimizer.bad = { use = "trouble", how = "raise" }\n'
)


@pytest.mark.slow
def test_failures_block_every_claim_until_they_are_waived(tmp_path: Path) -> None:
    results = run(tmp_path, FAILING)
    content = build_report(results, {})
    (claim,) = content["comparisons"]["problems"]["xor"]
    assert claim["verdict"] == "blocked"
    cautions = cautions_of(results)
    assert "7 of 14 trials did not finish (7 failed; bad)" in cautions["failures"][0]
    assert "failed 7/7" in render_markdown(plain(content))

    waived = run(tmp_path, FAILING + 'report.waive = ["failed"]\n')
    content = build_report(waived, {})
    (claim,) = content["comparisons"]["problems"]["xor"]
    # Seven wins by default of the other side: 2 / 2^7.
    assert (claim["verdict"], claim["a"], claim["diverged"], claim["p"]) == ("better", "good", 7, 2 / 2**7)
    cautions = cautions_of(waived)
    assert "failures" not in cautions
    assert "7 failed; bad" in cautions["waived"][0]
    methods = {paragraph["title"]: paragraph["text"] for paragraph in content["methods"]["paragraphs"]}
    assert "The file waives failed: such trials count as diverged here." in methods["Failures"]
    # What happened stays on record.
    assert content["counts"]["failed"] == 7
    assert {row["status"] for row in content["failed_trials"]} == {"failed"}


def test_what_may_be_waived(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError) as caught:
        load(tmp_path, "\n" + FAILING + 'report.waive = ["timeouts"]\n')
    assert (
        "waive must list statuses of failed, timeout, crashed, got 'timeouts'. Did you mean 'timeout'?"
        in (str(caught.value))
    )


def test_a_rope_in_the_file_makes_arms_equivalent_whose_interval_lies_inside(tmp_path: Path) -> None:
    text = (
        "seeds = { report = { start = 100, num = 6 } }\n"
        'optimizer.a = { use = "sgd", lr = 0.1 }\noptimizer.b = { use = "sgd", lr = 0.11 }\n'
    )
    verdicts = {}
    for rope in (1e-6, 0.5):
        results = run(tmp_path, text + f"report.rope = {rope}\n")
        (claim,) = build_report(results, {})["comparisons"]["problems"]["xor"]
        assert claim["verdict"] != "tie"
        verdicts[rope] = claim["verdict"]
        inside = abs(claim["low"]) <= rope and abs(claim["high"]) <= rope
        assert inside == (claim["verdict"] == "equivalent")
    assert verdicts[0.5] == "equivalent" != verdicts[1e-6]


def test_who_wins_always_has_no_interval_but_a_dash(tmp_path: Path) -> None:
    text = (
        "seeds = { report = { start = 100, num = 6 } }\n"
        'optimizer.good = { use = "sgd", lr = 0.1 }\noptimizer.bad = { use = "trouble", how = "nan" }\n'
    )
    content = plain(build_report(run(tmp_path, text), {}))
    first = content["improvement"]["pairs"][0]
    assert (first["probability"], first["low"], first["high"]) == (1.0, None, None)
