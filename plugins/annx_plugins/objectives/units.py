"""Objective: units."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class Units(Objective):
    """A bowl in other units than usual: of the value, and of each argument.

        f(x) = ½ scale Σᵢ (sᵢ xᵢ - 1)²        i = 1 ... D
        sᵢ evenly spaced in the logarithm from √ratio to 1 / √ratio

    `scale` makes all gradients large or small: what divides by their size does not notice, unless a constant
    such as ε is added to it; below about 1e-23 their squares vanish in float32. `ratio` gives the arguments
    different units: the minimum, f = 0, is at xᵢ = 1 / sᵢ, so that the arguments have to move over distances
    that are `ratio` apart, under gradients that are too. One rate for all arguments does not fit both, also
    where gradients are divided by their size; a method whose steps have the units of the arguments does not
    notice. Training starts at 0 plus spread · N(0, 1) / sᵢ in each argument: with spread 0 nothing is random,
    and all seeds give the same.

    Domain: dimensions D a whole number of at least 2, scale > 0, ratio ≥ 1, spread ≥ 0.

    Units: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, section 3.2.
    https://arxiv.org/abs/1212.5701
    """

    name: ClassVar[str] = "units"
    floor: ClassVar[float] = 2.0**-200  # the terms that cancel have the size of `scale`, which may be small

    dimensions: int = hyper(2, "int [2, inf)")
    scale: Hyper = hyper(1.0, "(0, inf)", search=log(1e-6, 1e6))
    ratio: Hyper = hyper(1.0, "[1, inf)", search=log(1.0, 1e6))
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def start(self, rng: np.random.Generator) -> Array:
        sizes = self._sizes(np.dtype(np.float64)).ravel()
        return self.spread * rng.standard_normal(self.dimensions) / sizes

    @property
    def minimum(self) -> Array:
        return 1 / self._sizes(np.dtype(np.float64)).ravel()

    def value(self, x: Array) -> Array:
        error = self._sizes(x.dtype) * x - 1
        return (0.5 * self.scale * error * error).sum(axis=(1, 2))

    def _sizes(self, dtype: Any) -> Array:
        share = np.linspace(0.5, -0.5, self.dimensions, dtype=dtype)
        # exp and not a power: NumPy computes powers of one number and of an array differently.
        return np.exp(share * np.log(np.asarray(self.ratio, dtype=dtype))).reshape(-1, 1, len(share))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Units]
