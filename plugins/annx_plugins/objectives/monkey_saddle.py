"""Objective: monkey_saddle."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class MonkeySaddle(Objective):
    """The monkey saddle: three ways down, and nothing but a flat place between them.

        f(x) = x₁³ - 3 x₁ x₂² + wall (x₁² + x₂²)²

    At (0, 0) the gradient and the whole Hessian are 0: descent along x₁ slows down like 1 / (3 lr t), and no
    method sees the way out by curvature. Without a wall f has no minimum: values below 0, the saddle's own,
    count as escaped, and the steps to get there decide. Let [train] stop = { loss = 0 } end such trials. With
    a wall the minimum is f = -27 / (256 wall³) at a distance of 3 / (4 wall) from 0, in the directions of
    60°, 180° and 300°, and values count from there. `saddle` is steeper: two ways down, with a Hessian.

    Training starts at (1, 0.001), where f = 0.999997 without a wall, plus spread · N(0, 1) in each argument:
    with spread 0 nothing is random, and all seeds give the same.

    Domain: wall ≥ 0, spread ≥ 0.

    Hilbert & Cohn-Vossen, "Geometry and the Imagination", Chelsea, New York 1952, section 29.
    """

    name: ClassVar[str] = "monkey_saddle"
    dimensions: ClassVar[int] = 2

    wall: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 1.0))
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.1))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([1.0, 1e-3]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array | None:
        if np.any(np.asarray(self.wall) == 0):
            return None
        distance = 0.75 / float(np.ravel(self.wall)[0])
        half, height = distance / 2, distance * np.sqrt(0.75)
        return np.array([[half, height], [-distance, 0.0], [half, -height]])

    def value(self, x: Array) -> Array:
        first, second = x[:, :, :1], x[:, :, 1:]
        squares = first * first + second * second
        three_ways = first * (first * first - 3 * second * second)
        return (three_ways + self.wall * squares * squares).sum(axis=(1, 2))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [MonkeySaddle]
