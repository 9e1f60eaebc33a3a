"""What an optimizer inside another one sees where it asks for more gradients.

It must see one problem: the gradient that its step gets and those that it asks for come by the same changes.
A wrapper says these in `gradient`, `loss` or `evaluate_inside`. One that changes the gradient in `step` alone
is refused: a line search would go to the minimum of another loss than its direction does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array, AskingWrapper, Evaluate, OptimizerWrapper, overrides

Ask = Callable[[], Evaluate]
"""Returns, during a step, the function that evaluates loss and gradient at other weights of the trials."""

CLOSE = 1e-3  # of the largest number: gradients computed twice, by kernels and by formulas, are closer


class HiddenChange(ComponentError):
    """A wrapper changes the first gradient of a step, but not those that the optimizer inside asks for."""


class _Step(NamedTuple):
    """The arguments of a wrapper's step that is under way."""

    weight: Array
    grad: Array
    state: Any
    t: int


class View:
    """The trials' loss and gradient as an optimizer hands them to those inside it."""

    def __init__(self, outer: Any, ask: Ask | None) -> None:
        self._outer, self._ask = outer, ask
        self._step: _Step | None = None

    def begin(self, weight: Array, grad: Array, state: Any, t: int) -> None:
        """Note the arguments of the outer optimizer's step."""
        self._step = _Step(weight, grad, state, t)

    def ask(self) -> Evaluate:
        """Return the function that an asking optimizer inside evaluates by."""
        assert self._ask is not None
        assert self._step is not None
        evaluate = self._ask()
        if not isinstance(self._outer, (OptimizerWrapper, AskingWrapper)):
            return evaluate
        return self._outer.evaluate_inside(evaluate, self._step.state, self._step.t)

    def check(self, inner: str, weight: Array, grad: Array) -> None:
        """Raise HiddenChange if the optimizer `inner` gets another gradient than it would get by asking."""
        assert self._step is not None
        outer, step = self._outer, self._step
        if not _same(weight, step.weight):
            raise HiddenChange(
                f"{outer.name} steps {inner} at other weights than its own, where the gradient is another; "
                "its step must hand on weight as it is."
            )
        if _by_methods(outer):
            due = outer.gradient(step.weight, step.grad, step.state, step.t)
            alike = _same(grad, due)
        elif isinstance(outer, (OptimizerWrapper, AskingWrapper)):
            if step.t > 1:
                return  # asking costs a whole gradient, so only the first step is compared
            due = self.ask()(weight)[1]
            alike = bool((np.abs(grad - due) <= CLOSE * np.abs(due).max(initial=0)).all())
        else:
            alike = _same(grad, step.grad)
        if not alike:
            raise HiddenChange(f"{outer.name} hands {inner} another gradient than {_way_out(outer, inner)}")


class Watched:
    """An optimizer that asks, inside another one: it has the same methods as what `fit` returns."""

    def __init__(self, fitted: Any, view: View, name: str) -> None:
        self._fitted, self._view, self._name = fitted, view, name

    def init(self, weight: Array) -> Any:
        """Return the first state."""
        return self._fitted.init(weight)

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        """Return the change and the next state. Raises HiddenChange for a gradient other than by asking."""
        self._view.check(self._name, weight, grad)
        return self._fitted.step(weight, grad, state, t)

    def evaluated(self, weight: Array, state: Any) -> Array:
        """Return the weights to evaluate at."""
        return self._fitted.evaluated(weight, state)


def _by_methods(outer: Any) -> bool:
    """Tell whether `gradient` alone says which gradient is handed on."""
    cls = type(outer)
    return isinstance(outer, OptimizerWrapper) and not overrides(cls, OptimizerWrapper.evaluate_inside)


def _same(one: Array, other: Array) -> bool:
    return one is other or bool(np.array_equal(one, other, equal_nan=True))


def _way_out(outer: Any, inner: str) -> str:
    cls = type(outer)
    if _by_methods(outer) and overrides(cls, OptimizerWrapper.gradient):
        return (
            "its method gradient returns; its step must pass on self.gradient(weight, grad, state, t), which "
            "must return the same whenever it is called."
        )
    if isinstance(outer, OptimizerWrapper) and _by_methods(outer):
        return (
            f"{inner} gets where it asks for more; write what changes the gradient in a method "
            "gradient(self, weight, grad, state, t), and in loss(self, weight, loss, state, t) what changes "
            "the loss: both hold for every gradient, those of step included."
        )
    return (
        f"{inner} gets where it asks for more; write the method evaluate_inside(self, evaluate, state, t), "
        f"which returns the function that {inner} evaluates by."
    )
