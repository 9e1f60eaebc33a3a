"""Elementary functions on lanes, against mpmath's and C's."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from lane_functions import DTYPES, PROCESSORS, errors, function, runnable

llvmlite = pytest.importorskip("llvmlite")

# Function, mpmath's, and the largest error in units in the last place that its docstring allows.
ONE = {
    "exp": (mpmath.exp, 1.5),
    "log": (mpmath.log, 1.5),
    "erf": (mpmath.erf, 1.5),
    "expm1": (mpmath.expm1, 3.0),
    "log1p": (mpmath.log1p, 3.0),
    "tanh": (mpmath.tanh, 3.0),
    "ndtr": (mpmath.ncdf, 5.0),
}
DIGESTS = Path(__file__).parents[2] / "golden" / "lane_bits.json"


@pytest.fixture(autouse=True)
def digits() -> Any:
    with mpmath.workprec(120):
        yield


def numbers(name: str, dtype: str) -> Any:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [
            rng.normal(size=400),
            1e-3 * rng.normal(size=200),
            10 * rng.normal(size=200),
            rng.uniform(-1, 1, 200),
        ]
    )
    if name == "log":
        x = np.concatenate([np.exp(rng.uniform(-80, 80, 500)), 1 + 0.01 * rng.normal(size=300), abs(x)])
    if name == "log1p":
        x = np.concatenate([abs(x), -rng.uniform(0, 1, 400)])
    if name == "ndtr":
        x = x[x > -12]
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ONE)
def test_a_function_is_as_close_to_the_exact_value_as_it_says(name: str, dtype: str) -> None:
    exact, bound = ONE[name]
    x = numbers(name, dtype)
    got = function(name, dtype, 1)(x)
    assert errors(got, [exact(mpmath.mpf(float(value))) for value in x], dtype).max() < bound


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 0.51), ("float64", 3.0)])
def test_a_power_is_as_close_as_it_says(dtype: str, bound: float) -> None:
    rng = np.random.default_rng(0)
    x = np.exp(2 * rng.normal(size=1000)).astype(dtype)
    y = (2 * rng.normal(size=1000)).astype(dtype)
    exact = [mpmath.power(mpmath.mpf(float(a)), mpmath.mpf(float(b))) for a, b in zip(x, y, strict=True)]
    assert errors(function("power", dtype, 2)(x, y), exact, dtype).max() < bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["exp", "log", "expm1", "log1p", "tanh"])
def test_the_ends_are_those_of_numpy(name: str, dtype: str) -> None:
    x = [
        0.0,
        -0.0,
        math.inf,
        -math.inf,
        math.nan,
        1,
        -1,
        1e30,
        -1e30,
        1e-40,
        -1e-40,
        88.8,
        -103.9,
        745,
        -745.2,
    ]
    array = np.array(x, dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(array)
    got = function(name, dtype, 1)(array)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=0)
    signed = ~np.isnan(expected)
    assert np.array_equal(np.signbit(got[signed]), np.signbit(expected[signed]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["power", "logaddexp"])
def test_two_arguments_at_the_ends(name: str, dtype: str) -> None:
    some = np.array([0, -0.0, 0.5, 1, 2, 3, -1, -2, -0.5, math.inf, -math.inf, math.nan, 3e38, 1e-40], dtype)
    others = np.array(
        [
            *(0, 1, 2, 3, -1, -2, -3, 0.5, -0.5, 1.5, 710, 711, 800, -710, -711, -800, 5e3, -5e3),
            *(math.inf, -math.inf, math.nan, -0.0),
        ],
        dtype,
    )
    x, y = (grid.ravel() for grid in np.meshgrid(some, others))
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x, y)
    got = function(name, dtype, 2)(x, y)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    signed = ~np.isnan(expected)
    assert np.array_equal(np.signbit(got[signed]), np.signbit(expected[signed]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*ONE, "power"])
def test_all_processors_give_the_same_bits(name: str, dtype: str) -> None:
    """Compiled for processors with vectors of 128, 256 and 512 bits; those run here that this one can run."""
    arrays = (abs(numbers(name, dtype)),) * (2 if name == "power" else 1)
    first, *rest = [
        function(name, dtype, len(arrays), processor)(*arrays) for processor in runnable(PROCESSORS)
    ]
    assert all(np.array_equal(first, other, equal_nan=True) for other in rest)


def every_sort(dtype: str) -> Any:
    """Numbers of every exponent, also below the smallest normal one, infinities, NaN, and usual ones."""
    whole, step = {"float32": (np.uint32, 524_309), "float64": (np.uint64, 2_251_799_813_685_301)}[dtype]
    with np.errstate(over="ignore"):
        patterns = (np.arange(2**13, dtype=np.uint64) * np.uint64(step)).astype(whole)
    usual = (np.arange(-4000, 4001) * 2.0**-8).astype(dtype)
    return np.concatenate(
        [patterns.view(dtype), usual, np.array([0.0, -0.0, math.inf, -math.inf, math.nan], dtype)]
    )


def digests() -> dict[str, str]:
    """What each function gives for numbers of every sort, as digests of all bits; a NaN is a NaN."""
    made = {}
    for dtype in DTYPES:
        x = every_sort(dtype)
        for name in (*ONE, "power", "logaddexp"):
            # The other arguments: the same numbers, in another order.
            arguments = (x, np.roll(x, 777)) if name in ("power", "logaddexp") else (x,)
            values = function(name, dtype, len(arguments))(*arguments)
            values[np.isnan(values)] = np.nan
            made[f"{name} {dtype}"] = hashlib.sha256(
                values.astype(f"<f{values.itemsize}").tobytes()
            ).hexdigest()[:12]
    return made


def test_numbers_of_every_sort_give_the_bits_on_record() -> None:
    """On every processor and system; the file is written by `python tests/lane_bits.py`."""
    assert digests() == json.loads(DIGESTS.read_text())["functions"]


def test_the_numbers_of_every_sort_are_that() -> None:
    for dtype in DTYPES:
        x = every_sort(dtype)
        form = np.finfo(dtype)
        exponents = np.unique(np.frexp(x[np.isfinite(x) & (x != 0)])[1])
        assert exponents.min() < form.minexp - 3  # small ones that have lost digits
        assert len(exponents) > form.maxexp - form.minexp
        assert np.isnan(x).any()
