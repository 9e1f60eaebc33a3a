"""What only these functions promise: published starts and minima, rates of descent, levels of noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, strategies as st
from shipped import REGISTRY
from trial_factory import make_objective_trial

from anncore import build
from anncore.engine.training import train_stack
from anncore.testing import Check, parametrize_with_checks

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "objectives.json").read_text())
FUNCTIONS = {
    "rosenbrock": ("rosenbrock", {}),
    "quadratic_1e3": ("quadratic", {"condition": 1000.0}),
    "beale": ("beale", {}),
    "himmelblau": ("himmelblau", {}),
}


@parametrize_with_checks(REGISTRY.of_kind("objective"))
def test_conformance(check: Check) -> None:
    check()


def objective(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("objective", name).cls, **values)


def at(point: Any) -> np.ndarray:
    return np.asarray(point, float).reshape(1, 1, -1)


def hessian(function: Any, point: Any) -> np.ndarray:
    """Central differences of the gradient."""
    x, step = at(point), 1e-6
    rows = []
    for i in range(x.shape[2]):
        moved = np.zeros_like(x)
        moved[0, 0, i] = step
        rows.append((function.grad(x + moved) - function.grad(x - moved))[0, 0] / (2 * step))
    return np.array(rows)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_start_minimum_and_curvature_are_the_published_ones(name: str) -> None:
    component, values = FUNCTIONS[name]
    function, golden = objective(component, **values), GOLDEN[name]
    start = function.start(np.random.default_rng(0))
    np.testing.assert_allclose(start, golden["start"], rtol=1e-15)
    np.testing.assert_allclose(function.value(at(start)), golden["f_start"], rtol=1e-14)
    np.testing.assert_allclose(function.value(at(golden["minimum"])), golden["f_min"], atol=1e-15)
    np.testing.assert_allclose(function.grad(at(golden["minimum"])), 0, atol=1e-14)
    eigenvalues = np.linalg.eigvalsh(hessian(function, golden["minimum"]))
    np.testing.assert_allclose(eigenvalues, golden["hess_eig"], rtol=1e-6)


def test_himmelblau_s_minima_are_where_its_parabolas_cross() -> None:
    """x₂ = 11 - x₁² in x₁ + x₂² = 7 leaves x₁⁴ - 22 x₁² + x₁ + 114 = 0."""
    minima = objective("himmelblau").minimum
    np.testing.assert_allclose(np.sort(minima[:, 0]), np.sort(np.roots([1, 0, -22, 1, 114]).real), rtol=1e-13)
    np.testing.assert_allclose(minima[:, 1], 11 - minima[:, 0] ** 2, rtol=1e-13)


def test_himmelblau_s_hilltop_is_as_high_as_published() -> None:
    """Its only local maximum, to six digits: (-0.270845, -0.923039), where f = 181.617."""
    function = objective("himmelblau")
    assert float(function.value(at([-0.270845, -0.923039]))[0]) == pytest.approx(181.617, abs=5e-4)
    np.testing.assert_allclose(function.grad(at([-0.270845, -0.923039])), 0, atol=1e-4)


def test_beale_is_level_along_its_start_and_low_towards_minus_infinity() -> None:
    """At x₂ = 1 nothing of x₁ is left: 1.5² + 2.25² + 2.625² = 14.203125."""
    values = objective("beale").value(np.array([[[x, 1.0]] for x in (-7.0, 0.0, 4.0)]))
    np.testing.assert_array_equal(values, 14.203125)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=9))
def test_rosenbrock_is_scipys(point: list[float]) -> None:
    function = objective("rosenbrock", dimensions=len(point))
    np.testing.assert_allclose(function.value(at(point))[0], scipy.optimize.rosen(point), rtol=1e-12)
    np.testing.assert_allclose(
        function.grad(at(point))[0, 0], scipy.optimize.rosen_der(np.array(point)), rtol=1e-12, atol=1e-9
    )


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("condition", [10.0, 1000.0])
def test_descent_at_the_best_fixed_rate_contracts_by_k_minus_1_over_k_plus_1(
    condition: float, rotated: bool
) -> None:
    """From (±1, ±1) in the eigenvectors every step shrinks x by (k - 1) / (k + 1), f by its square."""
    trial = make_objective_trial(
        REGISTRY,
        objective=("quadratic", {"condition": condition, "rotated": rotated}),
        optimizer=("sgd", {"lr": 2 / (1 + condition)}),
        steps=60,
        eval_every=1,
        dtype="float64",
    )
    (result,) = train_stack([trial], REGISTRY)
    losses = np.array(result.curves["train_loss"])
    want = ((condition - 1) / (condition + 1)) ** 2
    np.testing.assert_allclose(losses[1:] / losses[:-1], want, rtol=1e-9)


@given(st.integers(0, 5), st.integers(2, 8), st.floats(1, 1e6))
def test_rotated_it_is_the_same_function_seen_from_another_side(
    seed: int, dimensions: int, condition: float
) -> None:
    shared = {"dimensions": dimensions, "condition": condition}
    plain = objective("quadratic", **shared)
    turned = objective("quadratic", rotated=True, rotation_seed=seed, **shared)
    starts = [function.start(np.random.default_rng(0)) for function in (plain, turned)]
    np.testing.assert_allclose(turned.value(at(starts[1])), plain.value(at(starts[0])), rtol=1e-9)
    eigenvalues = np.linalg.eigvalsh(hessian(turned, np.zeros(dimensions)))
    np.testing.assert_allclose(eigenvalues, np.geomspace(1, condition, dimensions), rtol=1e-6)


def test_a_method_that_scales_each_argument_loses_by_rotation_and_descent_does_not() -> None:
    def final(optimizer: Any, rotated: bool) -> float:
        trial = make_objective_trial(
            REGISTRY,
            objective=("quadratic", {"condition": 1e4, "rotated": rotated}),
            optimizer=optimizer,
            steps=300,
            dtype="float64",
        )
        return train_stack([trial], REGISTRY)[0].metrics["test_loss"]

    descent = [final(("sgd", {"lr": 1e-4}), rotated) for rotated in (False, True)]
    np.testing.assert_allclose(*descent, rtol=1e-6)
    along, across = (final(("adagrad", {"lr": 1.0}), rotated) for rotated in (False, True))
    assert across > 1e6 * along


def test_descent_comes_to_rest_at_the_level_of_its_noise() -> None:
    """E f = Σ lr h / (2 batch (2 - lr h)), by hand from x ← (1 - lr h) x + lr √(h / batch) ε."""
    rate, batch, h = 0.5, 4.0, 1 / np.arange(1, 9)
    trials = [
        make_objective_trial(
            REGISTRY,
            objective=("noisy_quadratic", {"dimensions": 8, "batch": batch}),
            optimizer=("sgd", {"lr": rate}),
            seed=seed,
            steps=3000,
            eval_every=20,
            dtype="float64",
        )
        for seed in range(40)
    ]
    curves = np.array([result.curves["valid_loss"] for result in train_stack(trials, REGISTRY)])
    want = (rate * h / (2 * batch * (2 - rate * h))).sum()
    resting = curves[:, 20:].mean(axis=1)
    assert abs(resting.mean() - want) < 4 * resting.std() / np.sqrt(len(trials))
    assert resting.std() / np.sqrt(len(trials)) < 0.02 * want


def test_the_model_s_first_curvature_is_1_and_its_start_standard_normal() -> None:
    function = objective("noisy_quadratic", dimensions=4)
    unit = np.eye(4)[:, None, :]
    np.testing.assert_allclose(function.value(unit), [1 / 2, 1 / 4, 1 / 6, 1 / 8])
    starts = np.array([function.start(np.random.default_rng(seed)) for seed in range(2000)])
    np.testing.assert_allclose(starts.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(starts.std(axis=0), 1, atol=0.1)
