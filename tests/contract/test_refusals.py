"""What a formula that cannot be derived says: one line with the operation, the place and the way out."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.special
from scipy.special import logsumexp

from anncore import Activation, Array, ComponentError, Hyper, JointLoss, Objective, hyper
from anncore.contract.derivatives import Underivable

Z = np.random.default_rng(0).normal(size=(2, 3, 4))


@dataclass(frozen=True)
class Odd(Activation):
    """An activation whose formula each test replaces."""

    name: ClassVar[str] = "odd"
    alpha: Hyper = hyper(1.0, "(0, inf)")

    def forward(self, z: Array) -> Array:
        return z * self.alpha


def with_formula(formula: Callable[..., Any]) -> Any:
    """Return an activation with hyperparameters per trial and this forward."""
    cls: Any = type("Made", (Odd,), {"forward": formula})
    return cls(alpha=np.array([1.0, 2.0]).reshape(2, 1, 1))


def message(formula: Callable[..., Any]) -> str:
    """Return what its gradient says."""
    with pytest.raises(Underivable) as caught:
        with_formula(formula).backward(np.ones_like(Z), Z, Z)
    return str(caught.value)


def decides(self: Any, z: Any) -> Any:
    if z[:, :, 0] > 0:
        return z
    return -z


def decides_by_all(self: Any, z: Any) -> Any:
    return z if (z > 0).all() else -z


def assigns(self: Any, z: Any) -> Any:
    out = np.empty_like(z)
    out[:, :, :2] = z[:, :, :2] ** 2
    return out


def assigns_to_its_own(self: Any, z: Any) -> Any:
    y = z + 0
    y[y < 0] = 0
    return y


def adds_in_place(self: Any, z: Any) -> Any:
    total = np.zeros_like(z)
    total += z
    return total


def by_a_boolean_index(self: Any, z: Any) -> Any:
    return z[..., np.array([True, False, True, False])]


def iterates(self: Any, z: Any) -> Any:
    return np.stack([2 * row for row in z])


VALUES = "needs the numbers of an array, which a derivative cannot follow"
MIXES = "mixes the trials, which are axis 0 of every array"
REFUSED: list[tuple[Callable[..., Any], str]] = [
    (decides, "a decision by a value (if, while, and, or) cannot be followed: use np.where"),
    (lambda self, z: z if z[:, :, :1] and z else -z, "a decision by a value"),
    (lambda self, z: max(z, 0), f"max {VALUES}"),
    (lambda self, z: float(z) * z, f"float {VALUES}"),
    (lambda self, z: z * math.exp(z), f"math.exp {VALUES}"),
    (lambda self, z: round(z), "round cannot be followed (TypeError: "),
    (lambda self, z: z.tolist(), ".tolist of an array has no known derivative"),
    (assigns, "assignment to a part of an array cannot be followed: use np.where or np.concatenate"),
    (assigns_to_its_own, "assignment to a part of an array cannot be followed"),
    (adds_in_place, "a change of an array in place (+=) cannot be followed: make a new array"),
    (lambda self, z: np.multiply(z, 2, out=np.empty(z.shape)), "np.multiply with out= cannot be followed"),
    (lambda self, z: np.divide(1, z, where=z > 0), "np.divide with where= cannot be followed"),
    (lambda self, z: z.sum(axis=2, where=z > 0, keepdims=True), "np.sum with where= cannot be followed"),
    (lambda self, z: z[z > 0], "an index that depends on values cannot be followed"),
    (lambda self, z: np.eye(4)[z.argmax(axis=-1)] + z, "an index that depends on values"),
    (by_a_boolean_index, "a boolean index cannot be followed: use np.where"),
    (lambda self, z: z[0] * z, "an index of axis 0 takes trials apart: write [:, ...] or [..., i]"),
    (lambda self, z: z[..., 0, 0, 0] * z, "an index of axis 0"),
    (iterates, "iteration over an array runs over its first axis, the trials"),
    (lambda self, z: z - logsumexp(z, axis=-1, keepdims=True), f"logsumexp {VALUES}"),
    (lambda self, z: scipy.special.softmax(z, axis=-1), f"scipy.special.softmax {VALUES}"),
    (lambda self, z: np.vectorize(math.exp)(z), f"np.vectorize(math.exp) {VALUES}"),
    (lambda self, z: np.asarray(z) * 2, f"np.asarray {VALUES}"),
    (lambda self, z: np.linalg.svd(z)[1] + z, "np.linalg.svd has no known derivative"),
    (lambda self, z: np.fft.fft(z).real, "np.fft.fft has no known derivative"),
    (lambda self, z: np.interp(z, [0, 1], [0, 1]), "np.interp has no known derivative"),
    (lambda self, z: np.maximum.accumulate(z, axis=2), "np.maximum.accumulate has no known derivative"),
    (lambda self, z: np.frexp(z)[0], "np.frexp has no known derivative"),
    (lambda self, z: scipy.special.jv(1, z), "scipy.special.jv has no known derivative"),
    (lambda self, z: np.concatenate([z, z]), f"np.concatenate along axis 0 {MIXES}"),
    (lambda self, z: z.T @ z, f"a transpose of all axes {MIXES}"),
    (lambda self, z: z.reshape(-1), f"reshape from (2, 3, 4) to (24,) {MIXES}"),
    (lambda self, z: np.einsum("tnd,tnd->nd", z, z), f"np.einsum 'tnd,tnd->nd' {MIXES}"),
]


@pytest.mark.parametrize(("formula", "expected"), REFUSED, ids=[text[:40] for _, text in REFUSED])
def test_the_message_names_operation_place_and_way_out(formula: Callable[..., Any], expected: str) -> None:
    text = message(formula)
    assert text.startswith(f"odd: {expected}")
    assert f"({__file__.rsplit('/', 1)[-1]}, line " in text
    assert text.endswith("; write backward, or the formula without it")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (lambda self, z: z + np.ones(5), "+ of shapes (2, 3, 4) and (5,) fails: "),
        (lambda self, z: np.logaddexp(z, np.ones(5)), "np.logaddexp of shapes (2, 3, 4) and (5,) fails: "),
        (lambda self, z: z @ z, "@ of shapes (2, 3, 4) and (2, 3, 4) fails: "),
    ],
)
def test_shapes_that_do_not_fit_ask_for_no_gradient(formula: Callable[..., Any], expected: str) -> None:
    text = message(formula)
    assert text.startswith(f"odd: {expected}")
    assert "test_refusals.py, line " in text
    assert "write backward" not in text


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (lambda self, z: z - z.mean(axis=0), f"np.mean over axis 0 {MIXES}"),
        (lambda self, z: z / z.sum(), f"np.sum over all axes {MIXES}"),
        (decides_by_all, f"np.all over all axes {MIXES}"),
        (lambda self, z: z if (z > 5).any() else -z, f"np.any over all axes {MIXES}"),
    ],
)
def test_a_reduction_over_the_trials_asks_for_other_axes_and_for_no_gradient(
    formula: Callable[..., Any], expected: str
) -> None:
    text = message(formula)
    assert text.startswith(f"odd: {expected} (test_refusals.py, line ")
    assert text.endswith("; name the other axes, as in axis=(1, 2)")
    assert "write backward" not in text


def test_the_line_is_that_of_the_operation() -> None:
    first = assigns.__code__.co_firstlineno
    assert f"test_refusals.py, line {first + 2}: out[:, :, :2] = z[:, :, :2] ** 2)" in message(assigns)


def test_an_operation_without_a_derivative_is_placed_although_its_rule_is_looked_up_later() -> None:
    def formula(self: Any, z: Any) -> Any:
        y = scipy.special.jv(1, z)
        return 2 * y

    line = formula.__code__.co_firstlineno + 1
    assert f"line {line}: y = scipy.special.jv(1, z))" in message(formula)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (lambda self, z: np.ones_like(z), "the result does not depend on the arguments"),
        (lambda self, z: self.alpha * np.ones((2, 3, 4)), "the result does not depend on the arguments"),
        (lambda self, z: None, "the result of type NoneType does not depend on the arguments"),
        (lambda self, z: [z], "the result of type list does not depend on the arguments"),
    ],
)
def test_a_result_that_does_not_depend_on_the_input_is_refused(
    formula: Callable[..., Any], expected: str
) -> None:
    assert message(formula) == f"odd: {expected}; write backward, or the formula without it"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (lambda self, z: z.sum(axis=2), "the result has shape (2, 3), where (2, 3, 4) is right"),
        (lambda self, z: z + nothing, "the formula raises NameError: name 'nothing' is not defined"),  # type: ignore[name-defined]  # noqa: F821
        (lambda self, z: z.foo(), "the formula raises AttributeError: an array has no attribute 'foo'"),
    ],
)
def test_of_a_mistake_no_gradient_by_hand_is_asked(formula: Callable[..., Any], expected: str) -> None:
    text = message(formula)
    assert text.startswith(f"odd: {expected}")
    assert "write backward" not in text


def test_a_plugins_own_error_stays_as_it_is() -> None:
    def formula(self: Any, z: Any) -> Any:
        raise ComponentError("odd: there must be four units")

    with pytest.raises(ComponentError, match=r"^odd: there must be four units$"):
        with_formula(formula).backward(np.ones_like(Z), Z, Z)


def test_a_hyperparameter_may_decide_and_be_an_array() -> None:
    def formula(self: Any, z: Any) -> Any:
        return z * np.asarray(self.alpha) if self.alpha.min() > 0 else z

    np.testing.assert_array_equal(
        with_formula(formula).backward(np.ones_like(Z), Z, Z)[:, 0, 0], np.array([1.0, 2.0])
    )


@dataclass(frozen=True)
class Rooted(JointLoss):
    """A loss with a formula that cannot be derived.

    By nobody, 2020.
    """

    name: ClassVar[str] = "rooted"
    outputs: ClassVar[Any] = {"regression": "identity"}
    joint: ClassVar[tuple[str, ...]] = ("identity",)

    def value(self, output: Array, target: Array) -> Array:
        return np.linalg.det(output) + target[:, 0, 0]

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        return self.value(z, target)


@dataclass(frozen=True)
class Pit(Objective):
    """An objective whose value is not one number per trial."""

    name: ClassVar[str] = "pit"
    dimensions: ClassVar[int] = 4

    def start(self, rng: np.random.Generator) -> Array:
        return np.zeros(4)

    def value(self, x: Array) -> Array:
        return (x * x).sum(axis=2)


def test_each_kind_says_which_method_to_write() -> None:
    with pytest.raises(Underivable, match=r"^rooted: np.linalg.det has .*; write grad, or"):
        Rooted().grad(Z, Z)
    with pytest.raises(Underivable, match=r"^rooted: np.linalg.det has .*; write grad_from_logits, or"):
        Rooted().grad_from_logits(Z, Z, "identity")
    with pytest.raises(Underivable, match=r"^pit: the value must be one number per trial, \(T,\), and has"):
        Pit().grad(Z[:, :1])


def test_the_error_survives_the_way_to_another_process() -> None:
    error = Underivable("np.linalg.svd has no known derivative", " (a.py, line 3)", "odd", "backward")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.reason == "np.linalg.svd has no known derivative (a.py, line 3); " + (
        "write backward, or the formula without it"
    )
