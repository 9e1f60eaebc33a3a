"""The check of an optimizer around another one, with inner optimizers of every form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import ref, references
from anncore.contract.kinds import (
    Array,
    AskingOptimizer,
    Evaluate,
    Optimizer,
    OptimizerWrapper,
    WeightSpec,
)
from anncore.engine.asking import HiddenChange
from anncore.engine.probing import refuse_hidden_changes
from anncore.testing.descent import NETWORK, STEPS, Bowl, leaves, walk
from anncore.testing.kit import (
    ProbeOptimizer,
    Speed,
    Subject,
    Variant,
    must,
    must_be_close,
    must_equal_bits,
)


@dataclass(frozen=True)
class Elsewhere(ProbeOptimizer):
    """The probe, evaluated at 1 + θ + v once it has moved."""

    def evaluated(self, weight: Array, state: Speed) -> Array:
        """Return weights that differ from those in training."""
        return np.where(state.v != 0, weight + state.v + 1, weight)


@dataclass(frozen=True)
class Asking(AskingOptimizer):
    """Gradient descent with the gradient at the point that the first gradient leads to."""

    name: ClassVar[str] = "probe"

    def init(self, weight: Array) -> tuple[()]:
        """Return the first state: nothing."""
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        """Return the change and the next state."""
        _, ahead = evaluate(weight - 0.01 * grad)
        return -0.01 * ahead, state


@dataclass(frozen=True)
class Repeating(Asking):
    """Gradient descent with the gradient that it asks for where it is; if `trusting`, the one it gets."""

    trusting: bool = False

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        """Return the change and the next state."""
        return -0.01 * (grad if self.trusting else evaluate(weight)[1]), state


@dataclass(frozen=True)
class Searching(Asking):
    """Gradient descent that halves its step until the loss falls by a tenth of what its slope promises."""

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        """Return the change and the next state."""
        loss, _ = evaluate(weight)
        promised = 0.1 * (grad * grad).sum(axis=2, keepdims=True)
        length = np.ones_like(loss)
        for _ in range(8):
            falls = evaluate(weight - length * grad)[0] <= loss - length * promised
            length = np.where(falls, length, length / 2)
        return -length * grad, state


@dataclass(frozen=True)
class ByMatrix(Optimizer):
    """Gradient descent by the gradient over its length in each array."""

    name: ClassVar[str] = "probe"
    scope: ClassVar[str] = "array"

    def init(self, weight: Array) -> tuple[()]:
        """Return the first state: nothing."""
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        """Return the change and the next state."""
        size = np.sqrt((grad * grad).reshape(len(grad), 1, -1).sum(axis=2, keepdims=True))
        return -0.1 * grad / (1 + size), state


@dataclass(frozen=True)
class ByTrial(ByMatrix):
    """Gradient descent by the gradient over its length in the trial."""

    scope: ClassVar[str] = "trial"


@dataclass(frozen=True)
class Routing(Optimizer):
    """Gradient descent for matrices; the probe updates all other arrays."""

    name: ClassVar[str] = "probe"
    scope: ClassVar[str] = "array"

    rest: Any = (ProbeOptimizer(),)

    def init(self, weight: Array) -> tuple[()]:
        """Return the first state: nothing."""
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        """Return the change and the next state."""
        return -0.02 * grad, state

    def route(self, spec: WeightSpec) -> str:
        """Return which optimizer updates an array."""
        return "" if spec.role == "weight" else "rest"


class Mean(NamedTuple):
    """The state of the probe wrapper, and the state inside."""

    mean: Array
    inner: Any


@dataclass(frozen=True)
class Wrapping(OptimizerWrapper):
    """The probe, evaluated at a running mean of its own weights to evaluate at."""

    name: ClassVar[str] = "probe"

    optimizer: Any = ref("optimizer", "probe")

    def init(self, weight: Array) -> Mean:
        """Return the first state."""
        return Mean(weight.copy(), self.wrapped.init(weight))

    def step(self, weight: Array, grad: Array, state: Mean, t: int) -> tuple[Array, Mean]:
        """Return the change and the next state."""
        change, inner = self.wrapped.step(weight, grad, state.inner, t)
        at = self.wrapped.evaluated(weight + change, inner)
        return change, Mean(0.5 * (state.mean + at), inner)

    def evaluated(self, weight: Array, state: Mean) -> Array:
        """Return the running mean."""
        return state.mean


INSIDE: Mapping[str, Callable[[], Any]] = {
    "is evaluated elsewhere": Elsewhere,
    "asks": Asking,
    "searches along a line": Searching,
    "works by array": ByMatrix,
    "works by trial": ByTrial,
    "routes": Routing,
    "wraps": lambda: Wrapping((Elsewhere(),)),
}


def nests(subject: Subject) -> int:
    """Around any optimizer it gives the same bits alone and stacked, and asks it for `evaluated`."""
    count = 0
    for variant in subject.variants():
        for form, make in INSIDE.items():
            try:
                count += _alone_as_stacked(subject, variant, form, make)
            except ComponentError:  # the core refuses some pairs, with a reason
                continue
        _hands_on(subject, variant)
    return count


def asked(subject: Subject) -> int:
    """An optimizer inside that asks sees the gradients and the loss that its steps get."""
    count = 0
    for variant in subject.variants():
        count += 1  # also where the core refuses the pair, with a reason
        try:
            refuse_hidden_changes(_around(subject, variant, Repeating(), [0]))
            repeating, trusting = (
                _changes(subject, variant, Repeating(trusting)) for trusting in (False, True)
            )
        except HiddenChange as error:
            raise AssertionError(f"{variant.label}: {error}") from None
        except ComponentError:
            continue
        for one, other in zip(repeating, trusting, strict=True):
            message = f"{variant.label}: a change by the gradient asked for, and by the one handed on"
            must_be_close(one, other, message, rtol=1e-6, atol=1e-12)
    return count


def _changes(subject: Subject, variant: Variant, inner: Any) -> list[Array]:
    weight, grads = _inputs()
    nest = _around(subject, variant, inner, [0, 1, 2])
    return [step.change for step in walk(nest, NETWORK, weight, grads, bowl=Bowl.like(weight))]


def _around(subject: Subject, variant: Variant, inner: Any, rows: list[int]) -> Any:
    values = subject.rows(variant, 3)
    component = subject.stack([values[row] for row in rows], "float64")
    field = next(key for key, reference in references(subject.cls).items() if reference.kind == "optimizer")
    object.__setattr__(component, field, (inner,))
    return component


def _inputs() -> tuple[Array, Array]:
    rng = np.random.default_rng(21)
    size = sum(spec.shape[0] * spec.shape[1] for spec in NETWORK)
    return rng.normal(size=(3, 1, size)), rng.normal(size=(3, STEPS, 1, size))


def _alone_as_stacked(subject: Subject, variant: Variant, form: str, make: Callable[[], Any]) -> int:
    weight, grads = _inputs()
    bowl = Bowl.like(weight)
    together = list(walk(_around(subject, variant, make(), [0, 1, 2]), NETWORK, weight, grads, bowl=bowl))
    where = f"{variant.label}, around one that {form}"
    for row in range(3):
        mine = slice(row, row + 1)
        alone = walk(
            _around(subject, variant, make(), [row]),
            NETWORK,
            weight[mine],
            grads[mine],
            bowl=Bowl.like(weight[mine]),
        )
        for step, stacked in zip(alone, together, strict=True):
            must(np.isfinite(step.change).all(), f"{where}: a change is not finite")
            must_equal_bits(step.change, stacked.change[mine].copy(), f"{where}: a change alone and stacked")
            if step.at is not None and stacked.at is not None:
                at = stacked.at[mine].copy()
                must_equal_bits(step.at, at, f"{where}: evaluated alone and stacked")
            for leaf in leaves(step.state):
                must(leaf.shape[:1] == (1,), f"{where}: a state's first axis must be the trials")
    return 1


def _hands_on(subject: Subject, variant: Variant) -> None:
    """Fail if the wrapper ignores the weights at which the optimizer inside is evaluated."""
    weight, grads = _inputs()
    try:
        ends = [
            list(walk(_around(subject, variant, inner, [0, 1, 2]), NETWORK, weight, grads))[-1].at
            for inner in (Elsewhere(), ProbeOptimizer())
        ]
    except ComponentError:
        return
    at, plain = ends
    must(
        at is not None and plain is not None and not np.array_equal(at, plain),
        f"{variant.label}: evaluated does not ask the optimizer inside for its weights to evaluate at; "
        "leave the method out, or call self.wrapped.evaluated",
    )
