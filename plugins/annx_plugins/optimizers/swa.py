"""Optimizer: swa."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, OptimizerWrapper, choice, hookimpl, hyper, ref


class SWAState(NamedTuple):
    """The state of SWA: the average, and the state of the optimizer inside."""

    mean: Array  # mean of the weights taken so far, shaped as the weight
    taken: Array  # (T, 1, 1): how many these are
    inner: Any


@dataclass(frozen=True)
class SWA(OptimizerWrapper):
    """Any optimizer, evaluated at the mean of its weights since some step: stochastic weight averaging.

        after the steps t = start, start + every, start + 2 every, ...:  n ← n + 1,  m ← m + (θ - m) / n

    The training of θ does not change; losses and metrics are those of m, and before the first of these steps
    those of θ. All weights count alike, so start it late, for instance in the last quarter of a training, and
    keep the learning rate high there. `ema` forgets old weights instead and needs no start. start = 1 with
    every = 1 is Polyak's and Ruppert's average.

    Domain: start and every ≥ 1 whole numbers. If the optimizer inside is itself evaluated at other weights, m
    averages those. Running statistics of batch normalization are those of θ.

    Izmailov, Podoprikhin, Garipov, Vetrov & Wilson, "Averaging Weights Leads to Wider Optima and Better
    Generalization", UAI 2018, algorithm 1. https://arxiv.org/abs/1803.05407. As in PyTorch's AveragedModel,
    the first weights are m; there a learning rate of its own, SWALR, comes with it. Polyak & Juditsky,
    "Acceleration of Stochastic Approximation by Averaging", SIAM Journal on Control and Optimization 30
    (1992), 838-855. https://doi.org/10.1137/0330046
    """

    name: ClassVar[str] = "swa"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"start": 1, "every": 1},
    }

    start: int = hyper(1, "int [1, inf)")
    every: int = hyper(1, "int [1, inf)", search=choice(1, 5, 20))
    optimizer: Any = ref("optimizer", "sgd")

    def init(self, weight: Array) -> SWAState:
        nothing = np.zeros((len(weight), 1, 1), weight.dtype)
        return SWAState(np.zeros_like(weight), nothing, self.wrapped.init(weight))

    def step(self, weight: Array, grad: Array, state: SWAState, t: int) -> tuple[Array, SWAState]:
        change, inner = self.wrapped.step(weight, grad, state.inner, t)
        if t < self.start or (t - self.start) % self.every:
            return change, SWAState(state.mean, state.taken, inner)
        theta = self.wrapped.evaluated(weight + change, inner)
        taken = state.taken + 1
        return change, SWAState(state.mean + (theta - state.mean) / taken, taken, inner)

    def evaluated(self, weight: Array, state: SWAState) -> Array:
        return np.where(state.taken > 0, state.mean, self.wrapped.evaluated(weight, state.inner))


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [SWA]
