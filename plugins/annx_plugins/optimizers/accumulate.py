"""Optimizer: accumulate."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, ComponentError, Evaluate, OptimizerWrapper, choice, hookimpl, hyper, ref


class AccumulateState(NamedTuple):
    """The state of Accumulate: the sum of the gradients since the last step inside, and the inner state."""

    total: Array
    inner: Any


@dataclass(frozen=True)
class Accumulate(OptimizerWrapper):
    """Any optimizer; it makes a step only every k batches, with the mean of their gradients.

        Σ ← Σ + g;  after each k-th batch: θ by the optimizer inside with Σ / k,  Σ ← 0

    A mean over k batches of B examples is that of one batch of k B, so batches of 1 show what the size of a
    batch does while every arm sees the same examples in the same order. The optimizer inside counts its own
    steps; a schedule counts batches.

    Choose it where a large batch is wanted and memory holds a small one only: k batches then act as one.

    Domain: k ≥ 1 a whole number. Not around an optimizer that asks for more gradients.

    Ott, Edunov, Grangier & Auli, "Scaling Neural Machine Translation", WMT 2018.
    https://arxiv.org/abs/1806.00187, with 16 batches for one update. optax's MultiSteps is the same, but for
    schedules, which count steps there. In PyTorch one calls backward() k times before step(), with losses
    divided by k.
    """

    name: ClassVar[str] = "accumulate"

    k: int = hyper(4, "int [1, inf)", search=choice(2, 4, 8))
    optimizer: Any = ref("optimizer", "sgd")

    def init(self, weight: Array) -> AccumulateState:
        return AccumulateState(np.zeros_like(weight), self.wrapped.init(weight))

    def step(
        self, weight: Array, grad: Array, state: AccumulateState, t: int
    ) -> tuple[Array, AccumulateState]:
        total = state.total + grad
        if t % self.k:
            return np.zeros_like(weight), AccumulateState(total, state.inner)
        change, inner = self.wrapped.step(weight, total / self.k, state.inner, t // self.k)
        return change, AccumulateState(np.zeros_like(weight), inner)

    def evaluate_inside(self, evaluate: Evaluate, state: Any, t: int) -> Evaluate:
        raise ComponentError(
            f"{self.name}: an optimizer that asks for gradients within a step gets them for one batch, "
            "not for k; set a larger batch_size in [train], or put another optimizer inside"
        )


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [Accumulate]
