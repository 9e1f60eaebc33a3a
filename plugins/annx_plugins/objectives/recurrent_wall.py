"""Objective: recurrent_wall."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class RecurrentWall(Objective):
    """One recurrent unit over many time steps: plains, and walls where its gradient explodes.

        h₀ = 0.5,  hₜ = w σ(hₜ₋₁) + b        t = 1 ... length,  x = (w, b)
        f(x) = (σ(h_length) - 0.7)²

    Where the unit has two states, a small change of x moves it from one to the other: f has a wall there, as
    steep as the product of `length` slopes. A step of gradient descent that meets the wall leads far away;
    clipping the gradient keeps it near. f = 0 along a curve, which no minimum names. Training
    starts at (6, -4), on the plain below the wall, where the unit is off, plus spread · N(0, 1) in each
    argument: with spread 0 nothing is random, and all seeds give the same.

    Domain: length a whole number of at least 1, spread ≥ 0.

    Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, figure 6
    and section 2.3, where length = 50. https://arxiv.org/abs/1211.5063
    """

    name: ClassVar[str] = "recurrent_wall"
    dimensions: ClassVar[int] = 2

    length: int = hyper(50, "int [1, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([6.0, -4.0]) + self.spread * rng.standard_normal(2)

    def value(self, x: Array) -> Array:
        w, b = x[:, :, :1], x[:, :, 1:]
        state = 0.5 + 0 * w
        for _ in range(self.length):
            state = w * _sigmoid(state) + b
        error = _sigmoid(state) - 0.7
        return (error * error).sum(axis=(1, 2))


def _sigmoid(state: Array) -> Array:
    # As a tangent, because exp(-state) overflows where the unit is off.
    return 0.5 + 0.5 * np.tanh(0.5 * state)


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [RecurrentWall]
