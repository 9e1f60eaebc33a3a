"""The conformance kit must catch what it promises to catch: components that are wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from anncore import ComponentError, Hyper, linear, load_registry, param, ref
from anncore.registry import Registry
from anncore.testing import Check, check_component, checks_for, parametrize_with_checks
from anncore.types import Array


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(environ={"ANNX_PLUGINS": ""})


def failures(cls: Any, **how: Any) -> dict[str, str]:
    """Run every check and return the messages of those that fail, by name."""
    found = {}
    for check in checks_for(cls, **how):
        try:
            check()
        except AssertionError as error:
            found[check.name] = str(error)
    return found


# A component of each kind that is right, to be spoilt in one way at a time.


@dataclass(frozen=True)
class Bent:
    """A line with a bend at 0.

        f(z) = z where z > 0, slope z elsewhere

    Domain: slope in [0, 1]. Nobody, "Bent lines", 2020.
    """

    name: ClassVar[str] = "bent"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    slope: Hyper = param(0.1, "[0, 1]", search=linear(0.1, 0.5))

    def forward(self, z: Array) -> Array:
        return np.where(z > 0, z, self.slope * z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return np.where(z > 0, grad, self.slope * grad)


@dataclass(frozen=True)
class Quartic:
    """Mean of the fourth power of the error.

        ℓ = (a - y)⁴

    Domain: real. Nobody, "Fourth powers", 2020.
    """

    name: ClassVar[str] = "quartic"
    outputs: ClassVar[dict[str, str]] = {"regression": "identity"}

    def value(self, output: Array, target: Array) -> Array:
        return ((output - target) ** 4).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        return 4 * (output - target) ** 3 / (output.shape[1] * output.shape[2])


class State(NamedTuple):
    v: Array


@dataclass(frozen=True)
class Plain:
    """Gradient descent that remembers the last gradient for no reason.

        θ ← θ - lr g

    Domain: lr > 0. Nobody, "Down", 2020.
    """

    name: ClassVar[str] = "plain"
    lr: Hyper = param(0.01, "(0, inf)")

    def init(self, param: Array) -> State:
        return State(np.zeros_like(param))

    def step(self, param: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -self.lr * grad, State(grad + 0)


@dataclass(frozen=True)
class Share:
    """Share of the outputs that are on the right side of 1/2.

        mean [p > 1/2] = y

    Nobody, "Sides", 2020.
    """

    name: ClassVar[str] = "share"
    goal: ClassVar[str] = "max"
    tasks: ClassVar[tuple[str, ...]] = ("binary",)
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        right = ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, right)


@dataclass(frozen=True)
class Fade:
    """Falls with t.

        1 / t

    Nobody, "Fading", 2020.
    """

    name: ClassVar[str] = "fade"

    def factor(self, t: int, steps: int) -> Hyper:
        return 1 / t


@dataclass(frozen=True)
class Spread:
    """Weights from N(0, 1).

        W ~ N(0, 1)

    Nobody, "Spread", 2020.
    """

    name: ClassVar[str] = "spread"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.standard_normal(shape)


@dataclass(frozen=True)
class Shallow:
    """A hidden layer of two units.

        z = f(x A) B

    Nobody, "Shallow", 2020.
    """

    name: ClassVar[str] = "shallow"
    activation: Any = ref("activation", "tanh")

    def specs(self, inputs: int, outputs: int) -> Any:
        from anncore import ParamSpec

        return [
            ParamSpec("A", (inputs, 2), inputs, 2),
            ParamSpec("B", (2, outputs), 2, outputs),
        ]

    def forward(self, params: Any, x: Array) -> tuple[Array, Any]:
        z = x @ params["A"]
        a = self.activation[0].forward(z)
        return a @ params["B"], (x, z, a)

    def backward(self, params: Any, tape: Any, grad: Array, grads: Any) -> None:
        x, z, a = tape
        grads["B"][:] = a.swapaxes(1, 2) @ grad
        back = self.activation[0].backward(grad @ params["B"].swapaxes(1, 2), z, a)
        grads["A"][:] = x.swapaxes(1, 2) @ back


@dataclass(frozen=True)
class Coins:
    """Coin tosses.

    x ~ N(0, 1), y a coin. n examples.
    """

    name: ClassVar[str] = "coins"
    n: int = param(50, "int [10, inf)")

    def make(self, rng: np.random.Generator) -> Any:
        from anncore import Data

        return Data(rng.standard_normal((self.n, 2)), np.arange(self.n) % 2, "binary")


RIGHT = [Bent, Quartic, Plain, Share, Fade, Spread, Shallow, Coins]


@parametrize_with_checks(RIGHT)
def test_components_that_are_right_pass(check: Check) -> None:
    check()


def spoilt(cls: Any, **members: Any) -> Any:
    """Return a subclass with some members replaced."""
    made = type(cls.__name__, (cls,), {"__doc__": cls.__doc__, "__module__": __name__, **members})
    return dataclass(frozen=True)(made)


def mean_over_trials(self: Any, z: Array) -> Array:
    return z - z.mean(axis=0, keepdims=True)


def doubled_in_place(self: Any, grad: Array, z: Array, a: Array) -> Array:
    grad *= np.where(z > 0, 1, 0.1)
    return grad


def double_precision(self: Any, z: Array) -> Array:
    return np.where(z > 0, z, np.full(z.shape, 0.1) * z)


def overflowing(self: Any, z: Array) -> Array:
    return np.log(1 + np.exp(z))


def its_slope(self: Any, grad: Array, z: Array, a: Array) -> Array:
    return grad / (1 + np.exp(-z))


def noisy(self: Any, z: Array) -> Array:
    return np.where(z > 0, z, self.slope * z) + 0 * np.random.rand()  # noqa: NPY002


def unrepeatable(self: Any, z: Array) -> Array:
    return z + np.random.default_rng().normal()


def value_of_clipped(self: Any, output: Array, target: Array) -> Array:
    return np.zeros(len(output), dtype=output.dtype)


def sum_over_examples(self: Any, output: Array, target: Array) -> Array:
    return ((output - target) ** 4).sum(axis=(1, 2))


def its_gradient(self: Any, output: Array, target: Array) -> Array:
    return 4 * (output - target) ** 3


def absolute(self: Any, output: Array, target: Array) -> Array:
    return np.abs(output - target).mean(axis=(1, 2))


def sign(self: Any, output: Array, target: Array) -> Array:
    return np.sign(output - target) / (output.shape[1] * output.shape[2])


def uphill(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    return self.lr * grad, state


def normed(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    return -self.lr * grad / np.sqrt((grad * grad).sum(axis=2, keepdims=True) + 1e-8), state


def divided_by_zero(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    return -self.lr * grad / np.abs(grad), state


def written_state(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    state.v[:] = 0.9 * state.v + grad
    return -self.lr * state.v, state


def moved_param(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    param -= self.lr * grad
    return -self.lr * grad, state


def without_trials(self: Any, param: Array) -> State:
    return State(np.zeros(2))


def beyond(self: Any, output: Array, target: Array) -> Array:
    return 2 * ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))


def blind_to_nan(self: Any, output: Array, target: Array) -> Array:
    return ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))


def first_matters(self: Any, output: Array, target: Array) -> Array:
    return (output[:, 0, 0] > 0.5) * 0.5 + 0.5 * (np.abs(output - target).max(axis=(1, 2)) == 0)


def not_a_number(self: Any, t: int, steps: int) -> float:
    return float("nan")


def transposed(
    self: Any, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
) -> Array:
    return rng.standard_normal(shape[::-1])


def half_a_gradient(self: Any, params: Any, tape: Any, grad: Array, grads: Any) -> None:
    grads["B"][:] = tape[2].swapaxes(1, 2) @ grad  # and A is forgotten


SHARED = np.random.default_rng(0).standard_normal((20, 2))


def shared(self: Any, rng: np.random.Generator) -> Any:
    from anncore import Data

    return Data(SHARED, np.arange(20) % 2, "binary")


def with_holes(self: Any, rng: np.random.Generator) -> Any:
    from anncore import Data

    return Data(np.full((20, 2), np.nan), np.arange(20) % 2, "binary")


@pytest.mark.parametrize(
    ("cls", "check", "because"),
    [
        (spoilt(Bent, forward=mean_over_trials), "stacked_as_alone", "in a stack of 2 and alone"),
        (spoilt(Bent, forward=mean_over_trials), "isolated", "beside one of nan"),
        (spoilt(Bent, backward=doubled_in_place), "inputs_unchanged", "writes to an array it was handed"),
        (spoilt(Bent, forward=double_precision), "keeps_dtype", "forward is float64 for float32"),
        (spoilt(Bent, backward=lambda self, grad, z, a: grad), "gradient", "backward at z = -1"),
        (spoilt(Bent, kinks=()), "gradient", "declare a corner there in kinks"),
        (spoilt(Bent, range="[0, inf)"), "range", "outside the declared range [0, inf)"),
        (spoilt(Bent, forward=overflowing, backward=its_slope), "extremes_finite", "overflow"),
        (spoilt(Bent, forward=noisy), "no_global_rng", "global generator"),
        (spoilt(Bent, forward=unrepeatable), "deterministic", "another result the second time"),
        (spoilt(Bent, forward=lambda self, z: z.sum(axis=1)), "gradient", "raised"),
        (spoilt(Bent, __doc__="Bent"), "documentation", "must open with one line"),
        (spoilt(Bent, __doc__="Bent.\n\nBy nobody, 2020."), "documentation", "hyperparameter slope"),
        (spoilt(Bent, __doc__="Bent.\n\nslope bends it."), "documentation", "where it comes from"),
        (spoilt(Bent, presets={"seed": {"slop": 0.1}}), "defaults", "slop"),
        (spoilt(Bent, backward=None), "well_formed", "backward"),
        (spoilt(Quartic, value=value_of_clipped), "gradient", "grad for output"),
        (spoilt(Quartic, value=sum_over_examples, grad=its_gradient), "mean_over_examples", "given twice"),
        (spoilt(Quartic, value=absolute, grad=sign), "gradient", "declare a corner in kinks"),
        (spoilt(Quartic, joint=("identity",)), "attributes", "no value_from_logits"),
        (spoilt(Quartic, value=lambda self, output, target: np.float64(0)), "stacked_as_alone", "not (T,)"),
        (spoilt(Plain, step=uphill), "quadratic", "the quadratic goes from"),
        (spoilt(Plain, step=normed), "elementwise", "set elementwise = False"),
        (spoilt(Plain, step=divided_by_zero), "zero_gradient", "invalid value"),
        (spoilt(Plain, step=written_state), "inputs_unchanged", "writes to an array it was handed"),
        (spoilt(Plain, step=moved_param), "inputs_unchanged", "writes to an array it was handed"),
        (spoilt(Plain, init=without_trials), "state", "first axis must be the trials"),
        (spoilt(Share, score=beyond), "bounds", "outside the bounds [0, 1]"),
        (spoilt(Share, score=blind_to_nan), "nan", "a NaN prediction scores"),
        (spoilt(Share, goal="min"), "goal", "the goal is min"),
        (spoilt(Share, score=first_matters), "order_free", "in another order"),
        (spoilt(Fade, factor=not_a_number), "factors", "of update 1 of 1 is [nan]"),
        (spoilt(Fade, factor=lambda self, t, steps: 0.0), "factors", "0 throughout"),
        (spoilt(Spread, sample=transposed), "weights", "shape (8, 3) where (3, 8)"),
        (spoilt(Shallow, backward=half_a_gradient), "gradient", "backward for A: nan"),
        (spoilt(Coins, make=shared), "rows_unshared", "two calls share x"),
        (spoilt(Coins, make=with_holes), "data", "x must be finite"),
    ],
)
def test_components_that_are_wrong_fail_for_the_reason(cls: Any, check: str, because: str) -> None:
    kind = next(each.subject.kind for each in checks_for(cls.__mro__[1]))
    found = failures(cls, kind=kind)
    assert check in found, found
    assert because in found[check]
    assert found[check].startswith(f"{kind} {cls.name}: {check}: ")


def test_a_domain_that_is_not_enforced_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(cls: Any, **values: Any) -> Any:
        known = {key: value for key, value in values.items() if key == "slope"}
        if known != values:
            raise ComponentError("unknown hyperparameter no_such_hyperparameter")
        return cls(**known)

    monkeypatch.setattr("anncore.testing.generic.build", unchecked)
    assert "slope = nan was accepted" in failures(Bent)["out_of_domain"]


def test_a_joint_form_that_is_another_loss_is_found(registry: Registry) -> None:
    right = registry.get("loss", "binary_cross_entropy").cls
    wrong = spoilt(right, grad_from_logits=lambda self, z, target, link: (z - target) / z.shape[1])
    assert "grad_from_logits with sigmoid" in failures(wrong)["joint_as_chained"]


@dataclass(frozen=True)
class Powered:
    """A power of the magnitude, f(z) = |z|ⁿ with n = exponent, 2 by default.

    By nobody, 2020.
    """

    name: ClassVar[str] = "powered"
    exponent: Any = param(2.0, "(1, 4]")

    def forward(self, z: Array) -> Array:
        return np.abs(z) ** self.exponent  # NumPy squares for one trial and calls pow for several

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * self.exponent * np.sign(z) * np.abs(z) ** (self.exponent - 1)


def test_a_power_that_is_computed_otherwise_for_one_trial_than_for_two_is_found() -> None:
    assert "in a stack of 2 and alone" in failures(Powered)["stacked_as_alone"]


def test_a_check_that_skipped_everything_fails() -> None:
    everywhere = tuple(np.linspace(-9, 9, 18001))  # a corner every 0.001: no place is left
    found = failures(spoilt(Bent, kinks=everywhere))
    assert found["gradient"].endswith("nothing was left to check, all of it was skipped")


def test_all_broken_promises_are_named_at_once() -> None:
    wrong = spoilt(Bent, forward=mean_over_trials, __doc__="Bent")
    with pytest.raises(AssertionError) as caught:
        check_component(wrong)
    lines = str(caught.value).splitlines()
    assert {"documentation", "stacked_as_alone", "isolated"} <= {line.split(": ")[1] for line in lines}


@dataclass(frozen=True)
class Understated(Bent):
    __doc__ = Bent.__doc__
    range: ClassVar[str] = "[0, inf)"


def test_expected_failures_are_strict() -> None:
    check_component(Understated, expected_failures={"range": "negative on purpose"})
    with pytest.raises(AssertionError, match=r"range: passes, though expected to fail \(a mistake\)"):
        check_component(Bent, expected_failures={"range": "a mistake"})
    with pytest.raises(AssertionError, match="rang: no such check"):
        check_component(Bent, expected_failures={"rang": "a misspelling"})
    with pytest.raises(ValueError, match="bent has no check called rang"):
        parametrize_with_checks([Bent], expected_failures={"bent": {"rang": "a misspelling"}})


def test_a_registered_component_is_as_good_as_its_class(registry: Registry) -> None:
    component = registry.get("activation", "tanh")
    by_class = [check.name for check in checks_for(component.cls)]
    assert [check.name for check in checks_for(component)] == by_class


def test_the_kind_is_told_by_the_methods() -> None:
    kinds = [next(iter(checks_for(cls))).subject.kind for cls in RIGHT]
    expected = "activation loss optimizer metric schedule initializer network dataset"
    assert kinds == expected.split()


def test_what_is_no_component_is_refused() -> None:
    with pytest.raises(TypeError, match="'int' has the methods of no kind"):
        list(checks_for(int))
