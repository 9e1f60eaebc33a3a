"""[report] success: what it may say, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_factory import load

from anncore.contract.errors import ExperimentError
from anncore.experiment.plan import make_plan


@pytest.mark.parametrize(
    ("success", "message"),
    [
        ("1", 'success must be a table such as { metric = "test_accuracy", at_least = 0.99 }, got 1'),
        ("{ metric = 'test_accuracy' }", "needs a limit, as in"),
        ("{ at_least = 1, at_most = 2 }", "at_least and at_most are both given; keep one"),
        ("{ at_most = true }", "at_most must be a number, or a table with a number for each data set"),
        ("{ at_most = {} }", "at_most must be a number, or a table with a number for each data set"),
        ("{ at_most = 1, metrik = 'test_loss' }", "unknown key 'metrik' in [report.success]; known keys are"),
        ("{ at_least = 1, metric = 'test_acuracy' }", "Did you mean 'test_accuracy'?"),
        ("{ at_least = 1, metric = 'accuracy' }", "metric must be a column of the trials, got 'accuracy'"),
        ("{ at_least = 1, metric = 'test_rmse' }", "got 'test_rmse'"),  # xor is no regression
        ("{ at_most = 1, metric = 'train_dead_units' }", "got 'train_dead_units'"),  # nothing watches them
        ("{ at_most = 1, metric = 'test_accuracy' }", "is better the higher it is; write at_least in place"),
        ("{ at_least = 1 }", "test_loss is better the lower it is; write at_most in place of at_least"),
        (
            "{ at_least = 90, metric = 'test_accuracy' }",
            "at_least must be in [0, 1], where test_accuracy lies",
        ),
        ("{ at_least = 90, metric = 'test_accuracy' }", "got 90; 90 % is 0.9."),
        ("{ at_least = 1.5, metric = 'test_accuracy' }", "lies, got 1.5; 1.5 % is 0.015."),
        ("{ at_least = -1, metric = 'test_accuracy' }", "lies, got -1."),
        ("{ at_most = -0.1, metric = 'test_zero_one_error' }", "at_most must be in [0, 1]"),
        ("{ at_least = { xor = 75 }, metric = 'valid_f1' }", "got 75; 75 % is 0.75"),
        ("{ at_most = { xro = 1 } }", "a limit names 'xro', which is no data set; there are xor."),
    ],
)
def test_what_success_cannot_be(tmp_path: Path, success: str, message: str) -> None:
    text = f"# Q?\n[report]\nsuccess = {success}\n[dataset.xor]\n[optimizer.sgd]\n"
    with pytest.raises(ExperimentError) as error:
        make_plan(load(tmp_path, text))
    assert message in str(error.value)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    "success",
    [
        "{ at_most = 0.1 }",
        "{ at_most = { xor = 0.1 } }",
        "{ at_least = 0.9, metric = 'valid_accuracy' }",
        "{ at_most = 0, metric = 'train_dead_units' }",
        "{ at_least = 0.5, metric = 'train_dead_units.1' }",  # what is watched has no better side
        "{ at_most = 0.5, metric = 'train_loss' }",
    ],
)
def test_what_success_can_be(tmp_path: Path, success: str) -> None:
    watching = "[train]\nwatch = ['dead_units']\n"
    text = f"# Q?\n{watching}[report]\nsuccess = {success}\n[dataset.xor]\n[optimizer.sgd]\n"
    make_plan(load(tmp_path, text))


def test_a_success_that_only_one_network_measures_is_refused(tmp_path: Path) -> None:
    text = (
        "# Q?\nreport.success = { at_most = 0.1, metric = 'test_topographic_error' }\n"
        "dataset.unit_square.n = 50\n"
        "network.som.rows = 3\nnetwork.gan.hidden = 4\noptimizer.sgd.lr = 0.1\n"
    )
    with pytest.raises(ExperimentError) as error:
        make_plan(load(tmp_path, text))
    assert (
        "[report.success] metric 'topographic_error' is measured by networks themselves (som), and "
        in str(error.value)
    )
