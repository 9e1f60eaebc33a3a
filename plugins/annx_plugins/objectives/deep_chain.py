"""Objective: deep_chain."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class DeepChain(Objective):
    """A deep linear network of width one: slopes vanish or explode with the depth.

        f(x) = ½ (Πᵢ xᵢ - 1)²        i = 1 ... D, the weights of D layers

    The slope of each weight is the product of all others times the error: from weights of 0.3 a chain of ten
    begins with slopes of 2e-5, from weights of 2 with 5e5. Every minimum is f = 0, where the product is 1;
    the balanced one, all weights 1, is named. From a start near 0 gradient descent needs a number of steps
    that grows exponentially with the depth. Training starts with all weights `begin`, plus spread · N(0, 1)
    in each: with spread 0 nothing is random, and all seeds give the same.

    Domain: dimensions D a whole number of at least 1, begin > 0, spread ≥ 0.

    Shamir, "Exponential Convergence Time of Gradient Descent for One-Dimensional Deep Linear Neural
    Networks", COLT 2019. https://arxiv.org/abs/1809.08587
    """

    name: ClassVar[str] = "deep_chain"

    dimensions: int = hyper(10, "int [1, inf)")
    begin: Hyper = hyper(0.5, "(0, inf)", search=log(0.1, 2.0))
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.1))

    def start(self, rng: np.random.Generator) -> Array:
        return self.begin + self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        return np.ones(self.dimensions)

    def value(self, x: Array) -> Array:
        product = x[:, :, :1]
        for layer in range(1, self.dimensions):
            product = product * x[:, :, layer : layer + 1]
        return (0.5 * (product - 1) * (product - 1)).sum(axis=(1, 2))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [DeepChain]
