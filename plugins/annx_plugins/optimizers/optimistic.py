"""Optimizer: optimistic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, hookimpl, hyper, log


class OptimisticState(NamedTuple):
    """The state of optimistic gradient descent for each weight."""

    before: Array  # the gradient of the step before


@dataclass(frozen=True)
class Optimistic(Optimizer):
    """Optimistic gradient descent: it expects the gradient to change once more as it just did.

        θ ← θ - lr ((alpha + beta) gₜ - beta gₜ₋₁),  g₀ = g₁

    With alpha = beta = 1, the default, 2 gₜ - gₜ₋₁ is the next gradient if it changes by as much again. In a
    game, where g is no gradient of one function, plain descent circles away from an equilibrium that this
    one finds. On p(x, y) = x y the distance shrinks by the larger root |λ| of λ² - (1 - 2i lr) λ - i lr = 0,
    which is less than 1 for lr below 1/√3.

    Choose it for games, where plain descent circles around the equilibrium; it needs no second gradient,
    which `extragradient` does. On a minimum it is nearly `sgd`.

    Domain: lr > 0, alpha > 0, beta ≥ 0. beta = 0 is gradient descent with rate alpha lr.

    Daskalakis, Ilyas, Syrgkanis & Zeng, "Training GANs with Optimism", ICLR 2018.
    https://arxiv.org/abs/1711.00141. Popov, "A modification of the Arrow-Hurwicz method for search of saddle
    points", Mathematical Notes 28 (1980), 845-848. https://doi.org/10.1007/BF01141092. alpha and beta:
    Mokhtari, Ozdaglar & Pattathil, "A Unified Analysis of Extra-gradient and Optimistic Gradient Methods for
    Saddle Point Problems: Proximal Point Approach", AISTATS 2020. https://arxiv.org/abs/1901.08511
    """

    name: ClassVar[str] = "optimistic"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"alpha": 1.0, "beta": 1.0},
        "optax": {"alpha": 1.0, "beta": 1.0},
    }

    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))
    alpha: Hyper = hyper(1.0, "(0, inf)")
    beta: Hyper = hyper(1.0, "[0, inf)")

    def init(self, weight: Array) -> OptimisticState:
        return OptimisticState(np.zeros_like(weight))

    def step(
        self, weight: Array, grad: Array, state: OptimisticState, t: int
    ) -> tuple[Array, OptimisticState]:
        beta = self.beta * (t > 1)  # the first step has no gradient before it, which g₀ = g₁ stands for
        expected = (self.alpha + beta) * grad - beta * state.before
        return -self.lr * expected, OptimisticState(grad + 0)  # a copy, as the next gradient overwrites it


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [Optimistic]
