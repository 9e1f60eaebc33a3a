"""Two run folders side by side; every change is made on purpose, so it is known what must be told."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats as scipy_stats

from anncore import compare_runs, load_experiment, load_run, sweep
from anncore.cli.group import cli
from anncore.experiment.plan import make_plan
from anncore.report.compare_runs import _paired
from anncore.running.store import Store

EXPERIMENT = """\
# Does it learn?
vary = ["optimizer"]
train = { steps = 20, eval_every = 10, batch_size = 16 }
seeds = { tune = [0], report = { start = 100, num = 8 } }
network.mlp.hidden = [[4]]
[dataset.two_moons]
n = 60
[dataset.xor]
n = 60
[optimizer.sgd]
lr = [0.01, 0.1]
[optimizer.adam]
lr = [0.01, 0.1]
"""


def run(folder: Path, name: str, text: str = EXPERIMENT, *overrides: str, **options: Any) -> Path:
    (folder / f"{name}.toml").write_text(text)
    experiment = load_experiment(folder / f"{name}.toml", overrides=overrides, **options)
    sweep(experiment, out=folder / name, executor="serial")
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run, the same one again, and one with four times the steps."""
    folder = tmp_path_factory.mktemp("compare")
    run(folder, "first")
    run(folder, "again")
    run(folder, "longer", EXPERIMENT, "train.steps=80")
    return folder


@pytest.mark.slow
def test_a_run_and_its_repetition_are_the_same_to_the_last_digit(folder: Path) -> None:
    comparison = compare_runs(folder / "first", folder / "again")
    assert comparison["inputs"] == []
    assert comparison["trials"] == {"a": 40, "b": 40, "shared": 40, "same": 40}
    assert {row["verdict"] for row in comparison["scores"]} == {"equal"}
    assert not any(finding["changed"] for finding in comparison["findings"])
    assert comparison["headlines"][0] == comparison["headlines"][1]


@pytest.mark.slow
def test_what_changed_in_the_inputs_is_told_with_defaults_filled_in(folder: Path, tmp_path: Path) -> None:
    comparison = compare_runs(folder / "first", folder / "longer")
    inputs = {(row["where"], row["key"]): (row["a"], row["b"]) for row in comparison["inputs"]}
    assert inputs == {
        ("experiment", "train.steps"): (20, 80),
        ("reading", "overrides"): ([], ["train.steps=80"]),
    }
    # A setting that equals the default is no change; a section that is new is one, though it holds nothing.
    text = (
        EXPERIMENT.replace("batch_size = 16", 'batch_size = 16, dtype = "float32"') + "[optimizer.rmsprop]\n"
    )
    other = run(
        tmp_path, "other", text.replace("n = 60\n[dataset.xor]\nn = 60", "n = 60\n[dataset.xor]\nn = 80")
    )
    comparison = compare_runs(folder / "first", other)
    inputs = {(row["where"], row["key"]): (row["a"], row["b"]) for row in comparison["inputs"]}
    assert inputs == {
        ("experiment", "dataset.xor.n"): (60, 80),
        ("experiment", "optimizer.rmsprop"): (None, {}),
    }
    assert comparison["only_b"] == {"arms": ["rmsprop"], "problems": []}
    assert (
        comparison["trials"]["shared"] == comparison["trials"]["same"] == 20
    )  # those on two_moons of the old arms


@pytest.mark.slow
def test_changes_are_paired_by_seed_with_interval_and_holm(folder: Path) -> None:
    comparison = compare_runs(folder / "first", folder / "longer")
    frames = [load_run(folder / name).trials for name in ("first", "longer")]
    frames = [frame[frame["phase"] == "report"] for frame in frames]
    p = {}
    for row in comparison["scores"]:
        mine = [f[(f["problem"] == row["problem"]) & (f["arm"] == row["arm"])] for f in frames]
        logs = [np.log(f.sort_values("seed")["test_loss"].to_numpy(float)) for f in mine]
        interval = scipy_stats.ttest_rel(*logs).confidence_interval()
        assert row["effect"] == pytest.approx(np.mean(logs[0] - logs[1]))
        # Student's interval, or where the logarithms are skewed Hall's, which reaches farther on one side.
        assert row["low"] <= interval.low + 1e-12
        assert row["high"] >= interval.high - 1e-12
        assert row["low"] == pytest.approx(interval.low) or row["high"] == pytest.approx(interval.high)
        assert row["a"]["mean"] == pytest.approx(scipy_stats.gmean(mine[0]["test_loss"]))
        p[row["problem"], row["arm"]] = scipy_stats.wilcoxon(*logs, method="exact").pvalue
    ordered = sorted(p, key=lambda pair: p[pair])
    adjusted = 0.0
    for place, pair in enumerate(ordered):
        adjusted = min(1.0, max(adjusted, (len(p) - place) * p[pair]))
        (row,) = [r for r in comparison["scores"] if (r["problem"], r["arm"]) == pair]
        assert row["p"] >= adjusted - 1e-12  # the mean must bear it out
        told = {True: "better", False: "typically_better" if adjusted <= 0.05 else "undecided"}
        assert row["verdict"] == told[row["p"] <= 0.05]
    assert {row["verdict"] for row in comparison["scores"]} & {
        "better"
    }  # eighty steps learn more than twenty
    turned = compare_runs(folder / "longer", folder / "first")
    for one, other in zip(comparison["scores"], turned["scores"], strict=True):
        assert other["effect"] == pytest.approx(-one["effect"])
        assert (one["verdict"] == "better") == (other["verdict"] == "worse")


def test_findings_are_put_side_by_side(folder: Path) -> None:
    comparison = compare_runs(folder / "first", folder / "longer")
    assert [(finding["where"], finding["arms"]) for finding in comparison["findings"]] == [
        ("", ["adam", "sgd"]),
        ("two_moons", ["adam", "sgd"]),
        ("xor", ["adam", "sgd"]),
    ]
    for finding in comparison["findings"]:
        winners = [c["ahead"] if c["verdict"] == "better" else "" for c in (finding["a"], finding["b"])]
        verdicts = [c["verdict"] for c in (finding["a"], finding["b"])]
        assert finding["changed"] == (winners[0] != winners[1] or verdicts[0] != verdicts[1])
        assert finding["a"]["sentence"].endswith(".")


@pytest.mark.slow
def test_a_shared_key_with_other_numbers_is_told(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "first", tmp_path / "changed")
    trial = next(make_plan(load_experiment(folder / "first.toml")).tune())
    with Store(tmp_path / "changed" / "trials.sqlite") as store:
        (result,) = store.results([trial.key])
        assert result.status == "ok"
        store.add([(trial, result._replace(status="diverged"))])
    comparison = compare_runs(folder / "first", tmp_path / "changed")
    assert comparison["trials"] == {"a": 40, "b": 40, "shared": 40, "same": 39}
    said = CliRunner().invoke(cli, ["compare", str(folder / "first"), str(tmp_path / "changed")]).output
    assert "40 of 40 and 40 have the same run key; 1 of these gave other results." in said


def test_other_seeds_are_paired_in_order() -> None:
    a, b = {1: 0.1, 2: 0.2, 3: 0.3}, {3: 3.0, 4: 4.0, 5: 5.0, 6: 6.0}
    assert _paired(a, b) == ([0.3, 0.1, 0.2], [3.0, 4.0, 5.0])


@pytest.mark.slow
def test_what_is_measured_otherwise_is_not_compared(folder: Path, tmp_path: Path) -> None:
    other = run(tmp_path, "other", EXPERIMENT + '[select]\nmetric = "valid_accuracy"\n')
    comparison = compare_runs(folder / "first", other)
    assert {row["verdict"] for row in comparison["scores"]} == {"unlike"}
    assert comparison["scores"][0]["reason"] == "test loss in the first, test accuracy in the second"
    assert comparison["scores"][0]["effect"] is None


@pytest.mark.slow
def test_two_seeds_are_too_few(folder: Path, tmp_path: Path) -> None:
    other = run(tmp_path, "other", EXPERIMENT, "seeds.report=[100, 101]")
    rows = compare_runs(folder / "first", other)["scores"]
    assert {(row["verdict"], row["n"], row["p"]) for row in rows} == {("equal", 2, 1.0)}
    more = compare_runs(folder / "longer", other)["scores"]
    assert {(row["verdict"], row["n"], row["p"]) for row in more} == {("too_few", 2, None)}


# The verb


def test_the_verb_says_it_in_words(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["compare", str(folder / "first"), str(folder / "longer")])
    assert result.exit_code == 0, result.output
    blocks = result.output.split("\n\n")
    assert blocks[0].splitlines()[0].split() == [
        "A",
        str(folder / "first"),
        "40",
        "trials",
        "Does",
        "it",
        "learn?",
    ]
    assert blocks[1].splitlines() == [
        "Inputs that changed",
        "  experiment  train.steps  20  ->  80",
        "  reading     overrides    []  ->  ['train.steps=80']",
    ]
    assert blocks[2] == "Trials: none of 40 and 40 has the same run key."
    assert blocks[3].startswith("Scores (test loss) and by how much B's are better than A's\n")
    assert len(blocks[3].splitlines()) == 2 + 4
    assert "Findings" in blocks[4]
    assert blocks[5].startswith("A and B: ")


def test_the_verb_of_one_run_with_itself(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["compare", str(folder / "first"), str(folder / "first")])
    assert "Inputs: the same." in result.output
    assert (
        "Trials: 40 of 40 and 40 have the same run key and gave the same results to the last digit."
        in result.output
    )
    assert "Findings: 3 findings about pairs of arms, none of which changed." in result.output
    assert "\nA and B: " in result.output


@pytest.mark.slow
def test_the_verb_calls_problems_what_they_are(folder: Path, tmp_path: Path) -> None:
    text = (
        'vary = ["optimizer"]\ntrain = { steps = 6, eval_every = 3 }\nobjective.beale = {}\n'
        "seeds.report = [100, 101]\noptimizer.sgd.lr = 1e-4\noptimizer.adam = {}\n"
    )
    functions = run(tmp_path, "functions", text)
    said = {
        name: CliRunner().invoke(cli, ["compare", str(folder_of), str(folder_of)]).output
        for name, folder_of in (("function", functions), ("data set", folder / "first"))
    }
    for name, output in said.items():
        (header,) = [line for line in output.splitlines() if "change" in line and "p (Holm)" in line]
        assert header.split("  ")[1] == name
    assert "data set" not in said["function"]


@pytest.mark.slow
def test_the_verbs_json_is_the_functions(folder: Path) -> None:
    args = ["compare", str(folder / "first"), str(folder / "longer")]
    comparison = json.loads(CliRunner().invoke(cli, [*args, "--json"]).output, parse_constant=pytest.fail)
    assert comparison == json.loads(json.dumps(compare_runs(*args[1:])))
    assert comparison["schema"] == 1
    assert not any(math.isnan(row["effect"]) for row in comparison["scores"])


def test_what_is_no_finished_run_is_one_line(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["compare", str(folder / "first"), str(tmp_path / "none")])
    assert result.exit_code == 2
    assert result.stderr == f"annx: {tmp_path / 'none'} is no run folder: it has no plan.json.\n"
    shutil.copytree(folder / "first", tmp_path / "begun")
    with Store(tmp_path / "begun" / "trials.sqlite") as store:
        store.delete(row.key for row in store.planned("report"))
    result = CliRunner().invoke(cli, ["compare", str(tmp_path / "begun"), str(folder / "first")])
    assert result.exit_code == 2
    assert result.stderr.startswith(
        f"annx: {tmp_path / 'begun'} has no report trials yet; let 'annx sweep' go on"
    )
    assert result.stderr.count("\n") == 1
