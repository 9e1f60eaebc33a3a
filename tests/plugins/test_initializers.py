from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import build
from anncore.testing import Check, parametrize_with_checks

FAN_IN, FAN_OUT = 300, 200


@parametrize_with_checks(REGISTRY.of_kind("initializer"))
def test_conformance(check: Check) -> None:
    check()


def sample(name: str, **values: Any) -> np.ndarray:
    initializer = build(REGISTRY.get("initializer", name).cls, **values)
    return initializer.sample(np.random.default_rng(0), (FAN_IN, FAN_OUT), FAN_IN, FAN_OUT)


@pytest.mark.parametrize(
    ("name", "values", "variance"),
    [
        ("normal", {}, 0.01**2),
        ("normal", {"preset": "keras"}, 0.05**2),
        ("glorot_uniform", {}, 2 / 500),
        ("glorot_normal", {}, 2 / 500),
        ("glorot_normal", {"truncated": True}, 2 / 500),
        ("he_uniform", {}, 2 / 300),
        ("he_normal", {}, 2 / 300),
        ("he_normal", {"preset": "keras"}, 2 / 300),
    ],
)
def test_mean_and_variance_are_the_papers(name: str, values: dict[str, Any], variance: float) -> None:
    weights = sample(name, **values)
    # 60000 draws: the variance's own relative standard error is at most √(2 / 60000) = 0.6 %
    assert weights.var() == pytest.approx(variance, rel=0.025)
    assert abs(weights.mean()) < 4 * math.sqrt(variance / weights.size)


@pytest.mark.parametrize(
    ("name", "bound"), [("glorot_uniform", math.sqrt(6 / 500)), ("he_uniform", math.sqrt(0.02))]
)
def test_uniform_weights_fill_their_interval(name: str, bound: float) -> None:
    weights = np.abs(sample(name))
    assert 0.999 * bound < weights.max() <= bound


@pytest.mark.parametrize(
    ("name", "std"), [("glorot_normal", math.sqrt(2 / 500)), ("he_normal", math.sqrt(2 / 300))]
)
def test_truncated_weights_stop_at_two_widened_deviations(name: str, std: float) -> None:
    limit = 2 * std / 0.87962566103423978  # jax.nn.initializers, keras.initializers
    assert 0.99 * limit < np.abs(sample(name, truncated=True)).max() <= limit
    assert np.abs(sample(name)).max() > limit


def test_zeros_are_zero() -> None:
    assert not sample("zeros").any()


def test_normal_is_the_seeds_randn_times_a_hundredth() -> None:
    drawn = np.random.default_rng(0).standard_normal((FAN_IN, FAN_OUT))
    np.testing.assert_allclose(sample("normal", preset="seed"), drawn * 0.01, rtol=1e-15)


def test_glorot_uniform_is_the_default() -> None:
    assert REGISTRY.default("initializer").name == "glorot_uniform"


class Given:
    """A generator that hands out a given matrix as its normal numbers."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.matrix.reshape(shape)


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (7, 3), (3, 7), (64, 32), (2, 3, 4)])
def test_orthogonal_weights_are_orthonormal_on_their_shorter_side(shape: tuple[int, ...]) -> None:
    cls = REGISTRY.get("initializer", "orthogonal").cls
    for gain in (1.0, 1.5):
        drawn = cls(gain=gain).sample(np.random.default_rng(3), shape, math.prod(shape[:-1]), shape[-1])
        matrix = drawn.reshape(-1, shape[-1])
        product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-13)


def test_an_orthogonal_matrix_of_two_by_hand() -> None:
    # A = ((3, 5), (4, 0)): its first column over 5; the second is (5, 0) - 3 (.6, .8) = (3.2, -2.4), over 4
    cls = REGISTRY.get("initializer", "orthogonal").cls
    matrix = cls(gain=2.0).sample(Given(np.array([[3.0, 5.0], [4.0, 0.0]])), (2, 2), 2, 2)
    np.testing.assert_allclose(matrix, [[1.2, 1.6], [1.6, -1.2]], rtol=1e-14)


def test_orthogonal_weights_are_uniformly_distributed() -> None:
    # Haar: an entry of an orthogonal n x n matrix has mean 0, variance 1 / n and kurtosis 3 n / (n + 2)
    cls, rng, n = REGISTRY.get("initializer", "orthogonal").cls, np.random.default_rng(4), 5
    drawn = np.array([cls().sample(rng, (n, n), n, n) for _ in range(8000)])
    # Standard errors of 8000 draws: .005 of the mean; the variance's, √(2/8000) / n, is .0032
    np.testing.assert_allclose(drawn.mean(axis=0), np.zeros((n, n)), atol=0.025)
    np.testing.assert_allclose((drawn**2).mean(axis=0), np.full((n, n), 1 / n), atol=0.016)
    kurtosis = (drawn**4).mean() / (drawn**2).mean() ** 2
    assert kurtosis == pytest.approx(3 * n / (n + 2), rel=0.02)
    # A bare QR has a diagonal of one sign: its mean would be far from 0, its determinant always the same
    assert abs(np.sign(np.linalg.det(drawn)).mean()) < 0.06
