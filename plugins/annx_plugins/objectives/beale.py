"""Objective: beale."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Beale(Objective):
    """Beale's function: a flat floor that rises to steep walls at its corners.

        f(x) = r₁² + r₂² + r₃²,  rᵢ = cᵢ - x₁ (1 - x₂ⁱ),  c = (1.5, 2.25, 2.625)

    The minimum is f = 0 at (3, 1/2). Along x₂ = 1 it is 14.203125 for every x₁, and beyond it grows like
    x₂⁶: after a step off the floor the gradient is larger by orders of magnitude. Training starts at (1, 1),
    where f = 14.203125, plus spread · N(0, 1) in each argument: with spread 0 nothing is random, and all
    seeds give the same.

    Domain: spread ≥ 0.

    Beale, "On an Iterative Method for Finding a Local Minimum of a Function of More Than One Variable",
    Technical Report 25, Statistical Techniques Research Group, Princeton University, 1958. Constants and
    start are those of Moré, Garbow & Hillstrom, "Testing Unconstrained Optimization Software", ACM
    Transactions on Mathematical Software 7 (1981), problem 5. https://doi.org/10.1145/355934.355936
    """

    name: ClassVar[str] = "beale"
    dimensions: ClassVar[int] = 2
    floor: ClassVar[float] = 2.625**2 * 2.0**-52  # at (3, 1/2) a term is what is left of 2.625²

    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([1.0, 1.0]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array:
        return np.array([3.0, 0.5])

    def value(self, x: Array) -> Array:
        first, second = x[:, :, :1], x[:, :, 1:]
        residuals = self._constants(x) - first * (1 - self._powers(second))
        return (residuals * residuals).sum(axis=(1, 2))

    def residuals(self, x: Array) -> Array:
        return self._constants(x) - x[:, :, :1] * (1 - self._powers(x[:, :, 1:]))

    def grad(self, x: Array) -> Array:
        # By hand for speed: steps are so short that the derived gradient would double them.
        first, second = x[:, :, :1], x[:, :, 1:]
        powers = self._powers(second)
        slopes = np.concatenate([np.ones_like(second), 2 * second, 3 * second * second], axis=2)
        residuals = self._constants(x) - first * (1 - powers)
        parts = [-2 * residuals * (1 - powers), 2 * residuals * first * slopes]
        return np.concatenate([part.sum(axis=2, keepdims=True) for part in parts], axis=2)

    def _constants(self, x: Array) -> Array:
        return np.array([1.5, 2.25, 2.625], x.dtype)

    def _powers(self, second: Array) -> Array:
        # Products and not **, which gives other bits in arrays of other lengths.
        return np.concatenate([second, second * second, second * second * second], axis=2)


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Beale]
