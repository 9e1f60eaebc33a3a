"""[metrics.NAME]: hyperparameters of metrics, from the file to the scores."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_factory import SMALL, load, plan, registry
from trial_factory import make_trial

from anncore.contract.errors import ExperimentError
from anncore.contract.trial import Train
from anncore.engine.training import train_stack

REGRESSION = "# Q?\n[dataset.friedman]\n[optimizer.sgd]\n"


def test_values_reach_the_trials_and_their_keys(tmp_path: Path) -> None:
    text = SMALL + '[metrics.expected_calibration_error]\nbins = 10\n[metrics."annx:cohen_kappa"]\n'
    trials = [*plan(tmp_path, text).tune()]
    assert trials[0].train.metrics == {"annx:expected_calibration_error": {"bins": 10}}
    assert trials[0].train.to_json()["metrics"] == {"annx:expected_calibration_error": {"bins": 10}}
    plain = [trial.key for trial in plan(tmp_path, SMALL).tune()]
    assert not {trial.key for trial in trials} & {*plain}
    as_default = SMALL + "[metrics.expected_calibration_error]\nbins = 15\n"
    assert [trial.key for trial in plan(tmp_path, as_default).tune()] == plain
    assert "metrics" not in Train().to_json()


def test_values_change_the_score() -> None:
    values = {"annx:pinball": {"level": 0.9}}
    options = {"dataset": ("friedman", {"n": 60}), "output": "identity", "loss": "mse", "steps": 2}
    trial = make_trial(registry(), **options, metrics=values)
    result, plain = (train_stack([one], registry())[0] for one in (trial, make_trial(registry(), **options)))
    assert plain.metrics["test_pinball"] == pytest.approx(plain.metrics["test_mae"] / 2, rel=1e-12)
    assert result.metrics["test_pinball"] != plain.metrics["test_pinball"]
    assert result.metrics["test_mae"] == plain.metrics["test_mae"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[metrics.expected_calibration_eror]\nbins = 3", "Did you mean 'expected_calibration_error'?"),
        (
            "[metrics.expected_calibration_error]\nbins = 0",
            "bins must be a whole number in [1, 1000000], got 0",
        ),
        (
            "[metrics.expected_calibration_error]\nbin = 3",
            "unknown key 'bin' in [metrics.expected_calibration",
        ),
        ("[metrics.expected_calibration_error]\nbins = [5, 10]", "bins must be a whole number"),
        ("[metrics.cohen_kappa]\nweights = 'square'", "weights must be one of"),
        ("[metrics.accuracy]", "accuracy has no hyperparameters; leave the section out"),
        (
            "[metrics]\ncohen_kappa = 3",
            "cohen_kappa must be a table with the metric's hyperparameters, got 3",
        ),
        ("[[metrics]]", "[metrics] must be a table"),
        ("[metric.cohen_kappa]", "Did you mean 'metrics'?"),
        (
            "[metrics.cohen_kappa]\n[metrics.'annx:cohen_kappa']",
            "[metrics] annx:cohen_kappa has a second table; keep one",
        ),
        (
            "[metrics.pinball]\nlevel = 0.9",
            "pinball is for regression tasks, and no data set is of such a task",
        ),
    ],
)
def test_what_a_metric_cannot_be_given(tmp_path: Path, section: str, message: str) -> None:
    with pytest.raises(ExperimentError) as error:
        plan(tmp_path, f"{SMALL}{section}\n")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError) as error:
        load(tmp_path, SMALL + "[metrics.cohen_kappa]\nweights = 1\n[metrics.top_k]\nk = 0\n")
    assert "cohen_kappa: weights" in str(error.value)
    assert "top_k: k" in str(error.value)


def test_an_objective_has_no_metrics(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"\[metrics\] has no meaning for an objective"):
        load(tmp_path, "# Q?\n[objective.rosenbrock]\n[optimizer.sgd]\n[metrics.pinball]\nlevel = 0.9\n")


def test_values_are_for_the_task_of_some_data_set(tmp_path: Path) -> None:
    text = REGRESSION + "[metrics.pinball]\nlevel = 0.9\n"
    trials = [*plan(tmp_path, text).report()]
    assert trials[0].train.metrics == {"annx:pinball": {"level": 0.9}}
