"""Derived gradients: every rule, the conventions at kinks, random formulas, and what cannot be derived.

The right values come from complex steps: Im f(x + ih) / h with a tiny h is the derivative of an analytic f to
the last digits (Squire & Trapp, SIAM Review 40 (1998), 110-112). Functions with kinks are compared with
central differences, and at the kink itself with what PyTorch 2.13 returns.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy import special

from anncore import Activation, Hyper, hyper
from anncore.contract.derivatives import Underivable, primitives, pullback
from anncore.contract.derivatives.reverse import gradients
from anncore.contract.derivatives.rules import FLAT, RULES
from anncore.contract.derivatives.special import RULES as OF_SCIPY
from anncore.contract.derivatives.symbols import Graph

H = 1e-40


@dataclass(frozen=True)
class Formulas:
    """Stands for a component without hyperparameters."""

    name: ClassVar[str] = "formulas"


def derived(formula: Callable[..., Any], *inputs: Any, weights: Any = None) -> list[Any]:
    """Return the derived gradient of Σ weights · formula for every input."""
    result = formula(*inputs)
    grad = np.ones_like(result) if weights is None else weights
    return pullback(
        Formulas(), lambda _, *symbols: formula(*symbols), inputs, name="f", grad=grad, wrt=range(len(inputs))
    )


def complex_steps(formula: Callable[..., Any], *inputs: Any, weights: Any = None) -> list[Any]:
    """Return the gradient of Σ weights · formula, number by number, by complex steps."""
    gradients = []
    for place, array in enumerate(inputs):
        gradient = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            moved = [value.astype(complex) for value in inputs]
            moved[place][index] += 1j * H
            change = np.imag(formula(*moved)) / H
            gradient[index] = (change if weights is None else weights * change).sum()
        gradients.append(gradient)
    return gradients


def differences(formula: Callable[..., Any], *inputs: Any, weights: Any = None) -> list[Any]:
    """Return the gradient by central differences with one step of Richardson's extrapolation."""
    gradients = []
    for place, array in enumerate(inputs):
        gradient = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            slopes = []
            for step in (1e-3, 5e-4):
                sides = []
                for sign in (1, -1):
                    moved = [value.copy() for value in inputs]
                    moved[place][index] += sign * step
                    made = formula(*moved)
                    sides.append((made if weights is None else weights * made).sum())
                slopes.append((sides[0] - sides[1]) / (2 * step))
            gradient[index] = (4 * slopes[1] - slopes[0]) / 3
        gradients.append(gradient)
    return gradients


def numbers(*shape: int, seed: int = 0, low: float = 0.2, high: float = 0.9) -> Any:
    """Return numbers in a range that lies in the domain of every function here."""
    return np.random.default_rng(seed).uniform(low, high, shape)


ANALYTIC = [
    *(np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.square, np.reciprocal),
    *(np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh),
    *(np.arctanh, np.negative, np.positive, special.erf, special.erfc, special.log_ndtr, special.psi),
    operator.neg,
]
DIFFERENCED = [
    *(np.absolute, np.fabs, operator.abs, np.cbrt, np.deg2rad, np.radians, np.rad2deg, np.degrees),
    *(special.erfcx, special.erfinv, special.ndtr, special.ndtri, special.expit, special.log_expit),
    *(special.logit, special.gammaln, special.gamma, special.i0, special.i0e, special.j0, special.exp10),
    *(special.cbrt, special.entr),
]
PAIRS = [np.add, np.subtract, np.multiply, np.true_divide, np.power]
PAIRS_DIFFERENCED = [
    *(np.float_power, np.maximum, np.minimum, np.fmax, np.fmin, np.logaddexp, np.logaddexp2, np.hypot),
    *(np.arctan2, special.xlogy, special.xlog1py, special.rel_entr, special.kl_div, np.remainder),
]
ELSEWHERE = {np.arccosh, special.huber, special.pseudo_huber, np.copysign, np.where, np.clip}


@pytest.mark.parametrize("function", ANALYTIC, ids=lambda function: function.__name__)
def test_derivative_of_an_analytic_function(function: Any) -> None:
    z, weights = numbers(2, 3, 4), numbers(2, 3, 4, seed=1)
    expected = complex_steps(function, z, weights=weights)
    np.testing.assert_allclose(derived(function, z, weights=weights), expected, rtol=1e-12)


@pytest.mark.parametrize("function", DIFFERENCED, ids=lambda function: function.__name__)
def test_derivative_of_a_function_of_one_argument(function: Any) -> None:
    z, weights = numbers(2, 2, 2), numbers(2, 2, 2, seed=1)
    if function is special.entr:
        assert special.entr(0.5) == pytest.approx(0.5 * np.log(2))  # -x log x, by hand
    expected = differences(function, z, weights=weights)
    np.testing.assert_allclose(derived(function, z, weights=weights), expected, rtol=1e-8)


@pytest.mark.parametrize("function", PAIRS, ids=lambda function: function.__name__)
def test_derivatives_of_an_analytic_function_of_two(function: Any) -> None:
    x, y, weights = numbers(2, 3, 4), numbers(2, 3, 4, seed=1), numbers(2, 3, 4, seed=2)
    expected = complex_steps(function, x, y, weights=weights)
    for ours, right in zip(derived(function, x, y, weights=weights), expected, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-12)


@pytest.mark.parametrize("function", PAIRS_DIFFERENCED, ids=lambda function: function.__name__)
def test_derivatives_of_a_function_of_two(function: Any) -> None:
    x, y, weights = numbers(1, 2, 3), numbers(1, 2, 3, seed=1), numbers(1, 2, 3, seed=2)
    expected = differences(function, x, y, weights=weights)
    for ours, right in zip(derived(function, x, y, weights=weights), expected, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-7, atol=1e-9)


def test_derivatives_of_the_rest() -> None:
    z = numbers(1, 2, 3)
    for formula in (
        lambda z: np.arccosh(z + 1),
        lambda z: special.huber(0.5, z),
        lambda z: special.pseudo_huber(0.5, z),
        lambda z: np.copysign(z, -2.0),
        lambda z: np.clip(z, 0.4, 0.6),
        lambda z: z.clip(0.4, 0.6),
        lambda z: np.where(z > 0.5, z * z, np.sin(z)),
        lambda z: 2**z + z**3 + z**0.5 + z**1 + z**0 + z**-1.5,
        lambda z: (1 - z) / z - 2 * -z + abs(z) % 0.3,
        lambda z: np.round(z, 1) + np.floor(z) + np.sign(z) + z,
        lambda z: np.fmax(z, 0.5) * np.fmin(0.4, z),
        lambda z: z * z.mean(axis=1, dtype=z.dtype, keepdims=True) + z.sum(2, dtype="float64")[..., None],
        lambda z: z * (z > 0.5).mean(axis=2, dtype=z.dtype, keepdims=True),
    ):
        np.testing.assert_allclose(derived(formula, z)[0], differences(formula, z)[0], rtol=1e-7, atol=1e-9)


def _slope_of_logistic(z: Any) -> Any:
    return special.expit(z) * special.expit(-z)


def _slope_of_swish(z: Any) -> Any:
    return special.expit(z) + z * _slope_of_logistic(z)


def _slope_of_mish(z: Any) -> Any:
    bend = np.tanh(np.logaddexp(0, z))
    return bend + z * (1 - bend**2) * special.expit(z)


OVERFLOWING: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "logistic": (lambda z: 1 / (1 + np.exp(-z)), _slope_of_logistic),
    "logistic by a power": (lambda z: (1 + np.exp(-z)) ** -1, _slope_of_logistic),
    "logistic by np.reciprocal": (lambda z: np.reciprocal(1 + np.exp(-z)), _slope_of_logistic),
    "logistic to the base 2": (
        lambda z: 1 / (1 + 2.0**-z),
        lambda z: np.log(2) * _slope_of_logistic(np.log(2) * z),
    ),
    "its square": (
        lambda z: 1 / (1 + np.exp(-z)) ** 2,
        lambda z: 2 * special.expit(z) * _slope_of_logistic(z),
    ),
    "swish": (lambda z: z / (1 + np.exp(-z)), _slope_of_swish),
    "mish": (lambda z: z * np.tanh(np.log(1 + np.exp(z))), _slope_of_mish),
    "tanh": (lambda z: 2 / (1 + np.exp(-2 * z)) - 1, lambda z: 4 * _slope_of_logistic(2 * z)),
    "sech": (lambda z: 1 / np.cosh(z), lambda z: -np.tanh(z) / np.cosh(np.clip(z, -700, 700))),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", OVERFLOWING)
def test_where_an_exponential_overflows_the_slope_is_that_of_the_function(case: str, dtype: str) -> None:
    """PyTorch and JAX give NaN there, 0 of the outer function times the infinite slope of the exponential."""
    formula, slope = OVERFLOWING[case]
    z = np.array([-1e4, -710, -300, -89, -10, -0.5, 0, 0.5, 10, 89, 300, 710, 1e4]).reshape(1, 1, -1)
    with np.errstate(over="ignore"):
        [gradient] = derived(formula, z.astype(dtype))
    precision = {"float32": (1e-3, 1e-7), "float64": (1e-9, 1e-15)}[dtype]
    np.testing.assert_allclose(gradient, slope(z), rtol=precision[0], atol=precision[1])


@pytest.mark.parametrize(
    "formula",
    [
        lambda z: np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))),
        lambda z: np.exp(-(z**2) / 2) * np.exp(-0.5 * (z * z)),
        lambda z: np.exp(np.minimum(z, 0)) + np.exp(z.clip(-np.inf, 0)),
        lambda z: np.exp(z - z.max(axis=2, keepdims=True)),
        lambda z: np.exp(-np.exp(-(z**4))),
    ],
)
def test_an_exponential_that_cannot_overflow_costs_nothing_more(formula: Callable[..., Any]) -> None:
    graph = Graph()
    z = graph.input(np.ones((1, 2, 3)))
    made = formula(z)
    gradients(made, graph.input(np.ones(made.shape)), [z])
    assert graph.guards == set()


def test_a_sum_in_another_type_has_a_gradient_in_its_own() -> None:
    z = numbers(1, 2, 3).astype(np.float32)
    [gradient] = derived(lambda z: (z * z).sum(axis=2, dtype=np.float64), z)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, 2 * z, rtol=1e-6)


def test_every_rule_is_tested() -> None:
    by_name = {
        *(*ANALYTIC, *DIFFERENCED, *PAIRS, *PAIRS_DIFFERENCED, *ELSEWHERE),
        *(operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod),
    }
    untested = [
        function
        for function in (*RULES, *OF_SCIPY)
        if isinstance(function, np.ufunc) and function not in by_name
    ]
    assert untested == [np.matmul]  # among the shapes below
    assert not FLAT & set(RULES)


def in_place(x: Any, w: Any) -> Any:
    """Change arrays in place, one of them under two names."""
    same = x
    same += w
    x *= x
    w /= 2.0
    w -= same**2
    return same * w


SHAPES: dict[str, Callable[..., Any]] = {
    "matmul": lambda x, w: x @ w,
    "np.matmul": lambda x, w: np.matmul(x, w),
    "squared product": lambda x, w: (x @ w) * (x @ w),
    "transposed": lambda x, w: w.swapaxes(1, 2) @ x.swapaxes(1, 2),
    "transpose": lambda x, w: np.transpose(x, (0, 2, 1)) * w[:, :, :3],
    "mT": lambda x, w: x.mT * w[:, :, :3],
    "moveaxis": lambda x, w: np.moveaxis(x, 1, 2) * w[:, :, :3],
    "reshape": lambda x, w: x.reshape(2, 4, 3) * w[:, :, :3] * x.reshape(len(x), -1)[:, None, :1],
    "reshape to 4": lambda x, w: x.reshape(2, 3, 2, 2) @ w.reshape(2, 1, 2, 10)[..., :5],
    "one matrix for many": lambda x, w: np.expand_dims(x, 1) @ w[:, None] * x[:, None, :, :1],
    "squeeze": lambda x, w: np.squeeze(np.expand_dims(x * x, 2), 2),
    "None": lambda x, w: x[:, :, None, :] * w[:, None, :3, :4],
    "slices": lambda x, w: x[:, 1:, ::2] * x[:, :2, 1::2] + w[:, :2, :2],
    "a number": lambda x, w: x[:, 0] * x[:, -1] * w[:, 1, 1:2],
    "ellipsis": lambda x, w: x[..., :2] * x[..., 2:],
    "list index": lambda x, w: x[:, [0, 0, 2]] * x,
    "array index": lambda x, w: x[:, :, np.array([3, 3, 1])] ** 2,
    "take": lambda x, w: np.take(x, [1, 1, 0], axis=1) * x,
    "concatenate": lambda x, w: np.concatenate([x, x * x, np.ones((2, 3, 1))], axis=2) ** 2,
    "stack": lambda x, w: np.stack([x, x**3], axis=1)[:, 1] * x,
    "split": lambda x, w: np.split(x, 2, axis=2)[0] * np.split(x, [1, 2], axis=2)[2],
    "sum": lambda x, w: x * x.sum(axis=2, keepdims=True) + np.sum(w, axis=(1, 2))[:, None, None],
    "mean": lambda x, w: (x * x).mean(axis=(1, 2)) * np.mean(w, axis=1).sum(axis=-1),
    "mean of one axis": lambda x, w: x.mean(axis=1, keepdims=True) * x,
    "prod": lambda x, w: np.prod(x, axis=1) * x.prod(axis=2, keepdims=True)[:, 0],
    "cumsum": lambda x, w: np.cumsum(x, axis=1) * x,
    "flip": lambda x, w: np.flip(x, 1) * x,
    "roll": lambda x, w: np.roll(x, 1, axis=2) * x,
    "diff": lambda x, w: np.diff(x, axis=2) * x[:, :, 1:],
    "pad": lambda x, w: np.pad(x, ((0, 0), (1, 2), (0, 1)))[:, 1:, :4] * np.pad(x, ((0, 0), (0, 2), (0, 0))),
    "tril": lambda x, w: np.tril(x) * np.triu(x, 1) + np.tril(w[:, :3, :4], -1),
    "broadcast_to": lambda x, w: np.broadcast_to(x[:, :1], (2, 3, 4)) * x,
    "bias": lambda x, w: np.tanh(x + w[:, :1, :4] * x),
    "number per trial": lambda x, w: x * w[:, :1, :1] + w[:, 0, 0][:, None, None],
    "windows": lambda x, w: sliding_window_view(x, 2, axis=2) * x[:, :, 1:, None],
    "windows in a plane": lambda x, w: sliding_window_view(x, (2, 3), axis=(1, 2)) ** 2,
    "einsum": lambda x, w: np.einsum("tnd,tdk->tnk", x, w),
    "einsum of three": lambda x, w: np.einsum("tnd,tdk,tne->tnke", x, w, x),
    "one hot": lambda x, w: np.eye(4)[[0, 2, 1]] @ w @ w.swapaxes(1, 2) * x[:, :, :1],
    "softmax": lambda x, w: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
    "loop in time": lambda x, w: reduce(
        lambda h, t: np.tanh(x[:, t : t + 1] @ w + h), range(3), 0 * w[:, :1]
    ),
    "weight used twice": lambda x, w: (x @ w) @ w.swapaxes(1, 2),
    "astype": lambda x, w: x.astype(x.dtype) * x,
    "like": lambda x, w: x * np.ones_like(x) + np.zeros_like(x) + np.full_like(x, 2.0) * w[:, :3, :4],
    "copy": lambda x, w: np.copy(x) * x.copy(),
    "repeat": lambda x, w: np.repeat(x, 2, axis=2) * x.repeat([1, 3, 4], axis=1)[:, :3, :1],
    "tile": lambda x, w: np.tile(x, 2)[:, :, 2:6] * np.tile(x, (2, 1))[:, 1:4],
    "array_split": lambda x, w: np.array_split(x, 3, axis=2)[0] * np.array_split(x, [1], axis=2)[1][:, :, :2],
    "matrix_transpose": lambda x, w: np.matrix_transpose(x) * w[:, :, :3],
    "in place": lambda x, w: in_place(x * 1, w[:, :3, :4] * 1),
    "positive": lambda x, w: +x * w[:, :3, :4],
    "sizes": lambda x, w: x * x.size / x.ndim * len(x) * np.shape(x)[1] * np.ndim(x) * np.size(x, 1),
}
KINKED: dict[str, Callable[..., Any]] = {
    "max": lambda x, w: x.max(axis=2) * np.max(x, axis=(1, 2), keepdims=True)[:, 0],
    "min": lambda x, w: np.min(x, axis=1, keepdims=True) * x,
    "amax": lambda x, w: np.amax(x, axis=-1) * x.min(axis=2),
    "stable softmax": lambda x, w: np.exp(x - x.max(axis=2, keepdims=True)),
    "log-sum-exp": lambda x, w: np.log(np.exp(x - x.max(axis=2, keepdims=True)).sum(axis=2)) + x.max(axis=2),
    "var": lambda x, w: np.var(x, axis=2, keepdims=True) * x + x.var(axis=(1, 2), ddof=1)[:, None, None],
    "std": lambda x, w: x / x.std(axis=2, keepdims=True) + np.std(x, axis=1, ddof=1, keepdims=True),
    "norm": lambda x, w: x / np.linalg.norm(x, axis=2, keepdims=True) + np.linalg.norm(x, axis=1)[:, None],
    "sort": lambda x, w: np.sort(x, axis=2) * np.array([1.0, 2.0, 3.0, 4.0]),
    "whole rows": lambda x, w: np.take_along_axis(x, np.array([2, 0, 2, 2, 1]).reshape(1, 5, 1), axis=1) ** 2,
    "one row for many": lambda x, w: np.take_along_axis(x[:, :1], np.full((2, 3, 2), 3), axis=2) * x[..., :2],
    "largest": lambda x, w: np.take_along_axis(x, x.argmax(axis=2)[:, :, None], axis=2) * x,
    "comparisons": lambda x, w: x * (x > 0.5) * ((x >= 0.3) & ~(x == 0.7)) + x * (x < 0.5) * (x != 0.1),
    "sparsemax": lambda x, w: np.maximum(
        x - (np.sort(x, axis=2)[:, :, -2:].sum(axis=2)[..., None] - 1) / 2, 0
    ),
    "relu layer": lambda x, w: np.maximum((x @ w) - 1.0, 0) @ w.swapaxes(1, 2),
}


@pytest.mark.parametrize("name", SHAPES)
def test_gradients_through_shapes(name: str) -> None:
    formula, x, w = SHAPES[name], numbers(2, 3, 4), numbers(2, 4, 5, seed=1)
    weights = numbers(*np.shape(formula(x, w)), seed=2)
    expected = complex_steps(formula, x, w, weights=weights)
    for ours, right in zip(derived(formula, x, w, weights=weights), expected, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", KINKED)
def test_gradients_through_kinked_formulas(name: str) -> None:
    formula, x, w = KINKED[name], numbers(2, 3, 4), numbers(2, 4, 5, seed=1)
    weights = numbers(*np.shape(formula(x, w)), seed=2)
    expected = differences(formula, x, w, weights=weights)
    for ours, right in zip(derived(formula, x, w, weights=weights), expected, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-7, atol=1e-8)


# What torch 2.13.0 returns as the gradient at these places (autograd of the function of this name).
AT_KINKS: dict[str, tuple[Callable[[Any], Any], list[float], list[float]]] = {
    "relu": (lambda z: np.maximum(z, 0), [-1, 0, 1], [0, 0, 1]),
    "relu by clip": (lambda z: z.clip(0, np.inf), [-1, 0, 1], [0, 0, 1]),
    "relu by where": (lambda z: np.where(z > 0, z, 0.0), [-1, 0, 1], [0, 0, 1]),
    "abs": (lambda z: np.abs(z), [-1, 0, 1], [-1, 0, 1]),
    "hardtanh": (lambda z: np.clip(z, -1, 1), [-2, -1, 0, 1, 2], [0, 0, 1, 0, 0]),
    "relu6": (lambda z: np.minimum(np.maximum(z, 0), 6), [-1, 0, 1, 6, 7], [0, 0, 1, 0, 0]),
    "min with 0": (lambda z: np.minimum(z, 0), [-1, 0, 1], [1, 1, 0]),
    "0 with min": (lambda z: np.minimum(0.0, z), [-1, 0, 1], [1, 1, 0]),
    "clip to 0": (lambda z: z.clip(-np.inf, 0), [-1, 0, 1], [1, 1, 0]),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), [0, 1], [1, 1]),
    "celu": (lambda z: np.maximum(z, 0) + np.minimum(0, np.expm1(z)), [0, 1], [1, 1]),
    "amax of equals": (lambda z: z.max(axis=2, keepdims=True) + 0 * z, [2, 2, 1], [1.5, 1.5, 0]),
    "maximum of equals": (lambda z: np.maximum(z, z[:, :, ::-1]), [1, 3, 1], [1, 1, 1]),
    "std at equals": (lambda z: z.std(axis=2, keepdims=True) + 0 * z, [2, 2], [0, 0]),
    "hypot at 0": (lambda z: np.hypot(z, 0.75 * z), [0, 1], [0, 1.25]),
    "norm at 0": (lambda z: np.linalg.norm(z, axis=2, keepdims=True) + 0 * z, [0, 0], [0, 0]),
    "prod with a 0": (lambda z: z.prod(axis=2, keepdims=True) + 0 * z, [0, 2, 3], [18, 0, 0]),
    "prod with two": (lambda z: z.prod(axis=2, keepdims=True) + 0 * z, [0, 0, 3], [0, 0, 0]),
}


@pytest.mark.parametrize("name", AT_KINKS)
def test_kinks_follow_the_conventions_of_pytorch(name: str) -> None:
    formula, places, slopes = AT_KINKS[name]
    np.testing.assert_array_equal(derived(formula, np.array([[places]], float))[0], [[slopes]])


@pytest.mark.parametrize(
    "copy", [np.copy, operator.pos, lambda y: y.copy()], ids=["np.copy", "plus", "method"]
)
def test_a_copy_keeps_its_numbers_when_the_array_changes_in_place(copy: Any) -> None:
    def formula(z: Any) -> Any:
        y = np.tanh(z)
        kept = copy(y)
        y *= 3
        changed = copy(z)
        changed += 1
        return kept * y * changed

    z = numbers(2, 3, 4)
    expected = complex_steps(lambda z: 3 * np.tanh(z) ** 2 * (z + 1), z)
    np.testing.assert_allclose(derived(formula, z), expected, rtol=1e-12)


def test_a_change_in_place_is_refused_where_a_part_of_the_array_is_in_use() -> None:
    def formula(z: Any) -> Any:
        y = np.tanh(z)
        part = y[..., :1]
        y *= 3  # part changes too
        return part * y

    with pytest.raises(Underivable, match="in place on an argument, on a part of an array, or on one with"):
        derived(formula, numbers(2, 3, 4))


def test_a_sigmoid_in_two_halves_has_its_slope_everywhere() -> None:
    """Its second half uses exp(z) twice, and both uses are masked where exp(z) overflows."""

    def formula(z: Any) -> Any:
        return np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))

    z = np.array([-1e4, -745.0, -1.0, 0.0, 1.0, 745.0, 1e4]).reshape(1, -1, 1)
    with np.errstate(all="ignore"):
        slope = derived(formula, z)[0]
    np.testing.assert_allclose(slope, special.expit(z) * special.expit(-z), rtol=1e-12, atol=1e-320)


def test_an_overflow_in_the_branch_that_does_not_count_makes_no_nan() -> None:
    z = np.array([[[1000.0, -1.0]]])
    with np.errstate(over="ignore"):
        [slope] = derived(lambda z: 2 * np.where(z > 0, z, np.expm1(z)) + 1, z)
    np.testing.assert_allclose(slope, [[[2.0, 2 * np.exp(-1.0)]]])


def test_a_number_per_trial_needs_no_gradient_of_the_result() -> None:
    x, y = numbers(2, 3, 4), numbers(2, 3, 4, seed=1)

    def value(_: Any, x: Any, y: Any) -> Any:
        return ((x - y) ** 2).mean(axis=(1, 2))

    [slope] = pullback(Formulas(), value, [x, y], name="value")
    np.testing.assert_allclose(slope, 2 * (x - y) / 12, rtol=1e-14)  # by hand


def test_what_a_result_does_not_depend_on_has_gradient_0() -> None:
    x, w = numbers(1, 2, 3), numbers(1, 3, 2)
    np.testing.assert_array_equal(derived(lambda x, w: x * x, x, w)[1], np.zeros((1, 3, 2)))


@dataclass(frozen=True)
class Scaled(Activation):
    """A sigmoid with a slope: f(z) = σ(slope z)."""

    name: ClassVar[str] = "scaled"

    slope: Hyper = hyper(1.0, "(0, inf)")

    def forward(self, z: Any) -> Any:
        if np.all(self.slope > 100):  # a decision by a hyperparameter can be followed
            return np.heaviside(z, 0.5) + 0 * z
        return 1 / (1 + np.exp(-self.slope * z))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_component_keeps_its_type_and_gives_each_trial_its_own(dtype: str) -> None:
    z = numbers(2, 3, 4).astype(dtype)
    together = Scaled(slope=np.array([1.0, 3.0], dtype).reshape(2, 1, 1))
    grad = np.ones_like(z)
    slope = together.backward(grad, z, together.forward(z))
    assert slope.dtype == dtype
    for trial, value in enumerate((1.0, 3.0)):
        alone = Scaled(slope=np.array([[[value]]], dtype))
        one = z[trial : trial + 1]
        a = alone.forward(one)
        np.testing.assert_array_equal(alone.backward(grad[:1], one, a), slope[trial : trial + 1])
        np.testing.assert_allclose(slope[trial], value * (a * (1 - a))[0], rtol=1e-6)  # by hand


def test_a_decision_by_a_hyperparameter_is_taken_for_each_component() -> None:
    z = numbers(1, 2, 3)
    steep = Scaled(slope=np.array([[[1000.0]]]))
    np.testing.assert_array_equal(steep.backward(np.ones_like(z), z, steep.forward(z)), np.zeros_like(z))


UNARY: list[Callable[[Any], Any]] = [
    *(np.sin, np.cos, np.tanh, np.exp, np.arctan, np.square, np.negative, special.erf),
    lambda x: 1 / (1 + np.exp(-x)),
    lambda x: np.log(x * x + 1.5),
    lambda x: np.sqrt(x * x + 0.5),
    lambda x: x - x.mean(axis=2, keepdims=True),
    lambda x: x * x.sum(axis=1, keepdims=True),
    lambda x: np.exp(x) / np.exp(x).sum(axis=2, keepdims=True),
    lambda x: x.swapaxes(1, 2),
    lambda x: np.concatenate([x[:, 1:], x[:, :1]], axis=1),
    lambda x: x @ x,
    lambda x: np.stack([x, 2 * x], axis=1).sum(axis=1),
    lambda x: 0.5 * np.cumsum(x, axis=2),
]
BINARY: list[Callable[[Any, Any], Any]] = [
    *(operator.add, operator.sub, operator.mul, operator.matmul),
    lambda x, y: x / (y * y + 1),
    lambda x, y: np.concatenate([x, y], axis=2)[:, :, 1:4],
    lambda x, y: x + y[:, :1],
    lambda x, y: x * y[:, :, :1],
    lambda x, y: np.einsum("tij,tkj->tik", x, y),
]


@st.composite
def compositions(draw: Any) -> list[tuple[Any, ...]]:
    """Draw up to eight steps, each a function of earlier results; results 0 and 1 are the inputs."""
    steps: list[tuple[Any, ...]] = []
    for made in range(2, 2 + draw(st.integers(1, 8))):
        earlier = st.integers(max(0, made - 4), made - 1)
        if draw(st.booleans()):
            steps.append((draw(st.sampled_from(UNARY)), draw(earlier)))
        else:
            steps.append((draw(st.sampled_from(BINARY)), draw(earlier), draw(earlier)))
    return steps


@given(steps=compositions(), seed=st.integers(0, 2**16))
def test_gradients_of_random_compositions(steps: list[tuple[Any, ...]], seed: int) -> None:
    def formula(x: Any, y: Any) -> Any:
        made = [x, y]
        for function, *places in steps:
            # Scaled by a constant, so that no composition overflows.
            made.append(0.5 * function(*(made[place] for place in places)))
        return made[-1]

    x, y = numbers(1, 3, 3, seed=seed, low=-1), numbers(1, 3, 3, seed=seed + 1, low=-1)
    weights = numbers(1, 3, 3, seed=seed + 2, low=-1)
    expected = complex_steps(formula, x, y, weights=weights)
    size = 1 + max(np.abs(part).max() for part in expected)
    for ours, right in zip(derived(formula, x, y, weights=weights), expected, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-11, atol=1e-12 * size)


def changed_argument(x: Any) -> Any:
    x += 1
    return x


def changed_part(x: Any) -> Any:
    x = x * 1
    part = x[:, 0]
    part *= 2
    return x


def grown(x: Any) -> Any:
    z = x[:, :1] * 1
    z += x
    return z


@pytest.mark.parametrize("formula", [changed_argument, changed_part, grown])
def test_a_change_in_place_that_the_trace_would_get_wrong_is_refused(formula: Callable[[Any], Any]) -> None:
    x = numbers(2, 3, 4)
    with pytest.raises(Underivable, match="an operation in place"):
        pullback(Formulas(), lambda _, z: formula(z), [x], name="f", grad=x)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0, 3.0, -1.0])
def test_a_power_of_one_trial_is_computed_as_among_many(exponent: float) -> None:
    """A single exponent of 2 or 0.5 makes NumPy square or take the root, with other last digits."""
    base = np.random.default_rng(0).uniform(0.1, 30.0, (1, 5, 33)).astype(np.float32)
    one = np.full((1, 1, 1), exponent, np.float32)
    written_out = np.power(base, np.full(base.shape, exponent, np.float32))
    assert np.array_equal(primitives.power(base, one), written_out)

    graph = Graph()
    z, alpha = graph.input(base), graph.input(one, known=True)
    assert (z**alpha).node.function is np.power(z, alpha).node.function is primitives.power
    assert (z**z).node.function is not primitives.power  # as many exponents as numbers
    assert (z**2).node.function is not primitives.power
