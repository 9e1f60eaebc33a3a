from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from results_factory import make_results

from anncore.evidence.cautions import audit, selection_gap
from anncore.evidence.study import Study, blocked_arms, by_data_set


def kinds(study: Study, pairs: int = 1) -> list[str]:
    return [warning.kind for warning in audit(study, pairs)]


def test_costs_are_logarithms_of_losses_and_infinite_where_diverged() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return {("adam", 100): "diverged", ("adam", 101): "failed"}.get((arm, seed), "ok")

    study = Study(make_results(("sgd", "adam"), ("xor",), status=status, score=lambda *_: 0.5))
    costs = study.costs("xor")
    assert costs.loc[100, "adam"] == math.inf
    assert np.isnan(costs.loc[101, "adam"])
    np.testing.assert_allclose(costs["sgd"], math.log(0.525))
    assert blocked_arms(study, "xor") == {"adam": "1 failed of 10 trials"}


def test_what_blocks_an_arm_is_counted_in_words() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return "timeout" if arm == "adam" else "ok"

    study = Study(make_results(("sgd", "adam"), ("xor",), status=status, seeds=(100,)))
    assert blocked_arms(study, "xor") == {"adam": "1 timed out of 1 trial"}


def test_accuracy_is_a_share_where_more_is_better() -> None:
    study = Study(make_results(metric="valid_accuracy", goal="max", regression=()))
    measure = study.measures["xor"]
    assert (measure.column, measure.scale, measure.goal) == ("test_accuracy", "unit", "max")
    np.testing.assert_array_equal(measure.cost([0.25]), [-0.25])


def test_mixed_tasks_fall_back_to_their_own_primary_metric() -> None:
    study = Study(make_results(metric="valid_accuracy", goal="max", regression=("sine",)))
    assert study.measures["sine"].column == "test_rmse"
    assert study.measures["xor"].column == "test_accuracy"
    costs, scale = by_data_set(study)
    assert scale == "range"
    assert costs.min(axis=1).eq(0).all()
    assert costs.max(axis=1).eq(1).all()


def test_variants_of_a_data_set_are_one_unit() -> None:
    names = {"moons noise=0.1": "moons", "moons noise=0.3": "moons"}
    study = Study(make_results(problems=("moons noise=0.1", "moons noise=0.3", "xor"), datasets=names))
    costs, _ = by_data_set(study)
    assert list(costs.index) == ["moons", "xor"]
    one = np.mean([study.costs(p)["adam"].mean() for p in study.problems[:2]])
    np.testing.assert_allclose(costs.loc["moons", "adam"], one)


def test_without_tuning_every_configuration_is_an_arm() -> None:
    study = Study(make_results(("sgd", "adam"), ("xor",), tune_seeds=(), rates=(0.1, 1.0)))
    assert study.arms == ("sgd (lr=0.1)", "sgd (lr=1)", "adam (lr=0.1)", "adam (lr=1)")
    assert "not_tuned" in kinds(study)


def test_trials_that_have_not_run_are_seen() -> None:
    results = make_results(("sgd", "adam"), ("xor",))
    lost = (results.trials["arm"] == "adam") & (results.trials["seed"] == 105)
    results = replace(results, trials=results.trials[~lost].reset_index(drop=True))
    study = Study(results)
    assert study.statuses("xor").loc[105, "adam"] == "not run"
    assert "incomplete" in kinds(study)


def test_audit_of_a_clean_sweep_is_empty() -> None:
    problems = tuple(f"set{i}" for i in range(10))
    assert kinds(Study(make_results(("sgd", "adam"), problems, rates=(0.01, 0.1, 1.0), steps=20))) == []


def test_audit_names_each_trap() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return {("adam", 100): "crashed", ("sgd", 100): "diverged"}.get((arm, seed), "ok")

    results = make_results(("sgd", "adam"), ("xor", "iris"), seeds=(100, 101), status=status)
    results.selection["edge"] = True
    results.selection["tune_score"] /= 2
    tune = results.trials["phase"] == "tune"
    drop = tune & (results.trials["arm"] == "sgd") & (results.trials["config"] == "lr=0.001")
    results = replace(results, trials=results.trials[~drop].reset_index(drop=True), planned=None)
    warnings = {warning.kind: warning.text for warning in audit(Study(results), 1)}
    assert set(warnings) == {
        "failures",
        "diverged",
        "unequal_budgets",
        "edge",
        "few_seeds",
        "few_data_sets",
        "selection_gap",
    }
    assert "sgd 3 and adam 4" in warnings["unequal_budgets"]
    assert warnings["few_seeds"] == (
        "2 report seeds cannot separate 1 pair of arms: the smallest possible p is 0.5. 6 seeds would be "
        "enough."
    )
    assert "2 of 32 trials did not finish (2 crashed; adam)" in warnings["failures"] or (
        "(2 crashed; adam)" in warnings["failures"]
    )


def test_audit_names_what_was_tuned_for_some_arms_only() -> None:
    results = make_results(("sgd", "momentum", "adam"), ("xor", "iris"))
    tune = results.trials["phase"] == "tune"
    fixed = tune & (results.trials["arm"] == "adam") & (results.trials["config"] != "lr=0.01")
    results = replace(results, trials=results.trials[~fixed].reset_index(drop=True), planned=None)
    # A hyperparameter that only one arm has, and one that no arm tuned, confound nothing.
    results.trials["optimizer.momentum"] = np.where(
        results.trials["arm"] == "momentum", results.trials["seed"] / 7, np.nan
    )
    results.trials["optimizer.eps"] = 1e-8
    # A metric per layer is none.
    results.trials["train_gradient_norm.1"] = np.where(
        results.trials["arm"] == "adam", 1.0, results.trials["seed"] / 7
    )
    (text,) = [w.text for w in audit(Study(results), 3) if w.kind == "confounded"]
    assert text == (
        "optimizer.lr was tuned for sgd and momentum, but not for adam: the tuning may explain part of any "
        "difference between them."
    )


def test_audit_names_a_target_that_nobody_fixed() -> None:
    untuned = {"tune_seeds": (), "rates": (0.1,), "steps": 20}
    assert "target" in kinds(Study(make_results(("sgd", "adam"), ("xor",), **untuned)))
    half = make_results(("sgd", "adam"), ("xor", "iris"), report={"target": {"iris": 0.1}}, **untuned)
    (text,) = [caution.text for caution in audit(Study(half), 1) if caution.kind == "target"]
    assert text.startswith("No target was fixed beforehand for xor: ")
    named = make_results(("sgd", "adam"), ("xor",), report={"target": 0.1}, **untuned)
    assert "target" not in kinds(Study(named))
    assert "target" not in kinds(Study(make_results(("sgd", "adam"), ("xor",), steps=20)))


def test_selection_gap_is_the_mean_log_ratio_of_fresh_to_tuning_score() -> None:
    results = make_results(("sgd",), ("xor",), score=lambda *_: 0.3)
    results.selection["tune_score"] = 0.2
    gap, scale, n = selection_gap(Study(results))
    np.testing.assert_allclose(gap, np.log(1.5))
    assert (scale, n) == ("log", 1)
