"""Optimizers in the kit: fitted to weights as the core fits them, and the results of their steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.hyperparameters import references
from anncore.contract.kinds import AnyOptimizer, Array, WeightSpec, overrides
from anncore.engine.nested import asks, fit, scope_of
from anncore.engine.quadratic import Quadratic
from anncore.testing.kit import must

STEPS = 6
WEIGHT = WeightSpec("W", (4, 3), 4, 3, place="hidden")
BIAS = WeightSpec("b", (1, 3), 4, 3, "bias", place="hidden")
FLAT = WeightSpec("W", (1, 37), 1, 37, place="hidden")
FLAT_WEIGHT = WeightSpec("W", (1, 12), 1, 12, place="hidden")
NETWORK = (
    WeightSpec("W1", (2, 4), 2, 4, place="input"),
    WeightSpec("b1", (1, 4), 2, 4, "bias", place="input"),
    WeightSpec("W2", (4, 3), 4, 3, place="hidden"),
    WeightSpec("b2", (1, 3), 4, 3, "bias", place="hidden"),
    WeightSpec("g2", (1, 3), 4, 3, "gain", 1.0, place="hidden"),
    WeightSpec("W3", (3, 2), 3, 2, place="output"),
    WeightSpec("b3", (1, 2), 3, 2, "bias", place="output"),
)


def _large(spec: WeightSpec, times: int = 8) -> WeightSpec:
    rows, columns = spec.shape
    shape = rows if rows == 1 else times * rows, times * columns
    return spec._replace(shape=shape, fan_in=times * spec.fan_in, fan_out=times * spec.fan_out)


LARGE_WEIGHT, LARGE_NETWORK = _large(WEIGHT), tuple(map(_large, NETWORK))
WIDE_NETWORK = tuple(_large(spec, 3) for spec in NETWORK)  # for an optimizer with a matrix of all its numbers


def is_plain(cls: Any) -> bool:
    """Tell whether the core calls an optimizer class's objects directly, without fitting them."""
    own = (AnyOptimizer.route, AnyOptimizer.fitted_to)
    return not (fields(cls) or cls.asks or any(overrides(cls, method) for method in own))


def fields(cls: Any) -> list[str]:
    """Return the names of the fields that hold optimizers."""
    return [key for key, reference in references(cls).items() if reference.kind == "optimizer"]


def leaves(state: Any) -> Iterator[Array]:
    """Yield the arrays of a nested state."""
    parts = [state]
    while parts:  # the kit calls this a hundred thousand times, and a generator in a generator is slow
        part = parts.pop()
        if isinstance(part, np.ndarray):
            yield part
        elif isinstance(part, (tuple, list)):
            parts.extend(reversed(part))
        elif isinstance(part, Mapping):
            parts.extend(reversed(list(part.values())))


class Bowl(Quadratic):
    """½ Σ c θ² + Σ g θ, the function that asking optimizers evaluate; g is `tilt`, new in every step."""

    def __init__(self, curvature: Array) -> None:
        super().__init__(curvature)
        self.asked = 0
        self.questions: set[str] = set()  # what was asked beyond loss and gradient

    @classmethod
    def like(cls, weight: Array) -> Bowl:
        """Return a bowl with c = 1, 2, 3, 1, 2, 3 ... for weights (T, ...)."""
        curvature = 1 + np.arange(weight[0].size).reshape(weight[0].shape) % 3
        return cls(np.broadcast_to(curvature.astype(weight.dtype), weight.shape))

    def ask(self) -> Bowl:
        """Return the function that an optimizer may call during a step."""
        return self

    def __call__(self, weight: Array, /) -> tuple[Array, Array]:
        """Return the loss (T, 1, 1) and its gradient, both read-only."""
        return self._answer(weight, *super().__call__(weight))

    def residuals(self, weight: Array) -> tuple[Array, Array]:
        """Return the residuals and their derivatives, both read-only."""
        self.questions.add("residuals")
        return self._answer(weight, *super().residuals(weight))

    def sampled_gradient(self, weight: Array) -> Array:
        """Return a gradient whose square is the curvature, read-only."""
        self.questions.add("sampled_gradient")
        return self._answer(weight, super().sampled_gradient(weight))[0]

    def _answer(self, weight: Array, *arrays: Array) -> Any:
        self.asked += 1
        for what, asked, due in (
            ("shape", weight.shape, self.tilt.shape),
            ("dtype", weight.dtype, self.tilt.dtype),
        ):
            must(asked == due, f"it asks at weights of {what} {asked}, but its own have {due}")
        for array in arrays:
            array.setflags(write=False)
        return arrays


class Seen(NamedTuple):
    """The results of one step."""

    change: Array
    state: Any
    at: Array | None  # the weights to evaluate at, if they are not those in training


def walk(
    component: Any,
    specs: Sequence[WeightSpec],
    weight: Array,
    grads: Array,
    state: Any = None,
    first: int = 1,
    bowl: Bowl | None = None,
) -> Iterator[Seen]:
    """Yield the result of each step; the arguments of a step are read-only.

    weight (T, *shape), or (T, 1, P) for several arrays; grads (T, steps, ...). One that asks gets the
    gradients of a bowl, tilted by these.
    """
    plain, own = is_plain(type(component)) and len(specs) == 1, scope_of(component)
    if (
        len(specs) > 1 or own == "trial" or (own in ("array", "arrays") and not plain)
    ):  # as the core passes it
        weight, grads = weight.reshape(len(weight), 1, -1), grads.reshape(*grads.shape[:2], 1, -1)
    asking = asks(component)
    if asking or not plain:
        bowl = bowl or Bowl.like(weight)
    driver = component if plain else fit(component, specs, bowl.ask if bowl else None)
    elsewhere = overrides(type(component), AnyOptimizer.evaluated)
    state = driver.init(weight) if state is None else state
    for i in range(grads.shape[1]):
        for leaf in leaves(state):
            leaf.setflags(write=False)
        weight.setflags(write=False)
        grad = grads[:, i]
        if asking and bowl:
            bowl.tilt = grads[:, 0] if component.full_batch else grad
            grad = bowl(weight)[1]
            bowl.asked -= 1
        change, state = driver.step(weight, grad, state, first + i)
        if change.shape != weight.shape:
            raise AssertionError(f"step gives a change of shape {change.shape} for {weight.shape}")
        weight = weight + change
        yield Seen(change, state, driver.evaluated(weight, state) if elsewhere else None)
