"""Objective: himmelblau."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Himmelblau(Objective):
    """Himmelblau's function: a hilltop between four equally deep valleys.

        f(x) = (x₁² + x₂ - 11)² + (x₁ + x₂² - 7)²

    The minimum f = 0 lies where the two parabolas cross: at (3, 2), (-2.805, 3.131), (-3.779, -3.283) and
    (3.584, -1.848). Their first arguments are the roots of x₁⁴ - 22 x₁² + x₁ + 114. Training starts at
    (0, 0), where f = 170, near the hilltop of f = 181.617 at (-0.271, -0.923), plus spread · N(0, 1) in each
    argument: with spread 0 nothing is random, and all seeds give the same. All valleys count the same; a path
    shows which one training reached.

    Domain: spread ≥ 0.

    Himmelblau, "Applied Nonlinear Programming", McGraw-Hill, New York 1972.
    """

    name: ClassVar[str] = "himmelblau"
    dimensions: ClassVar[int] = 2
    floor: ClassVar[float] = 11**2 * 2.0**-52  # (x₁² + x₂ - 11)² is what is left of 11²

    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array:
        return np.array(
            [
                [3.0, 2.0],
                [-2.805118086952745, 3.131312518250573],
                [-3.779310253377747, -3.283185991286170],
                [3.584428340330492, -1.848126526964404],
            ]
        )

    def value(self, x: Array) -> Array:
        one, other = self._residuals(x)
        return (one * one + other * other)[:, 0]

    def residuals(self, x: Array) -> Array:
        first, second = x[:, :, :1], x[:, :, 1:]
        return np.concatenate([first * first + second - 11, first + second * second - 7], axis=2)

    def grad(self, x: Array) -> Array:
        # By hand for speed: steps are so short that the derived gradient would double them.
        one, other = self._residuals(x)
        first, second = x[..., 0], x[..., 1]
        return np.stack([4 * first * one + 2 * other, 2 * one + 4 * second * other], axis=-1)

    def _residuals(self, x: Array) -> tuple[Array, Array]:
        first, second = x[..., 0], x[..., 1]
        return first * first + second - 11, first + second * second - 7


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Himmelblau]
