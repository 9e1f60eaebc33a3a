"""The activations of the catalogue: values by hand, sub-gradients, what includes what, extremes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import ComponentError, build

E, LOG2, LOG4 = math.e, math.log(2), math.log(4)


def made(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("activation", name).cls, **values)


def forward(name: str, z: Any, **values: Any) -> np.ndarray:
    result: np.ndarray = made(name, **values).forward(np.array([[z]], float))
    return result[0, 0]


def slopes(name: str, z: Any, grad: Any = 1.0, **values: Any) -> np.ndarray:
    activation, array = made(name, **values), np.array([[z]], float)
    a = activation.forward(array)
    result: np.ndarray = activation.backward(np.full_like(a, grad), array, a)
    return result[0, 0]


BY_HAND: list[tuple[str, dict[str, Any], list[float], list[float]]] = [
    # σ(log 4) = 4/5, σ(-log 4) = 1/5
    ("silu", {}, [LOG4, -LOG4, 0], [0.8 * LOG4, -0.2 * LOG4, 0]),
    ("swish", {"beta": 2.0}, [LOG2, -LOG2], [0.8 * LOG2, -0.2 * LOG2]),
    ("quick_gelu", {}, [LOG4 / 1.702], [0.8 * LOG4 / 1.702]),
    # tanh(log(1 + x)) = ((1 + x)² - 1) / ((1 + x)² + 1): of x = 1, 4, 1/4: 3/5, 24/26, 9/41
    ("mish", {}, [0, LOG4, -LOG4], [0, LOG4 * 24 / 26, -LOG4 * 9 / 41]),
    ("elu", {"alpha": 0.5}, [2, 0, -LOG2], [2, 0, -0.25]),
    ("celu", {"alpha": 0.5}, [2, 0, -LOG2 / 2], [2, 0, -0.25]),
    ("softsign", {}, [3, -1, 0], [0.75, -0.5, 0]),
    ("hard_sigmoid", {}, [-4, -3, 0, 1.5, 3, 4], [0, 0, 0.5, 0.75, 1, 1]),
    ("hard_sigmoid", {"preset": "paper"}, [-1, 0.5, 1], [0, 0.75, 1]),
    ("hard_tanh", {"low": -2.0, "high": 0.5}, [-3, -1, 0.5, 1], [-2, -1, 0.5, 0.5]),
    ("hard_swish", {}, [-3, -1.5, 3, 4], [0, -0.375, 3, 4]),
    ("relu6", {}, [-1, 3, 7], [0, 3, 6]),
    ("threshold", {"threshold": 0.5, "value": -1.0}, [0.4, 0.5, 0.6], [-1, -1, 0.6]),
    ("softshrink", {}, [-2, -0.5, 0.2, 0.5, 2], [-1.5, 0, 0, 0, 1.5]),
    ("hardshrink", {}, [-2, -0.5, 0.2, 0.5, 2], [-2, 0, 0, 0, 2]),
    ("tanhshrink", {}, [LOG2], [LOG2 - 0.6]),
    ("squareplus", {}, [0, 1.5, -1.5], [1, 2, 0.5]),  # √(1.5² + 4) = 2.5
    ("squareplus", {"b": 9.0}, [4, -4], [4.5, 0.5]),
    ("sparse_plus", {}, [-2, -1, -0.5, 0, 1, 3], [0, 0, 1 / 16, 1 / 4, 1, 3]),
    ("exponential", {}, [0, 1, -1], [1, E, 1 / E]),
    ("log_sigmoid", {}, [0, LOG4], [-LOG2, math.log(0.8)]),
    ("squared_relu", {}, [-3, 0, 3], [0, 0, 9]),
    ("lisht", {}, [LOG2, -LOG2], [0.6 * LOG2, 0.6 * LOG2]),
    ("snake", {"a": 2.0}, [math.pi / 4, math.pi], [math.pi / 4 + 0.5, math.pi]),
    ("gaussian", {}, [0, 1, -2], [1, 1 / E, math.exp(-4)]),
    ("gaussian", {"sigma": 2.0}, [2], [math.exp(-0.5)]),
    ("sine", {}, [math.pi / 60, math.pi / 180], [1, 0.5]),
    ("softmin", {}, [0, LOG2, LOG2], [0.5, 0.25, 0.25]),
    ("log_softmax", {}, [0, LOG2, 0], [-LOG4, -LOG2, -LOG4]),
    # (0.5, 0.2, -1): the two largest, τ = (0.7 - 1) / 2; of (2, 0, 0) the largest alone
    ("sparsemax", {}, [0.5, 0.2, -1], [0.65, 0.35, 0]),
    ("sparsemax", {}, [2, 0, 0], [1, 0, 0]),
    ("sparsemax", {}, [7, 7], [0.5, 0.5]),
    ("reglu", {}, [2, -2, 3, 3], [6, 0]),
    ("geglu", {}, [1, 3], [3 * 0.8413447460685429]),  # Φ(1)
    ("crelu", {}, [1, -2], [1, 0, 0, 2]),
    ("maxout", {}, [1, -2, 0, 5], [1, 5]),  # units 1 and 2 of the first piece, then of the second
    ("maxout", {"pieces": 4}, [1, -2, 0, 5], [5]),
    ("maxout", {"pieces": 1}, [1, -2], [1, -2]),
]


@pytest.mark.parametrize(("name", "values", "z", "expected"), BY_HAND)
def test_values_by_hand(name: str, values: Any, z: Any, expected: Any) -> None:
    np.testing.assert_allclose(forward(name, z, **values), expected, rtol=1e-14, atol=1e-15)


# What PyTorch 2.13 gives at the kinks of its functions, by autograd.
SUBGRADIENTS: list[tuple[str, dict[str, Any], list[float], list[float]]] = [
    ("elu", {"alpha": 0.5}, [0], [0.5]),
    ("celu", {"alpha": 0.5}, [0], [1]),
    ("hard_sigmoid", {}, [-3, 3], [0, 0]),
    ("hard_tanh", {}, [-1, 1], [0, 0]),
    ("hard_swish", {}, [-3, 3], [0, 1]),
    ("relu6", {}, [0, 6], [0, 0]),
    ("threshold", {"threshold": 0.5}, [0.5], [0]),
    ("softshrink", {}, [-0.5, 0, 0.5], [0, 0, 0]),
    ("hardshrink", {}, [-0.5, 0, 0.5], [0, 0, 0]),
    ("softsign", {}, [0], [1]),
    ("squared_relu", {}, [0], [0]),
    ("reglu", {}, [0, 3], [0, 0]),
    ("maxout", {}, [2, 2], [0.5, 0.5]),  # amax
]
IN_TORCH = {
    "elu": lambda F, z, alpha: F.elu(z, alpha),
    "celu": lambda F, z, alpha: F.celu(z, alpha),
    "hard_sigmoid": lambda F, z: F.hardsigmoid(z),
    "hard_tanh": lambda F, z: F.hardtanh(z),
    "hard_swish": lambda F, z: F.hardswish(z),
    "relu6": lambda F, z: F.relu6(z),
    "threshold": lambda F, z, threshold: F.threshold(z, threshold, 0),
    "softshrink": lambda F, z: F.softshrink(z),
    "hardshrink": lambda F, z: F.hardshrink(z),
    "softsign": lambda F, z: F.softsign(z),
    "squared_relu": lambda F, z: F.relu(z) ** 2,
    "reglu": lambda F, z: F.relu(z[:1]) * z[1:],
    "maxout": lambda F, z: z.amax(),
}


@pytest.mark.parametrize(("name", "values", "z", "expected"), SUBGRADIENTS)
def test_subgradients_at_kinks_are_pytorchs(name: str, values: Any, z: Any, expected: Any) -> None:
    assert slopes(name, z, **values).tolist() == expected


@pytest.mark.parametrize(("name", "values", "z", "expected"), SUBGRADIENTS)
def test_the_table_of_subgradients_says_what_pytorch_gives(
    name: str, values: Any, z: Any, expected: Any
) -> None:
    torch = pytest.importorskip("torch")
    at = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    IN_TORCH[name](torch.nn.functional, at, **values).sum().backward()
    np.testing.assert_allclose(at.grad.numpy(), expected)


Z = np.concatenate([np.linspace(-8, 8, 160), [-300, -40, 40, 300]])
INCLUSIONS: list[tuple[str, dict[str, Any], str, dict[str, Any], float]] = [
    ("swish", {"beta": 1.0}, "silu", {}, 1e-15),
    ("swish", {"beta": 1.702}, "quick_gelu", {}, 1e-15),
    ("swish", {"beta": 1e9}, "relu", {}, 1e-15),
    ("elu", {"alpha": 0.0}, "relu", {}, 0),
    ("celu", {"alpha": 1.0}, "elu", {"alpha": 1.0}, 0),
    ("celu", {"alpha": 1e-200}, "relu", {}, 1e-15),
    ("hard_tanh", {"low": 0.0, "high": 6.0}, "relu6", {}, 0),
    ("threshold", {"threshold": 0.0}, "relu", {}, 0),
    ("softshrink", {"threshold": 0.0}, "identity", {}, 0),
    ("hardshrink", {"threshold": 0.0}, "identity", {}, 0),
    ("squareplus", {"b": 1e-300}, "relu", {}, 1e-15),
]


@pytest.mark.parametrize(("name", "values", "other", "others", "apart"), INCLUSIONS)
def test_special_values_are_other_activations(
    name: str, values: Any, other: str, others: Any, apart: float
) -> None:
    np.testing.assert_allclose(
        forward(name, Z, **values), forward(other, Z, **others), rtol=1e-14, atol=apart
    )
    np.testing.assert_allclose(slopes(name, Z, **values), slopes(other, Z, **others), rtol=1e-12, atol=apart)


def test_swish_of_beta_0_is_half_of_z() -> None:
    np.testing.assert_array_equal(forward("swish", Z, beta=0.0), Z / 2)


def test_selu_is_a_scaled_elu_and_hard_swish_a_gated_hard_sigmoid() -> None:
    scale, alpha = 1.0507009873554805, 1.6732632423543773
    np.testing.assert_allclose(forward("selu", Z), scale * forward("elu", Z, alpha=alpha), rtol=1e-15)
    np.testing.assert_allclose(
        forward("hard_swish", Z), Z * forward("hard_sigmoid", Z), rtol=1e-14, atol=1e-15
    )
    np.testing.assert_allclose(forward("log_sigmoid", Z), -forward("softplus", -Z), rtol=1e-14)


def test_distributions_are_those_of_softmax() -> None:
    np.testing.assert_allclose(forward("softmin", Z), forward("softmax", -Z), rtol=1e-14)
    np.testing.assert_allclose(np.exp(forward("log_softmax", Z)), forward("softmax", Z), rtol=1e-12)


def test_sparsemax_of_two_is_a_hard_sigmoid() -> None:
    # Martins & Astudillo, section 2.3: sparsemax(t, 0) is (t + 1) / 2 between -1 and 1
    for t in (-2, -1, -0.25, 0, 0.5, 1, 3):
        hard = min(max((t + 1) / 2, 0), 1)
        np.testing.assert_allclose(forward("sparsemax", [t, 0]), [hard, 1 - hard], atol=1e-15)


def test_sparsemax_is_the_nearest_distribution() -> None:
    z, rng = np.array([0.8, 0.3, 0.1, -0.4]), np.random.default_rng(0)
    nearest = forward("sparsemax", z)
    others = rng.dirichlet([0.5] * 4, 2000)
    assert (np.square(others - z).sum(axis=1) >= np.square(nearest - z).sum()).all()


def test_gates_are_products_of_their_halves() -> None:
    u, v = Z, Z[::-1]
    for gate, inner, values in (
        ("geglu", "gelu", {}),
        ("geglu", "gelu", {"approximate": "tanh"}),
        ("reglu", "relu", {}),
        ("swiglu", "silu", {}),
    ):
        expected = forward(inner, u, **values) * v
        np.testing.assert_allclose(forward(gate, [*u, *v], **values), expected, rtol=1e-14, atol=1e-300)


def test_a_rational_unit_begins_close_to_relu() -> None:
    # Boullé et al., section 3: a type (3, 2) rational function; the best one is off by about 0.02 on [-1, 1]
    rational = made("rational")
    weights = {spec.name: np.full((1, *spec.shape), spec.initial) for spec in rational.specs(7)}
    z = np.linspace(-1, 1, 2001)[None, :, None]
    assert np.abs(rational.forward(z, weights) - np.maximum(z, 0)).max() < 0.022


PLAIN = [c.name for c in REGISTRY.of_kind("activation") if not (c.cls.learns or c.cls.random)]


@pytest.mark.parametrize("name", PLAIN)
def test_nothing_hides_nan(name: str) -> None:
    activation = made(name)
    z = np.full((1, 1, activation.width(2)), np.nan)
    with np.errstate(invalid="ignore"):
        assert np.isnan(activation.forward(z)).all()


SMALL: list[tuple[str, dict[str, Any], float, float]] = [
    # Far below 0 these are exp(z), z exp(z) or b / (4 |z|) to all digits, where a naive formula gives 0
    ("silu", {}, -100, -100 * math.exp(-100)),
    ("mish", {}, -100, -100 * math.exp(-100)),
    ("squareplus", {}, -1e9, 1e-9),
    ("squareplus", {}, -1e200, 1e-200),
    ("log_sigmoid", {}, 100, -math.exp(-100)),
    ("elu", {}, -1e-12, -1e-12 + 0.5e-24),
    ("celu", {}, -1e-12, -1e-12 + 0.5e-24),
    ("softsign", {}, 1e300, 1.0),
    ("log_softmax", {}, 1e300, 0.0),
]


@pytest.mark.parametrize(("name", "values", "z", "expected"), SMALL)
def test_digits_are_kept_where_a_naive_formula_loses_them(
    name: str, values: Any, z: float, expected: float
) -> None:
    np.testing.assert_allclose(forward(name, [z], **values), [expected], rtol=1e-14)


def test_softsigns_slope_keeps_its_digits_far_out() -> None:
    np.testing.assert_allclose(slopes("softsign", [1e8, -1e8]), [(1 + 1e8) ** -2] * 2, rtol=1e-14)


def test_exponential_stays_finite_where_it_would_overflow() -> None:
    exponential = made("exponential")
    for dtype, limit in (("float32", 88), ("float64", 709)):
        z = np.array([[[limit - 1, limit, 1e4]]], dtype)
        a = exponential.forward(z)
        np.testing.assert_array_equal(a, np.exp(np.minimum(z, z.dtype.type(limit))))
        assert a.dtype == dtype
        assert np.isfinite(exponential.backward(np.ones_like(z), z, a)).all()


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ComponentError, match=r"hard_tanh: low must be below high, 1, got 1"):
        made("hard_tanh", low=1.0)


def test_kinks_follow_their_hyperparameters() -> None:
    assert made("hard_sigmoid", slope=0.25).kinks == (-2.0, 2.0)
    assert made("softshrink", threshold=2.0).kinks == (-2.0, 2.0)
    assert made("hard_tanh", low=-2.0).kinks == (-2.0, 1.0)
    assert made("threshold", threshold=0.5).kinks == (0.5,)
