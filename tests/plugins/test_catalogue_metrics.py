"""Metrics of the catalogue that look inside: effective rank, size of updates, sharpness."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sameness import trained_the_same
from shipped import REGISTRY
from trial_factory import given_data, make_trial

from anncore import Layer, Moment, build
from anncore.contract.kinds import ProbingMetric
from anncore.engine.evaluation import Evaluator
from anncore.engine.network_stack import Stack
from anncore.engine.training import train_stack

WATCH = ("annx:effective_rank", "annx:sharpness", "annx:update_to_weight_ratio")


def ranks(*activations: Any) -> dict[str, list[float]]:
    layers = [
        Layer(f"W{i}", np.asarray(a, float), np.asarray(a, float)) for i, a in enumerate(activations, 1)
    ]
    layers.append(Layer("W9", np.zeros((len(activations[0]), 3, 1))))
    scores = build(REGISTRY.get("metric", "effective_rank").cls).score(layers, {}, {})
    return {suffix: values.tolist() for suffix, values in scores.items()}


def test_equal_directions_count_fully_and_one_direction_is_one() -> None:
    one = np.outer([1, 2, 3], [4, 5, 6])
    scores = ranks([np.eye(3), one, 1e200 * np.eye(3), np.zeros((3, 3))], [one, one, one, np.eye(3)])
    assert scores["1"] == pytest.approx([3, 1, 3, 0], abs=1e-12)
    assert scores["2"] == pytest.approx([1, 1, 1, 3], abs=1e-12)
    assert scores[""] == scores["2"]


def test_singular_values_of_three_and_one_have_the_rank_of_their_entropy() -> None:
    # p = 3/4 and 1/4: exp(-(3/4) log(3/4) - (1/4) log(1/4)) = 4 / 3^(3/4)
    assert ranks([[[3, 0], [0, 1], [0, 0]]])[""] == pytest.approx([4 / 3**0.75], rel=1e-14)


def test_a_rank_of_what_is_not_finite_is_nan_and_leaves_its_neighbour_alone() -> None:
    scores = ranks([[[1, 0], [0, math.nan]], [[1, 0], [0, 1]], [[math.inf, 0], [0, 1]]])
    assert scores["1"] == pytest.approx([math.nan, 2, math.nan], nan_ok=True)


def sharpness(diagonals: Any, at: float = 0.0, **values: Any) -> list[float]:
    """Return the sharpness of Σ d θ² / 2 of some trials, each with its own d."""
    d = np.array(diagonals, float)[:, None, :]
    theta = np.full(d.shape, at)
    moment = Moment(
        [Layer("W", np.zeros((len(d), 2, 1)))],
        {"W": theta},
        {"W": d * theta},
        None,
        lambda weights: {"W": d * weights["W"]},
    )
    metric: ProbingMetric = build(REGISTRY.get("metric", "sharpness").cls, **values)
    return metric.score(moment)[""].tolist()


def test_the_sharpness_of_a_quadratic_is_its_largest_curvature() -> None:
    assert sharpness([[1, 7, 2], [0.5, 0.1, 0]], 0.3) == pytest.approx([7, 0.5], rel=1e-8)
    assert sharpness([[0, 0, 0]]) == [0]


def test_a_negative_curvature_of_larger_size_does_not_hide_the_largest() -> None:
    both = sharpness([[2, -9, 1], [1, 7, 2], [-3, -1, -2]], iterations=200)
    assert both == pytest.approx([2, 7, -1], rel=1e-8)
    assert sharpness([[1, 7, 2]], iterations=200) == both[1:2]  # whatever its neighbours need


@pytest.mark.parametrize(
    ("diagonal", "largest"),
    [([3, -3, 1, -1], 3), ([3, -2.9, 1], 3), ([-3, 2.999, 1], 2.999), ([5, 4, -5, -4], 5), ([-2, -2], -2)],
)
def test_curvatures_of_one_size_and_both_signs_do_not_mix(diagonal: list[float], largest: float) -> None:
    """Linear layers near 0 have the Hessian [[0, M], [Mᵀ, 0]], with ± the singular values of M."""
    assert sharpness([diagonal], iterations=60) == pytest.approx([largest], rel=1e-4)


def test_without_a_gradient_or_with_weights_of_nan_there_is_no_sharpness() -> None:
    assert sharpness([[1, 2]], math.nan) == pytest.approx([math.nan], nan_ok=True)
    moment = Moment([Layer("W", np.zeros((2, 3, 1)))], {}, {})
    scores = build(REGISTRY.get("metric", "sharpness").cls).score(moment)
    assert scores[""].tolist() == pytest.approx([math.nan] * 2, nan_ok=True)


def test_the_sharpness_of_a_linear_network_is_the_largest_eigenvalue_of_its_inputs() -> None:
    # ℓ = (w x + b - y)²: the Hessian is 2 / N Σ (x, 1)(x, 1)ᵀ, whatever the weights are.
    x, y = np.array([[1.0, 2], [3, 4], [0, 1]]), np.ones((3, 1))
    trial = make_trial(
        REGISTRY,
        network=("mlp", {"hidden": []}),
        loss="mse",
        output="identity",
        watch=WATCH[1:2],
        dtype="float64",
    )
    stack = Stack([trial], REGISTRY, [given_data(x, y)])
    stack.initialize()
    metric = build(REGISTRY.get("metric", "sharpness").cls)
    [value] = Evaluator(stack).watched([metric], (1, 1))["train_sharpness"]
    inputs = np.column_stack([x, np.ones(3)])
    assert value == pytest.approx(np.linalg.eigvalsh(2 / 3 * inputs.T @ inputs)[-1], rel=1e-8)


def test_the_update_of_plain_descent_is_the_rate_times_the_gradient() -> None:
    options = {"batch_size": "full", "steps": 3, "eval_every": 1, "dtype": "float64", "eval_train": "all"}
    trial = make_trial(
        REGISTRY,
        optimizer=("sgd", {"lr": 0.25}),
        watch=("annx:gradient_norm", "annx:update_to_weight_ratio"),
        **options,
    )
    [result] = train_stack([trial], REGISTRY)
    ratios = {key: curve for key, curve in result.curves.items() if "ratio" in key}
    assert [*ratios] == [f"train_update_to_weight_ratio{suffix}" for suffix in ("", ".1", ".2", ".3")]
    assert all(math.isnan(curve[0]) for curve in ratios.values())  # no update yet
    # ‖ΔW‖ of the next step is lr times the gradient's norm now; so the weights' norms follow from the ratios.
    lengths = [
        0.25 * result.curves["train_gradient_norm.1"][t] / ratios["train_update_to_weight_ratio.1"][t + 1]
        for t in range(3)
    ]
    stack = Stack([trial], REGISTRY, [_data(trial)])
    stack.initialize()
    first = stack.weights["W1"]
    assert lengths[0] == pytest.approx(float(np.sqrt((first * first).sum())), rel=1e-10)
    assert lengths == pytest.approx([lengths[0]] * 3, rel=0.2)  # which change slowly


def _data(trial: Any) -> Any:
    from anncore.engine.datasets import prepare

    return prepare(trial.parts["dataset"], trial.split, 0, trial.seed, REGISTRY, "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probing_is_the_same_alone_and_in_any_stack(dtype: str) -> None:
    trials = [
        make_trial(
            REGISTRY,
            activation=activation,
            optimizer=optimizer,
            seed=seed,
            watch=WATCH,
            dtype=dtype,
            steps=4,
            eval_every=2,
            metrics={"annx:sharpness": {"iterations": 3}},
        )
        for activation in ("relu", "tanh")
        for seed, optimizer in ((0, ("adam", {"lr": 0.03})), (0, ("sgd", {"lr": 1e6})))
    ]
    for result in trained_the_same(trials, REGISTRY):
        assert len(result.curves["train_sharpness"]) == len(result.steps)


def test_looking_changes_nothing_of_the_training() -> None:
    plain, watched = make_trial(REGISTRY, steps=20), make_trial(REGISTRY, steps=20, watch=WATCH)
    [without], [with_] = train_stack([plain], REGISTRY), train_stack([watched], REGISTRY)
    assert {name: with_.curves[name] for name in without.curves} == without.curves
    assert {name: with_.metrics[name] for name in without.metrics} == without.metrics


def test_an_iteration_more_or_less_is_a_setting_of_the_experiment() -> None:
    few, many = (
        make_trial(REGISTRY, steps=2, watch=WATCH[1:2], metrics={"annx:sharpness": {"iterations": n}})
        for n in (1, 40)
    )
    assert few.key != many.key
    values = [train_stack([trial], REGISTRY)[0].curves["train_sharpness"][0] for trial in (few, many)]
    assert values[0] < values[1]
