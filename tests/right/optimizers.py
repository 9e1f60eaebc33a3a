"""Right optimizers: a plain one, one that asks, one that asks for curvature, and a wrapper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    AskingOptimizer,
    CurvatureOptimizer,
    Evaluate,
    Evaluation,
    Hyper,
    Optimizer,
    OptimizerWrapper,
    WeightSpec,
    hyper,
    ref,
)
from anncore.contract.kinds import Array


class State(NamedTuple):
    v: Array


@dataclass(frozen=True)
class Plain(Optimizer):
    """Gradient descent that remembers the last gradient for no reason.

        θ ← θ - lr g

    Domain: lr > 0. Nobody, "Down", 2020.
    """

    name: ClassVar[str] = "plain"
    lr: Hyper = hyper(0.01, "(0, inf)")

    def init(self, weight: Array) -> State:
        return State(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -self.lr * grad, State(grad + 0)


@dataclass(frozen=True)
class Foresight(AskingOptimizer):
    """Gradient descent by the gradient where the last one leads.

        θ ← θ - lr ∇(θ - lr g)

    Domain: lr > 0. Nobody, "Ahead", 2020.
    """

    name: ClassVar[str] = "foresight"
    scope: ClassVar[str] = "trial"
    lr: Hyper = hyper(0.01, "(0, inf)")

    def init(self, weight: Array) -> tuple[()]:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        _, ahead = evaluate(weight - self.lr * grad)
        return -self.lr * ahead, state


@dataclass(frozen=True)
class Curved(CurvatureOptimizer):
    """Gradient descent with shorter steps where the curvature is large.

        θ ← θ - lr g / (1 + s²)

    Domain: lr > 0. Nobody, "Curves", 2020.
    """

    name: ClassVar[str] = "curved"
    needs: ClassVar[str] = "sampled_gradient"
    lr: Hyper = hyper(0.01, "(0, inf)")

    def init(self, weight: Array) -> tuple[()]:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluation) -> tuple[Array, Any]:
        sampled = evaluate.sampled_gradient(weight)
        return -self.lr * grad / (1 + sampled * sampled), state


class Halves(NamedTuple):
    mean: Array
    inner: Any


@dataclass(frozen=True)
class Halfway(OptimizerWrapper):
    """Any optimizer, evaluated at a running mean of where it was; biases are left to another.

        m ← (m + θ) / 2

    Nobody, "Means", 2020. optimizer: what moves weights; rest: what moves all else.
    """

    name: ClassVar[str] = "halfway"
    optimizer: Any = ref("optimizer", "sgd")
    rest: Any = ref("optimizer", "sgd")

    def init(self, weight: Array) -> Halves:
        return Halves(weight + 0, self.wrapped.init(weight))

    def step(self, weight: Array, grad: Array, state: Halves, t: int) -> tuple[Array, Halves]:
        change, inner = self.wrapped.step(weight, grad, state.inner, t)
        return change, Halves((state.mean + self.wrapped.evaluated(weight + change, inner)) / 2, inner)

    def evaluated(self, weight: Array, state: Halves) -> Array:
        return state.mean

    def route(self, spec: WeightSpec) -> str:
        return "" if spec.role == "weight" else "rest"
