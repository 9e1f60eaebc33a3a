from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import ComponentError, build
from anncore.testing import Check, parametrize_with_checks


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


def test_gelu_is_z_times_the_normal_distribution() -> None:
    # Φ(1) = .8413447460685429, Φ(2) = .9772498680518208 (any table), φ(1) = exp(-1/2) / √(2π) = .2419707245
    np.testing.assert_allclose(
        forward("gelu", [-1, 0, 1, 2]), [-0.15865525393145707, 0, 0.8413447460685429, 1.9544997361036416]
    )
    slope = 0.8413447460685429 + math.exp(-0.5) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(backward("gelu", [1, 1, 2], [0, 1, -1]), [0.5, slope, 2 * (1 - slope)])


def test_gelu_keeps_the_digits_of_small_values() -> None:
    # Φ(-10) = 7.619853024160527e-24 (Mills' ratio); 1 + erf would be 0
    np.testing.assert_allclose(forward("gelu", [-10]), [-7.619853024160527e-23], rtol=1e-12)


def test_gelus_approximation_is_near_but_another_function() -> None:
    z = np.linspace(-8, 8, 4001)
    apart = np.abs(forward("gelu", z) - forward("gelu", z, approximate="tanh"))
    assert 4.7e-4 < apart.max() < 4.8e-4


@pytest.mark.parametrize(
    ("preset", "approximate"),
    [("paper", "none"), ("torch", "none"), ("keras", "none"), ("optax", "tanh"), ("flux", "tanh")],
)
def test_gelu_presets(preset: str, approximate: str) -> None:
    assert forward("gelu", [1.5], preset=preset) == forward("gelu", [1.5], approximate=approximate)


def test_selu_by_hand() -> None:
    scale, alpha = 1.0507009873554805, 1.6732632423543773
    np.testing.assert_allclose(
        forward("selu", [-math.log(2), 0, 2]), [-0.5 * scale * alpha, 0, 2 * scale], rtol=1e-15
    )
    slopes = [0.5 * scale * alpha, scale * alpha, scale]
    np.testing.assert_allclose(backward("selu", [1, 1, 1], [-math.log(2), 0, 2]), slopes, rtol=1e-15)
    np.testing.assert_allclose(forward("selu", [-1e-12]), [-1e-12 * scale * alpha], rtol=1e-11)


def test_selus_fixed_point_is_mean_0_and_variance_1() -> None:
    # Klambauer et al., section 2: of a standard normal z. Quadrature on each side of the corner.
    node, weight = np.polynomial.legendre.leggauss(100)
    half = 6 * (node + 1)
    z = np.concatenate([-half, half])
    density = np.tile(6 * weight, 2) * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    a = forward("selu", z)
    assert (density * a).sum() == pytest.approx(0, abs=1e-12)
    assert (density * a * a).sum() == pytest.approx(1, abs=1e-12)


def test_softplus_by_hand() -> None:
    # log(1 + 1) = log 2; log(1 + 3) / 2 for beta 2 and z = log 3 / 2, slope 3/4
    np.testing.assert_allclose(forward("softplus", [0]), [math.log(2)], rtol=1e-15)
    z = math.log(3) / 2
    np.testing.assert_allclose(forward("softplus", [z], beta=2), [math.log(4) / 2], rtol=1e-15)
    np.testing.assert_allclose(backward("softplus", [1], [z], beta=2), [0.75], rtol=1e-15)
    np.testing.assert_allclose(forward("softplus", [-100]), [math.exp(-100)], rtol=1e-15)
    np.testing.assert_allclose(backward("softplus", [1], [-100]), [math.exp(-100)], rtol=1e-15)


def test_softplus_is_a_line_above_its_threshold() -> None:
    z = [19.0, 20.0, 21.0]
    smooth = [19 + math.exp(-19), 20 + math.exp(-20), 21 + math.exp(-21)]  # log(1 + x) = x, to 1e-17
    np.testing.assert_allclose(forward("softplus", z), smooth, rtol=1e-15)
    np.testing.assert_allclose(forward("softplus", z, preset="torch"), [*smooth[:2], 21], rtol=0)
    np.testing.assert_array_equal(backward("softplus", [1, 1, 1], z, threshold=20)[2:], [1])
    assert forward("softplus", [11.0], beta=2, threshold=20) == 11  # beta z decides


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("gelu", 0, 1), ("selu", 0, 1.0507009873554805), ("softplus", 0, 1)],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_out_slopes_are_exactly_their_limits(name: str, low: float, high: float, dtype: str) -> None:
    activation = REGISTRY.get("activation", name).cls()
    z = np.array([[[-1e4, 1e4]]], dtype)
    slopes = activation.backward(np.ones_like(z), z, activation.forward(z))
    np.testing.assert_array_equal(slopes, np.array([[[low, high]]], dtype))


def test_prelus_slopes_by_hand() -> None:
    z, grad = np.array([[[-1.0, 2.0], [-3.0, -4.0]]]), np.array([[[1.0, 10.0], [100.0, 1000.0]]])
    for shared, slopes, expected in ((False, [0.5, 0.25], [-301, -4000]), (True, [0.5], [-4301])):
        prelu = build(REGISTRY.get("activation", "prelu").cls, shared=shared)
        weights, grads = {"slope": np.array([[slopes]])}, {"slope": np.empty((1, 1, len(slopes)))}
        a = prelu.forward(z, weights)
        np.testing.assert_array_equal(a, [[[-0.5, 2], [-1.5, -4 * slopes[-1]]]])
        back = prelu.backward(grad, z, a, weights, grads)
        np.testing.assert_array_equal(back, [[[0.5, 10], [50, 1000 * slopes[-1]]]])
        assert grads["slope"].ravel().tolist() == expected


@pytest.mark.parametrize(
    ("preset", "start", "slopes"), [("paper", 0.25, 4), ("torch", 0.25, 1), ("keras", 0.0, 4)]
)
def test_prelu_presets(preset: str, start: float, slopes: int) -> None:
    (spec,) = build(REGISTRY.get("activation", "prelu").cls, preset=preset).specs(4)
    assert (spec.initial, spec.shape) == (start, (1, slopes))


def test_rrelu_has_a_slope_for_every_number_and_the_mean_slope_in_evaluation() -> None:
    rrelu = build(REGISTRY.get("activation", "rrelu").cls)
    noise = rrelu.draw(np.random.default_rng(0), (20_000, 1))[None]
    slopes = -rrelu.forward(np.full_like(noise, -1), noise)
    assert 1 / 8 <= slopes.min() < 0.126
    assert 0.332 < slopes.max() <= 1 / 3
    assert slopes.mean() == pytest.approx(11 / 48, abs=0.002)  # five deviations of the mean: 0.002
    z = np.array([[[-48.0, 48.0]]])
    np.testing.assert_allclose(rrelu.forward(z, None), [[[-11, 48]]], rtol=1e-15)
    np.testing.assert_allclose(rrelu.backward(z / z, z, z, None), [[[11 / 48, 1]]], rtol=1e-15)


def test_rrelu_refuses_an_empty_range() -> None:
    with pytest.raises(ComponentError, match=r"rrelu: low must be at most high, 0\.2, got 0\.3"):
        build(REGISTRY.get("activation", "rrelu").cls, low=0.3, high=0.2)


def test_gates_by_hand() -> None:
    # u = 3 with v = log 4, whose sigmoid is 4/5 and its slope 4/25; the swish of log 4 is 4/5 log 4
    np.testing.assert_allclose(forward("glu", [3, math.log(4)]), [2.4], rtol=1e-15)
    np.testing.assert_allclose(forward("swiglu", [math.log(4), 3]), [2.4 * math.log(4)], rtol=1e-15)
    np.testing.assert_allclose(
        forward("swiglu", [math.log(4) / 2, 3], beta=2), [1.2 * math.log(4)], rtol=1e-15
    )
    np.testing.assert_allclose(backward("glu", [1], [3, math.log(4)]), [0.8, 0.48], rtol=1e-14)
    slope = 0.8 + math.log(4) * 0.16
    np.testing.assert_allclose(
        backward("swiglu", [1], [math.log(4), 3]), [3 * slope, 0.8 * math.log(4)], rtol=1e-14
    )
