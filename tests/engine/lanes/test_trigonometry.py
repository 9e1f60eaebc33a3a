"""Sine, cosine, tangent and cube root on lanes, against mpmath's."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from lane_functions import DTYPES, PROCESSORS, errors, function, runnable

pytest.importorskip("llvmlite")

# Function, mpmath's, and the largest error in units in the last place, in float32 and float64.
ONE = {
    "sin": (mpmath.sin, 0.51, 1.0),
    "cos": (mpmath.cos, 0.51, 1.0),
    "tan": (mpmath.tan, 0.51, 3.0),
    "cbrt": (mpmath.cbrt, 0.51, 1.0),
}


@pytest.fixture(autouse=True)
def digits() -> Any:
    with mpmath.workprec(1300):
        yield


def numbers(dtype: str) -> Any:
    """Numbers of all sizes, and the nearest ones to multiples of a quarter turn, where little is left."""
    rng = np.random.default_rng(0)
    some = [
        rng.normal(size=300),
        1e-4 * rng.normal(size=100),
        rng.uniform(-1e4, 1e4, 400),
        np.exp(rng.uniform(0, 37, 300)),
        [float(k * mpmath.pi / 2) for k in range(-150, 150)],
        [float(k * mpmath.pi / 2) for k in (10**6, 2**30, 10**12, 2**40 + 1, 10**15)],
    ]
    x = np.concatenate([np.asarray(one, float) for one in some])
    return x[np.abs(x) < (2.0**50 if dtype == "float32" else 2.0**55)].astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ONE)
def test_a_function_is_as_close_to_the_exact_value_as_it_says(name: str, dtype: str) -> None:
    exact, *bounds = ONE[name]
    x = numbers(dtype)
    if name == "cbrt":
        small = np.ldexp(1.3, np.arange(np.finfo(dtype).minexp - 25, np.finfo(dtype).minexp + 200))
        x = np.abs(np.concatenate([x, np.exp(np.linspace(-80, 80, 500)), small]).astype(dtype))
    got = function(name, dtype, 1)(x)
    assert (
        errors(got, [exact(mpmath.mpf(float(value))) for value in x], dtype).max()
        < bounds[DTYPES.index(dtype)]
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ONE)
def test_the_ends_are_those_of_numpy(name: str, dtype: str) -> None:
    x = np.array([0.0, -0.0, math.inf, -math.inf, math.nan, 1, -1, 1e-40, -1e-40, -8], dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
    got = function(name, dtype, 1)(x)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=0)
    signed = ~np.isnan(expected)
    assert np.array_equal(np.signbit(got[signed]), np.signbit(expected[signed]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_beyond_what_is_reduced_the_value_is_that_of_0(dtype: str) -> None:
    x = np.array([2.0**55, -(2.0**90), 1e30], dtype)
    assert np.array_equal(function("sin", dtype, 1)(x), [0, 0, 0])
    assert np.array_equal(function("cos", dtype, 1)(x), [1, 1, 1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ONE)
def test_all_processors_give_the_same_bits(name: str, dtype: str) -> None:
    x = numbers(dtype)
    first, *rest = [function(name, dtype, 1, processor)(x) for processor in runnable(PROCESSORS)]
    assert all(np.array_equal(first, other, equal_nan=True) for other in rest)
