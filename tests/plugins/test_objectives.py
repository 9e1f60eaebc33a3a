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

from anncore import ComponentError, build, derivative
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


# games


def distances(optimizer: Any, steps: int, **values: Any) -> np.ndarray:
    """Return the distance to the equilibrium of the bilinear game after each step from (1, 1)."""
    trial = make_objective_trial(
        REGISTRY,
        objective=("bilinear_game", values),
        optimizer=optimizer,
        steps=steps,
        eval_every=1,
        dtype="float64",
    )
    (result,) = train_stack([trial], REGISTRY)
    return np.sqrt(2 * np.array(result.curves["train_loss"]))


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 1.0])
def test_descent_in_the_game_moves_away_by_the_root_of_1_plus_lr_squared(rate: float) -> None:
    """A step is x - lr y, y + lr x: a turn and a stretch of √(1 + lr²), however small the rate."""
    away = distances(("sgd", {"lr": rate}), 10)
    assert away[0] == pytest.approx(np.sqrt(2))
    np.testing.assert_allclose(away[1:] / away[:-1], np.sqrt(1 + rate**2), rtol=1e-12)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_extragradient_in_the_game_contracts_as_computed(rate: float) -> None:
    """x - lr (y + lr x): each step multiplies x + i y by 1 - lr² ± i lr."""
    away = distances(("extragradient", {"lr": rate}), 40)
    np.testing.assert_allclose(away[1:] / away[:-1], np.sqrt((1 - rate**2) ** 2 + rate**2), rtol=1e-9)


def optimistic_rate(rate: float) -> float:
    """Return the largest |λ| of z ← z - lr (2 i z - i z₋): λ² - (1 - 2 i lr) λ - i lr = 0."""
    return float(np.abs(np.roots([1, -(1 - 2j * rate), -1j * rate])).max())


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.4])
def test_optimism_in_the_game_contracts_as_computed(rate: float) -> None:
    """Daskalakis, Ilyas, Syrgkanis & Zeng 2018: it comes to rest where descent moves away."""
    away = distances(("optimistic", {"lr": rate}), 120)
    want = optimistic_rate(rate)
    assert want < 1
    assert (away[120] / away[60]) ** (1 / 60) == pytest.approx(want, rel=2e-3)
    assert optimistic_rate(0.577) < 1 < optimistic_rate(0.578)  # 1/√3, as the documentation says


def test_optimism_by_hand() -> None:
    """From (1, 1) with lr 1/4: (¾, 1¼), then g = (1¼, -¾) after (1, -1): 2 g - g₋ = (1½, -½)."""
    trial = make_objective_trial(
        REGISTRY,
        objective="bilinear_game",
        optimizer=("optimistic", {"lr": 0.25}),
        steps=2,
        eval_every=1,
        dtype="float64",
    )
    (result,) = train_stack([trial], REGISTRY)
    assert result.curves["x.1"] == (1, 0.75, 0.75 - 0.375)
    assert result.curves["x.2"] == (1, 1.25, 1.25 + 0.125)


@pytest.mark.parametrize(("rate", "falls"), [(0.3, True), (0.7, True), (0.9, False)])
def test_curvature_lets_descent_find_the_equilibrium_at_small_rates(rate: float, falls: bool) -> None:
    """A step multiplies the distance by √((1 - c lr)² + lr²), below 1 for lr < 2c / (1 + c²); c = ½: 0.8."""
    away = distances(("sgd", {"lr": rate}), 20, curvature=0.5)
    np.testing.assert_allclose(away[1:] / away[:-1], np.sqrt((1 - 0.5 * rate) ** 2 + rate**2), rtol=1e-9)
    assert (away[-1] < away[0]) == falls


def test_the_value_of_a_game_is_the_distance_to_the_nearest_equilibrium() -> None:
    from right.objectives import Tug

    class Two(Tug):
        minimum = np.array([[0.0, 0.0], [3.0, 4.0]])  # type: ignore[assignment]

    x = np.array([[[1.0, 2.0]], [[3.0, 5.0]]], dtype="float32")
    values = Two().value(x)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [2.5, 0.5])

    class Nowhere(Tug):
        minimum = None  # type: ignore[assignment]

    with pytest.raises(
        ComponentError, match="tug: a game must name its equilibrium as minimum, or write val"
    ):
        Nowhere().value(x)


def test_the_derivative_of_a_game_is_that_of_its_payoff() -> None:
    derivatives = derivative(REGISTRY.get("objective", "bilinear_game").cls)
    assert list(derivatives) == ["∂payoff/∂x"]
