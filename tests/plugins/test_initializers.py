from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from anncore import build, load_registry
from anncore.testing import Check, parametrize_with_checks

REGISTRY = load_registry(environ={"ANNX_PLUGINS": ""})
FAN_IN, FAN_OUT = 300, 200


@parametrize_with_checks(REGISTRY.of_kind("initializer"))
def test_conformance(check: Check) -> None:
    check()


def sample(name: str, **values: Any) -> np.ndarray:
    initializer = build(REGISTRY.get("initializer", name).cls, **values)
    found: np.ndarray = initializer.sample(np.random.default_rng(0), (FAN_IN, FAN_OUT), FAN_IN, FAN_OUT)
    return found


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
