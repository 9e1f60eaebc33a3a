"""Optimizer: cocob."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper


class COCOBState(NamedTuple):
    """The state of COCOB for each weight."""

    start: Array  # θ₀
    largest: Array  # L, the largest size of a gradient so far
    sizes: Array  # G, the sum of their sizes
    sums: Array  # C, minus the sum of the gradients
    reward: Array  # R, what the bets have won


@dataclass(frozen=True)
class COCOB(Optimizer):
    """Gradient descent without a learning rate: every weight bets on which way its gradients point.

        L ← max(L, |g|),  G ← G + |g|,  C ← C - g
        R ← max(R - g (θ - θ₀), 0)
        θ ← θ₀ + C / (L max(G + L, alpha L)) (L + R)

    L starts at eps, the others at 0. The bet on the next gradient is a share of the wealth L + R, large where
    gradients have agreed so far: C / G is near 1 or -1 then. So steps grow as long as they pay. Choose it
    where nothing may be tuned; `prodigy` and `dog` find one rate for all weights, this one moves each weight
    by itself. alpha keeps the first bets small: from 2 on the first step is 1 / alpha, whatever the
    gradient. A schedule cannot act on it.

    Domain: alpha > 0, eps > 0.

    Orabona & Tommasi, "Training Deep Networks without Learning Rates Through Coin Betting", NIPS 2017,
    algorithm 2 (COCOB-Backprop), alpha = 100. https://arxiv.org/abs/1705.07795. optax's cocob is the same.
    """

    name: ClassVar[str] = "cocob"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"alpha": 100.0, "eps": 1e-8},
        "optax": {"alpha": 100.0, "eps": 1e-8},
    }

    alpha: Hyper = hyper(100.0, "(0, inf)", search=choice(10.0, 100.0, 1000.0))
    eps: Hyper = hyper(1e-8, "(0, inf)")

    def init(self, weight: Array) -> COCOBState:
        zeros = np.zeros_like(weight)
        return COCOBState(weight + 0, zeros + self.eps, zeros, zeros, zeros)

    def step(self, weight: Array, grad: Array, state: COCOBState, t: int) -> tuple[Array, COCOBState]:
        size = np.abs(grad)
        largest = np.maximum(state.largest, size)
        sizes = state.sizes + size
        sums = state.sums - grad
        reward = np.maximum(state.reward - grad * (weight - state.start), 0)
        # All in units of L: a product of two gradients could leave the range of the dtype.
        bet = sums / largest / np.maximum(sizes / largest + 1, self.alpha)
        change = state.start - weight + bet * (1 + reward / largest)
        return change, COCOBState(state.start, largest, sizes, sums, reward)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [COCOB]
