"""`annx verify`: finished trials come out the same, and what does not is named with both numbers."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sweep_factory import TUNED, load

from anncore import StoreError
from anncore.cli.group import cli
from anncore.contract.engine_version import numeric_environment
from anncore.contract.trial import Trial, TrialResult
from anncore.experiment.plan import Plan
from anncore.running.run_folder import RunFolder
from anncore.running.store import Store
from anncore.running.sweep import sweep
from anncore.running.verify import Verified, difference
from anncore.running.verify_folder import verify_folder

TRIALS = 2 * 5 + 2 * 3  # five configurations on two seeds, two arms on three
FINISHED = TRIALS + 2  # of the arm that diverges on both seeds, nothing is left to report
Change = Callable[[TrialResult], TrialResult]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    diverging = 'optimizer.trouble = { how = "nan" }\n'
    sweep(load(folder, TUNED + diverging), out=folder / "run", executor="serial")
    return folder


@pytest.fixture
def run(swept: Path, tmp_path: Path) -> Path:
    shutil.copytree(swept / "run", tmp_path / "run")
    return tmp_path / "run"


def verified(run: Path, **how: Any) -> Verified:
    return verify_folder(run, executor="serial", **{"sample": 100, **how})


def annx(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["verify", *map(str, args), "--executor", "serial"])
    assert result.exit_code == code, result.output
    return result


def planned(run: Path) -> Iterator[Trial]:
    experiment = RunFolder(run).experiment()
    plan = Plan(experiment, RunFolder(run).shapes())
    yield from plan.tune()
    yield from plan.report()


def changed(run: Path, arm: str, change: Change) -> str:
    """Change what the store keeps of one report trial of an arm; return its key."""
    with Store(run / "trials.sqlite") as store:
        trials = {trial.key: trial for trial in planned(run) if (trial.arm, trial.phase) == (arm, "report")}
        result = next(iter(sorted(store.results(trials))))
        store.add([(trials[result.key], change(result))])
    return result.key


def other_loss(factor: float, **more: Any) -> Change:
    def change(result: TrialResult) -> TrialResult:
        loss = result.metrics["test_loss"] * factor
        return result._replace(metrics={**result.metrics, "test_loss": loss}, **more)

    return change


def elsewhere() -> str:
    return json.dumps({**json.loads(numeric_environment()), "blas": "another 1.0"})


def test_every_trial_comes_out_the_same_diverged_ones_too(swept: Path) -> None:
    outcome = verified(swept / "run")
    assert (outcome.finished, outcome.count("bits"), outcome.unchecked) == (FINISHED, FINISHED, ())
    assert outcome.left == {}
    assert {one.elsewhere for one in outcome.checked} == {False}


def test_a_seed_draws_the_same_trials_again_and_none_draws_others(swept: Path) -> None:
    keys = [[one.row.key for one in verified(swept / "run", sample=3, seed=7).checked] for _ in range(2)]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3
    assert verified(swept / "run", sample=1).seed != verified(swept / "run", sample=1).seed


def test_one_last_bit_deviates_in_the_same_environment(run: Path) -> None:
    key = changed(
        run,
        "adam",
        lambda one: one._replace(
            metrics={**one.metrics, "test_loss": math.nextafter(one.metrics["test_loss"], 9.0)}
        ),
    )
    (other,) = (one for one in verified(run).checked if one.sameness != "bits")
    assert (other.row.key, other.what, other.more, other.elsewhere) == (key, "test_loss", 0, False)
    assert other.kept == math.nextafter(float(other.again), 9.0)


def test_a_number_on_the_way_deviates_too(run: Path) -> None:
    def bent(one: TrialResult) -> TrialResult:
        first, *rest = one.curves["train_loss"]
        return one._replace(curves={**one.curves, "train_loss": (2 * first, *rest)})

    changed(run, "sgd", bent)
    (other,) = (one for one in verified(run).checked if one.sameness != "bits")
    assert other.what == "train_loss at step 0"
    assert other.kept == 2 * float(other.again)


@pytest.mark.parametrize(("factor", "sameness"), [(1.001, "tolerance"), (1.05, "other")])
def test_elsewhere_the_final_metrics_agree_within_the_tolerance(
    run: Path, factor: float, sameness: str
) -> None:
    key = changed(run, "adam", other_loss(factor, environment=elsewhere()))
    outcome = {one.row.key: one for one in verified(run).checked}
    assert (outcome[key].sameness, outcome[key].elsewhere) == (sameness, True)
    assert {one.sameness for name, one in outcome.items() if name != key} == {"bits"}
    assert verified(run, tolerance=0.1).count("other") == 0


def test_a_status_that_differs_deviates(run: Path) -> None:
    changed(run, "adam", lambda one: one._replace(status="diverged"))
    (other,) = (one for one in verified(run).checked if one.sameness != "bits")
    assert (other.what, other.kept, other.again) == ("status", "diverged", "ok")


def test_what_failed_is_counted_and_not_drawn(run: Path) -> None:
    changed(run, "sgd", lambda one: one._replace(status="crashed", metrics={}, curves={}, steps=()))
    outcome = verified(run)
    assert (outcome.finished, dict(outcome.left)) == (FINISHED - 1, {"crashed": 1})
    assert "Without numbers to compare: 1 crashed." in annx(run, "--sample", 1).stdout


def test_a_plugin_that_is_gone_is_named_and_the_rest_is_verified(swept: Path) -> None:
    (swept / "trouble.py").rename(swept / "away.py")
    try:
        outcome = verified(swept / "run")
        result = annx(swept / "run", "--sample", 100, code=1)
    finally:
        (swept / "away.py").rename(swept / "trouble.py")
    assert (outcome.count("bits"), outcome.count("other")) == (TRIALS, 0)
    assert {(row.arm, why) for row, why in outcome.unchecked} == {
        ("trouble", "optimizer trouble:trouble is not installed any more")
    }
    assert result.stdout.count("not computed again: ") == 2


def test_a_plugin_file_that_was_moved_can_be_named(swept: Path, tmp_path: Path) -> None:
    moved = tmp_path / "trouble.py"
    shutil.copy(swept / "trouble.py", moved)
    (swept / "trouble.py").rename(swept / "away.py")
    try:
        outcome = verified(swept / "run", plugins=[moved])
        elsewhere = annx(swept / "run", "--sample", 100, "--plugin", moved)
    finally:
        (swept / "away.py").rename(swept / "trouble.py")
    assert (outcome.count("bits"), outcome.unchecked) == (FINISHED, ())
    assert "not computed again" not in elsewhere.stdout
    both = verified(swept / "run", plugins=[moved])  # the sweep's own file is there too
    assert (both.count("bits"), both.unchecked) == (FINISHED, ())


def part(name: str, code: str = "", **params: Any) -> dict[str, Any]:
    return {"kind": "optimizer", "name": name, "code": code, "params": params, "refs": {}}


def described(optimizer: dict[str, Any], engine: str = "numbers 2, numpy 2.3.5") -> dict[str, Any]:
    rest = {"train": {}, "split": {}, "sweep_seed": 0, "seed": 1, "test": True}
    return {"engine": engine, "parts": {"optimizer": optimizer}, **rest}


@pytest.mark.parametrize(
    ("then", "now", "reason"),
    [
        (described(part("annx:sgd", lr=1)), described(part("annx:sgd", lr=1), "numbers 2, numpy 2.5"), ""),
        (
            described(part("annx:sgd"), "numbers 1, numpy 2.3.5"),
            described(part("annx:sgd")),
            "it was computed by annx's numbers 1, and here are numbers 2",
        ),
        (described(part("annx:lbfgs", "scipy 1")), described(part("annx:lbfgs", "scipy 2")), ""),
        (
            described(part("annx-lion:lion", "1.0+ab")),
            described(part("annx-lion:lion", "1.1+cd")),
            "optimizer annx-lion:lion was 1.0+ab and is 1.1+cd here",
        ),
        (described(part("annx:sgd", lr=1)), described(part("annx:sgd", lr=1, nesterov=False)), ""),
        (
            described(part("annx:sgd", lr=1, dampening=0)),
            described(part("annx:sgd", lr=2)),
            "optimizer annx:sgd has another lr, dampening here",
        ),
    ],
)
def test_another_version_is_another_trial_and_a_new_default_is_none(
    then: dict[str, Any], now: dict[str, Any], reason: str
) -> None:
    assert difference(then, now) == reason


def test_the_command_names_each_deviation_with_both_numbers(run: Path) -> None:
    assert annx(run, "--sample", 2, "--seed", 5).stdout == (
        "2 of 18 finished trials, drawn by --seed 5: 2 the same to the last bit.\n"
    )
    key = changed(run, "adam", other_loss(2.0))
    lines = annx(run, "--sample", 100, "--seed", 1, code=6).stdout.splitlines()
    assert lines[0] == (
        "18 of 18 finished trials, drawn by --seed 1: 17 the same to the last bit; 1 deviating."
    )
    (line,) = lines[1:]
    assert line.startswith(f"deviates: {key[:12]} report adam lr=")
    content = json.loads(annx(run, "--sample", 100, "--json", code=6).stdout)
    (other,) = (one for one in content["checked"] if one["sameness"] == "other")
    assert f"test_loss was {other['kept']!r} and is {other['again']!r}" in line
    assert other["kept"] == 2 * other["again"]
    assert (content["finished"], content["deviating"], content["not_computed"]) == (18, 1, [])


def test_a_folder_without_finished_trials_is_refused(swept: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is no run folder: it has no plan\.json\."):
        verify_folder(tmp_path)
    shutil.copytree(swept / "run", tmp_path / "run")
    with Store(tmp_path / "run" / "trials.sqlite") as store:
        store.delete([trial.key for trial in planned(tmp_path / "run")])
    message = annx(tmp_path / "run", code=5).stderr
    assert message == "annx: no trial is finished (18 not run); there is nothing to verify.\n"
