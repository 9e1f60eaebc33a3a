"""Optimizers that ask for losses, other gradients or curvature, or know a penalty: steps worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from walking import bowl, made, specs_of, walk

from anncore import Array
from anncore.engine.nested import fit


def test_momo_by_hand() -> None:
    # L = θ²/2 at 2, β = 1/2: h = 2, ‖m‖² = 4; then m = 3/2, f = 5/4, c = 5/2, h = 1/4
    slope, loss = bowl(np.ones((1, 1, 1)))
    visited, _ = walk(made("momo", beta=0.5), slope, [2.0], loss=loss)
    assert visited[:2, 0] == pytest.approx([1, 1 - 1.5 / 9], rel=1e-14)


def test_momo_without_momentum_is_polyaks_step() -> None:
    slope, loss = bowl(np.array([[[1.0, 4.0]]]))
    for least, most in ((0.0, 1.0), (0.3, 0.05)):
        one, _ = walk(made("momo", beta=0.0, lr=most, least=least), slope, [3.0, 1.0], loss=loss)
        other, _ = walk(made("polyak", most=most, least=least), slope, [3.0, 1.0], loss=loss)
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("form", ["adamw", "lion"])
def test_exact_mars_without_correction_is_mars(form: str) -> None:
    slope, loss = bowl(np.array([[[1.0, 4.0]]]))
    one, _ = walk(made("mars_exact", gamma=0.0, form=form), slope, [3.0, 1.0], loss=loss)
    other, _ = walk(made("mars", gamma=0.0, form=form, where="all"), slope, [3.0, 1.0], loss=loss)
    np.testing.assert_array_equal(one, other)


def test_polyak_by_hand() -> None:
    # L = θ²/2 at 2: γ = 2 / 4 = 1/2 → 1 → 1/2 → 1/4; with most = 1/4: 3/2
    slope, loss = bowl(np.ones((1, 1, 1)))
    assert walk(made("polyak"), slope, [2.0], loss=loss)[0][:, 0].tolist() == [1, 0.5, 0.25]
    assert walk(made("polyak", most=0.25), slope, [2.0], loss=loss)[0][0, 0] == 1.5
    # Above a least of 3/2 it has 1/2 to go: γ = 1/8; it stays where the loss is below
    assert walk(made("polyak", least=1.5), slope, [2.0], loss=loss)[0][0, 0] == 1.75
    assert walk(made("polyak", least=2.5), slope, [2.0], loss=loss)[0][0, 0] == 2
    assert walk(made("polyak"), slope, [0.0], loss=loss)[0][0, 0] == 0  # at the minimum, where g = 0


def test_barzilai_borwein_by_hand() -> None:
    # On θ₁²/2 + θ₂² from (4, 2) by 1/4: g = (4, 4) → (3, 1); s = (-1, -1), y = (-1, -2):
    # long 2/3: g = (3, 2) → (1, -1/3); short 3/5 → (6/5, -1/5)
    slope, _ = bowl(np.array([[[1.0, 2.0]]]))
    long, _ = walk(made("barzilai_borwein", first=0.25), slope, [4.0, 2.0])
    short, _ = walk(made("barzilai_borwein", first=0.25, form="short"), slope, [4.0, 2.0])
    np.testing.assert_allclose(long[:2], [[3, 1], [1, -1 / 3]], rtol=1e-14)
    np.testing.assert_allclose(short[:2], [[3, 1], [1.2, -0.2]], rtol=1e-14)


def test_barzilai_borwein_keeps_its_rate_where_the_loss_curves_downwards() -> None:
    slope, _ = bowl(np.array([[[-1.0]]]))
    visited, _ = walk(made("barzilai_borwein", first=0.5), slope, [1.0])
    np.testing.assert_allclose(visited[:, 0], [1.5, 2.25, 3.375], rtol=1e-14)


def test_barzilai_borwein_sees_tiny_and_huge_gradients() -> None:
    for size in (1e-200, 1e200):
        slope, _ = bowl(np.array([[[1.0, 4.0]]]))
        visited, _ = walk(made("barzilai_borwein"), slope, [size, size])
        unit, _ = walk(made("barzilai_borwein"), slope, [1.0, 1.0])
        np.testing.assert_allclose(visited / size, unit, rtol=1e-12)


@pytest.mark.parametrize("form", ["polak_ribiere", "fletcher_reeves"])
def test_conjugate_gradients_by_hand(form: str) -> None:
    # On θ₁²/2 + θ₂² from (4, 1): g = (4, 2), t = 20 / 24 → (2/3, -2/3), then at the minimum
    slope, loss = bowl(np.array([[[1.0, 2.0]]]))
    visited, _ = walk(made("conjugate_gradients", form=form, longest=99.0), slope, [4.0, 1.0], loss=loss)
    np.testing.assert_allclose(visited, [[2 / 3, -2 / 3], [0, 0], [0, 0]], atol=1e-9)


def test_conjugate_gradients_are_those_of_scipys_linear_method() -> None:
    matrix = np.diag([1.0, 2, 3, 5, 8, 13]) + 0.1
    seen: list[Array] = []
    from scipy.sparse.linalg import cg

    cg(matrix, np.ones(6), rtol=1e-14, maxiter=3, callback=lambda x: seen.append(x.copy()))

    def loss(at: Array) -> Array:
        return (at * (at @ matrix) / 2 - at).sum(axis=2)

    linear = made("conjugate_gradients", longest=99.0)
    visited, _ = walk(linear, lambda at: at @ matrix - 1, np.zeros(6), loss=loss)
    np.testing.assert_allclose(visited, seen, rtol=1e-8, atol=1e-12)


def test_conjugate_gradients_leave_a_maximum_by_the_longest_step() -> None:
    slope, loss = bowl(np.array([[[-1.0]]]))
    visited, _ = walk(made("conjugate_gradients", longest=0.5), slope, [1.0], loss=loss)
    np.testing.assert_allclose(visited[:, 0], [1.5, 2, 2.5], rtol=1e-12)


def test_sophia_by_hand() -> None:
    # With curvatures on the axes any signs give them, to rounding: h = c (1 - β₂) = (1, 4) / 2;
    # m = g / 2 = (1/2, 2), ratio m / h = 1, bounded by 3/4 in one case
    slope, loss = bowl(np.array([[[1.0, 4.0]]]))
    values: dict[str, Any] = {"lr": 0.1, "beta1": 0.5, "beta2": 0.5, "gamma": 1.0}
    visited, _ = walk(made("sophia", **values), slope, [1.0, 1.0], loss=loss)
    np.testing.assert_allclose(visited[0], [0.9, 0.9], rtol=1e-9)
    bounded, _ = walk(made("sophia", bound=0.75, **values), slope, [1.0, 1.0], loss=loss)
    np.testing.assert_allclose(bounded[0], [0.925, 0.925], rtol=1e-9)


def test_sophia_moves_by_signs_where_the_loss_curves_downwards() -> None:
    slope, loss = bowl(np.array([[[-1.0, 0.0]]]))
    visited, _ = walk(made("sophia", lr=0.1), slope, [2.0, 2.0], loss=loss)
    np.testing.assert_allclose(visited[0], [2.1, 2.0], rtol=1e-12)


class Sampled:
    """Answers with given sampled gradients, one after the other; loss and gradient are never asked."""

    def __init__(self, gradients: Array) -> None:
        self.left = list(gradients)

    def __call__(self) -> Any:
        return self

    def sampled_gradient(self, weight: Array) -> Array:
        return self.left.pop(0).reshape(weight.shape)


def test_sophia_g_is_the_authors_code_once_it_has_an_estimate() -> None:
    """sophia.py of https://github.com/Liuhong99/Sophia (2023), written again in NumPy; 50 steps.

    There a running mean of squares of mini-batch gradients at sampled labels is multiplied by the number of
    labels, n, and first estimated after 10 steps: here the first estimate is 0.
    """
    rng = np.random.default_rng(8)
    grads, sampled, n = rng.normal(size=(50, 6)), rng.normal(size=(5, 6)), 64
    sampled[0] = 0
    values: dict[str, Any] = {"lr": 0.02, "beta1": 0.965, "beta2": 0.99, "gamma": 0.04, "weight_decay": 0.1}
    sophia = made("sophia", estimator="gauss_newton_bartlett", **values)
    ask = Sampled(sampled * np.sqrt(n))
    fitted, theta = fit(sophia, specs_of((1, 6)), ask), np.ones((1, 1, 6))
    theirs, m, h, state = np.ones(6), np.zeros(6), np.zeros(6), fitted.init(theta)
    for t, grad in enumerate(grads, start=1):
        change, state = fitted.step(theta, grad.reshape(1, 1, 6), state, t)
        theta = theta + change
        if t % 10 == 1 and t > 1:  # after step t - 1
            h = 0.99 * h + 0.01 * sampled[t // 10] ** 2
        m = 0.965 * m + 0.035 * grad
        theirs = theirs * (1 - 0.02 * 0.1)
        theirs = theirs - 0.02 * np.sign(m) * np.minimum(np.abs(m) / (0.04 * n * h + 1e-15), 1)
        np.testing.assert_allclose(theta[0, 0], theirs, rtol=1e-9)
    assert not ask.left
    assert (np.abs(m) < 0.04 * n * h).any()  # not by signs alone


def lasso_problem() -> tuple[Array, Array]:
    rows = np.sin(np.arange(1, 41)).reshape(10, 4)
    return rows, rows @ [1.5, 0, -0.8, 0.05] + 0.1 * np.cos(np.arange(10))


@pytest.mark.slow
def test_fista_solves_the_lasso() -> None:
    linear_model: Any = pytest.importorskip("sklearn.linear_model")
    x, y = lasso_problem()
    lasso = linear_model.Lasso(0.1, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(x, y)
    for momentum in ("fista", "none"):
        at = solved(momentum)
        np.testing.assert_allclose(at, lasso.coef_, atol=1e-7)
        assert (at == 0).tolist() == (lasso.coef_ == 0).tolist()


def solved(momentum: str) -> Array:
    x, y = lasso_problem()
    fitted = fit(made("fista", lr=0.5, strength=0.1, momentum=momentum), specs_of((4, 1)))
    theta = np.zeros((1, 1, 4))
    state = fitted.init(theta)
    for t in range(1, 2001):
        grad = (x.T @ (x @ theta[0, 0] - y) / len(x)).reshape(1, 1, -1)
        change, state = fitted.step(theta, grad, state, t)
        theta = theta + change
    return fitted.evaluated(theta, state)[0, 0]


def test_fista_meets_the_conditions_of_the_lassos_minimum() -> None:
    # Tibshirani (1996): the slope of the loss is -strength sign θ where θ is not 0, and no larger where it is
    x, y = lasso_problem()
    theta = solved("fista")
    slope = x.T @ (x @ theta - y) / len(x)
    assert 0 < np.count_nonzero(theta) < 4
    np.testing.assert_allclose(slope[theta != 0], -0.1 * np.sign(theta[theta != 0]), atol=1e-10)
    assert np.abs(slope[theta == 0]).max() <= 0.1


def test_fista_spares_biases() -> None:
    fista = made("fista", lr=1.0, strength=0.5)
    specs = specs_of((1, 2), (1, 2), roles="wb")
    assert walk(fista, [np.zeros(4)], [0.3, 2, 0.3, 2], specs)[1][0].tolist() == [0, 1.5, 0.3, 2]
