from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from anncore import build, load_registry
from anncore.testing import Check, parametrize_with_checks

REGISTRY = load_registry(environ={"ANNX_PLUGINS": ""})


@parametrize_with_checks(REGISTRY.of_kind("activation"))
def test_conformance(check: Check) -> None:
    check()


def forward(name: str, z: Any, **values: Any) -> np.ndarray:
    result: np.ndarray = build(REGISTRY.get("activation", name).cls, **values).forward(np.array([[z]], float))
    return result[0, 0]


def backward(name: str, grad: Any, z: Any, **values: Any) -> np.ndarray:
    activation = build(REGISTRY.get("activation", name).cls, **values)
    z = np.array([[z]], float)
    result: np.ndarray = activation.backward(np.array([[grad]], float), z, activation.forward(z))
    return result[0, 0]


def test_sigmoid_keeps_the_digits_of_small_values() -> None:
    # 1 / (1 + exp(-z)) is 1/2 at 0 and 4/5 at log 4; far below 0 it is exp(z) to all digits.
    np.testing.assert_allclose(
        forward("sigmoid", [0, math.log(4), -100]), [0.5, 0.8, math.exp(-100)], rtol=1e-15
    )
    np.testing.assert_array_equal(forward("sigmoid", [-1e4, 1e4]), [0, 1])
    np.testing.assert_allclose(backward("sigmoid", [1, 2], [0, math.log(4)]), [0.25, 0.32], rtol=1e-15)


def test_tanh_is_the_exponential_formula() -> None:
    # tanh(log 2) = (2 - 1/2) / (2 + 1/2) = 3/5, its slope 1 - 9/25
    np.testing.assert_allclose(forward("tanh", [math.log(2)]), [0.6], rtol=1e-15)
    np.testing.assert_allclose(backward("tanh", [1], [math.log(2)]), [0.64], rtol=1e-15)


def test_relu_takes_the_subgradient_0_at_its_kink() -> None:
    np.testing.assert_array_equal(forward("relu", [-2, 0, 3]), [0, 0, 3])
    np.testing.assert_array_equal(backward("relu", [5, 5, 5], [-2, 0, 3]), [0, 0, 5])


def test_relu_does_not_hide_nan() -> None:
    assert np.isnan(forward("relu", [np.nan])).all()


def test_leaky_relu_takes_its_slope_at_its_kink_as_the_seed_says() -> None:
    np.testing.assert_allclose(forward("leaky_relu", [-2, 0, 3]), [-0.02, 0, 3])
    np.testing.assert_allclose(backward("leaky_relu", [5, 5, 5], [-2, 0, 3]), [0.05, 0.05, 5])


@pytest.mark.parametrize(
    ("preset", "slope"), [("seed", 0.01), ("torch", 0.01), ("keras", 0.3), ("flux", 0.01)]
)
def test_leaky_relu_presets(preset: str, slope: float) -> None:
    np.testing.assert_allclose(forward("leaky_relu", [-1], preset=preset), [-slope])


def test_softmax_of_logarithms_is_proportional() -> None:
    z = np.log([1, 2, 5])
    np.testing.assert_allclose(forward("softmax", z), [0.125, 0.25, 0.625], rtol=1e-15)
    np.testing.assert_allclose(forward("softmax", z + 1000), [0.125, 0.25, 0.625], rtol=1e-12)
    # Jacobian row by hand: a_i (δ_ij - a_j) for i = 2
    by_hand = [-0.25 * 0.125, 0.25 * 0.75, -0.25 * 0.625]
    np.testing.assert_allclose(backward("softmax", [0, 1, 0], z), by_hand, rtol=1e-14)


def test_identity_is_identity() -> None:
    np.testing.assert_array_equal(forward("identity", [-2, 0, 3]), [-2, 0, 3])
    np.testing.assert_array_equal(backward("identity", [1, 2, 3], [-2, 0, 3]), [1, 2, 3])


def test_relu_is_the_default() -> None:
    assert REGISTRY.default("activation").name == "relu"
