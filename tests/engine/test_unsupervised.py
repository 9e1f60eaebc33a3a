"""Data without targets, and networks with rules of their own: through the engine, the plan and a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiment_factory import plan
from right.datasets import Cloud
from right.metrics import UnusedPrototypes
from right.networks import Pulled
from shipped import REGISTRY
from trial_factory import given_data, make_trial

import anncore
from anncore import DataError, ExperimentError
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import Trial, TrialResult
from anncore.engine import snapshots
from anncore.engine.training import make_stack, train_stack
from anncore.running.component_costs import default_part


def taught() -> Registry:
    own = [
        Registered(kind, cls.name, cls, "mine", "1", "mine")
        for kind, cls in (("dataset", Cloud), ("network", Pulled), ("metric", UnusedPrototypes))
    ]
    return REGISTRY.changed(components=(*REGISTRY.components, *own))


TAUGHT = taught()


def trial(**options: Any) -> Trial:
    given = {"dataset": "cloud", "network": "pulled", "output": "identity", "loss": "mse"}
    common: dict[str, Any] = {"optimizer": ("sgd", {"lr": 1.0}), "batch_size": 8, "steps": 9, "eval_every": 3}
    return make_trial(TAUGHT, **{**given, **common, **options})


def trained(*trials: Trial) -> list[TrialResult]:
    return train_stack(trials, TAUGHT)


def test_the_other_data_set_s_file_may_not_change_after_the_plan(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("a,b,c\n" + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(30)))
    text = 'vary = ["optimizer"]\n[seeds]\nreport = [0]\n[optimizer.sgd]\n[train]\nsteps = 2\n'
    text += '[dataset.unlabelled]\ndataset = "csv"\n"dataset.path" = "points.csv"\n"dataset.target" = "c"\n'
    (planned,) = plan(tmp_path, text).report()
    (result,) = train_stack([planned], REGISTRY)
    assert result.metrics["test_reconstruction_error"] > 0
    anncore.engine.datasets._CACHE.clear()
    file.write_text(file.read_text() + "1,1,1\n")
    with pytest.raises(DataError, match="has changed since the plan was made"):
        train_stack([planned], REGISTRY)


# Rules


def test_a_rule_learns_and_its_loss_is_that_of_reconstruction() -> None:
    (result,) = trained(trial(steps=60, eval_every=60))
    start, end = result.curves["train_loss"]
    assert end < 0.7 * start
    assert result.metrics["test_quantization_error"] > result.metrics["test_reconstruction_error"] > 0


def test_trials_with_random_rules_are_bit_for_bit_the_same_in_a_stack() -> None:
    trials = [trial(seed=seed, optimizer=("sgd", {"lr": rate})) for seed in (0, 1) for rate in (1.0, 0.3)]
    trials += [trial(seed=2, optimizer=("sgd", {"lr": 1e38}))] * 4  # which diverge, so that the stack narrows
    for row, together in enumerate(trained(*trials)):
        (alone,) = trained(trials[row])
        assert repr((alone.metrics, alone.curves)) == repr((together.metrics, together.curves))
        assert alone.snapshot == together.snapshot


def test_what_looks_at_the_rule_changes_neither_weights_nor_state_nor_random_numbers() -> None:
    (plain,), (looked,) = trained(trial()), trained(trial(watch=("gradient_norm",)))
    assert {name: looked.metrics[name] for name in plain.metrics} == plain.metrics
    assert plain.snapshot == looked.snapshot
    assert looked.curves["train_gradient_norm"][0] > 0


def test_the_rule_gets_the_step_and_its_state_lasts() -> None:
    stack, _, _ = make_stack([trial(seed=seed) for seed in (0, 1)], TAUGHT)
    stack.initialize()
    for t in range(1, 10):
        stack.step(t, 9)
        assert (
            stack.weights["seen"].sum(axis=(1, 2)).tolist()
            == [8.0 * t if t < 4 else 30 * (t // 4) + 8 * (t % 4)] * 2
        )
    assert not stack.grads.any()  # 1 - t/S is 0 at the last step


def test_an_optimizer_that_asks_gets_the_rule_s_direction_and_leaves_no_trace_in_the_state() -> None:
    sam = default_part(TAUGHT, TAUGHT.get("optimizer", "sam"))
    (result,) = trained(trial(optimizer=sam, steps=20))
    assert result.curves["train_loss"][-1] < result.curves["train_loss"][0]
    stack, _, _ = make_stack([trial(optimizer=sam)], TAUGHT)
    stack.initialize()
    stack.step(1, 9)
    assert stack.weights["seen"].sum() == 8  # not 16, as if the batch had been seen twice


# What networks measure and show of themselves


def test_measures_of_the_network_are_scores_like_others() -> None:
    (result,) = trained(trial(curves=("mine:unused_prototypes",)))
    assert 0 <= result.metrics["test_unused_prototypes"] <= 1
    assert len(result.curves["valid_unused_prototypes"]) == 4
    assert "train_unused_prototypes" in result.metrics
    (other,) = trained(trial(network=("mlp", {"hidden": [2]})))
    assert not any("unused" in name for name in other.metrics)


def test_a_snapshot_is_kept_of_report_trials_with_the_examples_of_the_test() -> None:
    (result,), (tuning,) = trained(trial()), trained(trial(test=False))
    assert tuning.snapshot == b""
    shown = snapshots.read(result.snapshot)
    assert {name: array.shape for name, array in shown.arrays.items()} == {
        "prototypes": (3, 2),
        "back": (10, 2),
    }
    assert shown.x.shape == shown.y.shape == (10, 2)
    error = shown.in_units(shown.arrays["back"]) - shown.in_units(shown.x)
    assert np.sqrt((error**2).mean(axis=0)).mean() == pytest.approx(
        result.metrics["test_reconstruction_error"], rel=1e-5
    )
    assert repr(shown).startswith("<Snapshot: arrays: prototypes (3, 2), back (10, 2); features: x1, x2")


def test_a_blob_that_is_no_snapshot_is_refused() -> None:
    with pytest.raises(ValueError, match="incorrect header"):
        snapshots.read(b"what")


def test_more_numbers_than_are_kept_leave_no_snapshot() -> None:
    data, x = given_data(np.zeros((3, 2)), np.zeros((3, 1))), np.zeros((3, 2))
    assert snapshots.taken({"a": np.zeros(anncore.Snapshot.MOST)}, x, x, data)
    assert snapshots.taken({"a": np.zeros(anncore.Snapshot.MOST + 1)}, x, x, data) == b""


# From the file to the report

TEXT = """
# Is a faster rule better?
vary = ["optimizer"]
[train]
steps = 20
eval_every = 10
[seeds]
report = { start = 100, num = 3 }
[dataset.cloud]
[network.pulled]
[optimizer.slow]
use = "sgd"
lr = 0.1
[optimizer.fast]
use = "sgd"
lr = 0.9
"""


def test_a_sweep_speaks_of_reconstruction_and_keeps_snapshots(tmp_path: Path) -> None:
    own = (Cloud, Pulled, UnusedPrototypes)
    run = anncore.sweep(TEXT, components=own, out=tmp_path / "run", unchecked=True, executor="serial")
    assert run.findings["select"]["metric"] == "valid_reconstruction_error"
    assert run.findings["measures"]["cloud"]["label"] == "test reconstruction error"
    methods = str(run.findings["methods"]["paragraphs"])
    assert "The data have no targets" in methods
    assert "regression" not in methods
    assert "stratified" not in methods  # without a target there are no classes
    assert "always giving back the mean training input" in methods
    assert len(run.snapshots) == 6
    assert {"test_unused_prototypes", "test_quantization_error"} <= set(run.trials.columns)
    again = anncore.load_run(tmp_path / "run")
    assert set(again.snapshots) == set(run.snapshots)


def test_an_experiment_may_select_by_what_networks_measure_if_all_of_them_do(tmp_path: Path) -> None:
    select = '[select]\nmetric = "valid_unused_prototypes"\n'
    experiment = anncore.load_experiment(TEXT + select, registry=TAUGHT)
    assert anncore.make_plan(experiment).experiment.select == ("valid_unused_prototypes", "min")
    other = anncore.load_experiment(TEXT + "[network.mlp]\n" + select, registry=TAUGHT)
    with pytest.raises(ExperimentError) as error:
        anncore.make_plan(other)
    assert "is measured by networks themselves (pulled), and [network.mlp] does not" in str(error.value)
    assert "name another metric" in str(error.value)


def test_a_cross_entropy_needs_inputs_between_0_and_1(tmp_path: Path) -> None:
    text = TEXT.replace("cloud", "bars_and_stripes").replace("pulled", "autoencoder")
    text += "[loss.binary_cross_entropy]\n"
    with pytest.raises(ExperimentError) as error:
        plan(tmp_path, text)
    assert "'binary_cross_entropy' takes targets in [0, 1], but the inputs of 'bars_and_stripes'" in str(
        error.value
    )
    assert "set [split] standardize = false" in str(error.value)
    assert plan(tmp_path, text + "[split]\nstandardize = false\n").counts["report"] == 6


def test_a_loss_for_targets_of_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="an unsupervised task; use") as error:
        plan(tmp_path, TEXT.replace("cloud", "unlabelled").replace("pulled", "mlp") + "[loss.hinge]\n")
    assert "mse" in str(error.value)
