"""power: the same alone and in a stack, and right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anncore import power


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("exponent", [2.0, 0.5, -1.0, 3.0, 1.5, 0.0])
def test_one_trial_equals_the_same_trial_among_many(dtype: str, exponent: float) -> None:
    base = np.random.default_rng(0).random((6, 32, 10)).astype(dtype)
    exponents = np.full((6, 1, 1), exponent, dtype)
    stacked = power(base, exponents)
    assert stacked.dtype == base.dtype
    for i in range(6):
        assert np.array_equal(power(base[i : i + 1], exponents[i : i + 1]), stacked[i : i + 1])


@given(st.floats(0.01, 100), st.floats(-4, 4))
def test_it_is_pythons_power(base: float, exponent: float) -> None:
    result = power(np.full((1, 1, 1), base), exponent)
    np.testing.assert_allclose(result, base**exponent, rtol=1e-14)
