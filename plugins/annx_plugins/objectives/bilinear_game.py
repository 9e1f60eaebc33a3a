"""Objective: bilinear_game."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Game, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class BilinearGame(Game):
    """The game of x against y over their product: one descends it, the other ascends it.

        payoff p(x, y) = x y + ½ curvature (x² - y²)
        x descends ∂p/∂x = y + curvature x
        y descends -∂p/∂y = -x + curvature y
        value = ½ (x² + y²), half the squared distance to the equilibrium (0, 0)

    The smallest model of what makes adversarial training hard. Without curvature the slopes turn around the
    equilibrium: every step of gradient descent with rate lr multiplies the distance by √(1 + lr²), so it
    moves away whatever its rate is. With curvature c it is √((1 - c lr)² + lr²), which falls for lr below
    2c / (1 + c²). `optimistic` and `extragradient` come to rest without curvature too. Play starts at (1, 1)
    plus spread · N(0, 1) in each argument: with spread 0 nothing is random, and all seeds give the same.

    Domain: curvature ≥ 0, spread ≥ 0.

    Daskalakis, Ilyas, Syrgkanis & Zeng, "Training GANs with Optimism", ICLR 2018.
    https://arxiv.org/abs/1711.00141. With curvature it is strongly convex in x and strongly concave in y.
    """

    name: ClassVar[str] = "bilinear_game"
    dimensions: ClassVar[int] = 2
    ascending: ClassVar[tuple[bool, ...]] = (False, True)

    curvature: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 1.0))
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([1.0, 1.0]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array:
        return np.zeros(2)

    def payoff(self, x: Array) -> Array:
        first, second = x[:, :, :1], x[:, :, 1:]
        payoff = first * second + 0.5 * self.curvature * (first * first - second * second)
        return payoff.sum(axis=(1, 2))


@hookimpl
def annx_objectives() -> list[type[Game]]:
    return [BilinearGame]
