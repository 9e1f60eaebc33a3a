"""Optimizer: lion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class LionState(NamedTuple):
    """The state of Lion for each weight."""

    m: Array  # running mean of the gradient


@dataclass(frozen=True)
class Lion(WeightDecay, Optimizer):
    """Evolved sign momentum: every weight moves by lr, independent of the size of its gradient.

        θ ← θ - lr (sign(beta1 m + (1 - beta1) g) + weight_decay θ),  sign 0 = 0
        m ← beta2 m + (1 - beta2) g

    Choose it where memory is short or batches are large: it keeps one array and all its steps are of one
    size. Give it a rate three to ten times smaller than that of `adamw`. `signum` has the same step with one
    beta.

    Domain: lr > 0, beta1 and beta2 in [0, 1), weight_decay ≥ 0. decay_mode "decoupled" is as written;
    "coupled" adds weight_decay θ to g instead, "independent" decays without lr.

    Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, algorithm 2.
    https://arxiv.org/abs/2302.06675. They advise a third to a tenth of AdamW's lr, and as many times its
    weight_decay. The default lr of Keras is 1e-3, the default weight_decay of optax 1e-3. Optimisers.jl
    (Flux) swaps the two factors in the update of m, which is a different algorithm.
    """

    name: ClassVar[str] = "lion"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"lr": 1e-4, "beta1": 0.9, "beta2": 0.99, "decay_mode": "decoupled"},
        "keras": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0, "decay_mode": "decoupled"},
        "optax": {"beta1": 0.9, "beta2": 0.99, "weight_decay": 1e-3, "decay_mode": "decoupled"},
    }

    lr: Hyper = hyper(1e-4, "(0, inf)", search=log(1e-5, 0.03))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.99, "[0, 1)", search=choice(0.9, 0.98, 0.99))
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> LionState:
        return LionState(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: LionState, t: int) -> tuple[Array, LionState]:
        grad = self.decay_gradient(weight, grad)
        direction = np.sign(self.beta1 * state.m + (1 - self.beta1) * grad)
        m = self.beta2 * state.m + (1 - self.beta2) * grad
        return self.decay_change(weight, -self.lr * direction), LionState(m)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Lion]
