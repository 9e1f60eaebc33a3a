"""Arithmetic on stacks: the same alone and in a stack, and right."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from anncore import eigh, orthogonalized, power, sum_examples, times_transposed


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [1, 2, 16, 33])
def test_sums_and_transposed_products_do_not_depend_on_the_stack(dtype: str, units: int) -> None:
    rng = np.random.default_rng(1)
    grad = rng.standard_normal((7, 32, units)).astype(dtype)
    weight = rng.standard_normal((7, 5, units)).astype(dtype)
    sums, products = sum_examples(grad), times_transposed(grad, weight)
    assert sums.shape == (7, 1, units)
    assert products.shape == (7, 32, 5)
    assert sums.dtype == products.dtype == dtype
    for i in range(7):
        assert np.array_equal(sum_examples(grad[i : i + 1])[0], sums[i])
        assert np.array_equal(times_transposed(grad[i : i + 1], weight[i : i + 1])[0], products[i])


def test_sums_and_transposed_products_by_hand() -> None:
    grad = np.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    weight = np.array([[[1.0, 10.0], [2.0, 20.0]]])
    np.testing.assert_array_equal(sum_examples(grad), [[[9, 12]]])
    np.testing.assert_array_equal(times_transposed(grad, weight), [[[21, 42], [43, 86], [65, 130]]])
    np.testing.assert_array_equal(
        times_transposed(grad[:, :, :1], weight[:, :, :1]), [[[1, 2], [3, 6], [5, 10]]]
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 2, 5, 32, 65])
def test_factorizations_do_not_depend_on_the_stack(dtype: str, n: int) -> None:
    matrices = np.random.default_rng(14).normal(size=(7, n, n)).astype(dtype)
    matrices = matrices @ matrices.swapaxes(1, 2)
    for factorize in (eigh, np.linalg.qr):
        stacked = factorize(matrices)
        for row in range(7):
            alone = factorize(matrices[row : row + 1])
            for one, other in zip(alone, stacked, strict=True):
                assert one.dtype == dtype
                assert one.tobytes() == other[row : row + 1].tobytes()


@pytest.mark.parametrize("sickness", [np.nan, np.inf, -np.inf])
def test_eigh_gives_nan_to_the_trial_that_has_it_alone(sickness: float) -> None:
    matrices = np.stack([np.diag([2.0, 1.0]), np.diag([sickness, 1.0]), np.diag([3.0, 4.0])])
    values, vectors = eigh(matrices)
    assert np.isnan(values[1]).all()
    assert np.isnan(vectors[1]).all()
    assert values[[0, 2]].tolist() == [[1, 2], [3, 4]]
    assert np.abs(vectors[[0, 2]]).tolist() == [[[0, 1], [1, 0]], [[1, 0], [0, 1]]]


def test_eigh_gives_nan_where_it_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.linalg.eigh

    def stubborn(matrices: np.ndarray) -> object:
        if (matrices == 7).any():
            raise np.linalg.LinAlgError("Eigenvalues did not converge")
        return whole(matrices)

    monkeypatch.setattr(np.linalg, "eigh", stubborn)
    values, vectors = eigh(np.stack([np.diag([2.0, 1.0]), np.diag([7.0, 1.0])]))
    assert values[0].tolist() == [1, 2]
    assert np.isnan(values[1]).all()
    assert np.isnan(vectors[1]).all()


@pytest.mark.parametrize("shape", [(4, 4), (4, 2), (2, 4)])
def test_orthogonalized_matrices_keep_their_singular_vectors(shape: tuple[int, int]) -> None:
    # With (3/2, -1/2, 0), the iteration of Bjorck & Bowie (1971), all singular values go to 1.
    matrices = np.random.default_rng(1).normal(size=(3, *shape))
    result = orthogonalized(matrices, 60, (1.5, -0.5, 0.0), 1e-30)
    p, _, q = np.linalg.svd(matrices, full_matrices=False)
    np.testing.assert_allclose(result, p @ q, atol=1e-10)
    assert np.array_equal(orthogonalized(matrices[1:2], 60, (1.5, -0.5, 0.0), 1e-30), result[1:2])
    assert not orthogonalized(np.zeros((1, *shape)), 5, (1.5, -0.5, 0.0), 1e-7).any()
