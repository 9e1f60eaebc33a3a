"""What the kit says of a formula that turns float32 into float64, and what it lets pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from anncore import Array, Hyper, Optimizer, Schedule, hyper
from anncore.testing import checks_for


def outcome(cls: Any) -> str:
    (check,) = [check for check in checks_for(cls) if check.name == "keeps_dtype"]
    return check.outcome().reason


def optimizer(factor: Callable[[Any, int], Any]) -> Any:
    @dataclass(frozen=True)
    class Scaled(Optimizer):
        """Gradient descent: θ ← θ - lr f g."""

        name: ClassVar[str] = "scaled"

        lr: Hyper = hyper(0.1, "(0, inf)")
        beta1: Hyper = hyper(0.9, "(0, 1)")
        k: int = hyper(3, "int [2, inf)")

        def init(self, weight: Array) -> tuple[()]:
            return ()

        def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
            return -self.lr * factor(self, t) * grad, ()

    return Scaled


@pytest.mark.parametrize(
    "factor",
    [
        lambda self, t: np.log(self.beta1),
        lambda self, t: np.maximum(self.beta1, 0.5) ** t,
        lambda self, t: np.sqrt(1 - self.beta1**t),
        lambda self, t: float(np.log(self.k)) / t,
    ],
)
def test_a_function_of_a_hyperparameter_keeps_the_type(factor: Any) -> None:
    assert outcome(optimizer(factor)) == ""


@pytest.mark.parametrize(
    "factor",
    [lambda self, t: np.log(self.k), lambda self, t: np.sqrt(t), lambda self, t: np.log(2) * self.beta1],
)
def test_a_function_of_a_python_number_does_not_and_the_kit_says_what_to_write(factor: Any) -> None:
    assert "change 1 is float64 for float32 inputs; NumPy gives float64" in outcome(optimizer(factor))
    assert "math.log(2), or float(np.log(t))" in outcome(optimizer(factor))


def test_a_choice_between_two_constants_is_float64_and_the_kit_says_what_to_write() -> None:
    reason = outcome(optimizer(lambda self, t: np.where(self.beta1 > 0.5, 1, 0.2)))
    assert "change 1 is float64 for float32 inputs" in reason
    assert "np.where(z > 0, z, 0.2 * z) for z * np.where(z > 0, 1, 0.2)" in reason


def test_a_schedule_of_maxima() -> None:
    @dataclass(frozen=True)
    class Restarts(Schedule):
        """Polynomial decay with warm restarts: f = (1 - u)^power, u the share of a period."""

        name: ClassVar[str] = "restarts"

        cycles: Hyper = hyper(3.0, "[1, inf)")
        power: Hyper = hyper(1.0, "(0, inf)")

        def factor(self, t: int, steps: int, state: Any) -> Hyper:
            period = np.maximum(steps / self.cycles, 1.0)
            u = ((t - 1) % period) / period
            return (1 - u) ** self.power

    assert outcome(Restarts) == ""
