"""Objective: reddi."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, NoisyObjective, hookimpl, hyper, log


@dataclass(frozen=True)
class Reddi(NoisyObjective):
    """The counter-example on which Adam does not converge: rare steep slopes against many gentle ones.

        g = steep    in one step of `period`        x in [-1, 1]
        g = -gentle  in all others
        f(x) = x (steep - (period - 1) gentle) / period

    f is a slope, which is 10/101 with the defaults: the minimum is x = -1. But Adam divides every gradient by
    the root of a mean of squares that soon forgets the steep one, so that this one counts for too little, and
    Adam goes to x = +1; `amsgrad`, which never forgets, goes to -1. With order "online" the steep slope comes
    in step 1 and in every step `period` after it, with "random" in each step with probability 1 / period.
    Training starts at 0; what leaves [-1, 1] is put back to its edge after each step. A slope that points the
    other way has its minimum at +1.

    Choose it to ask whether a method keeps a promise of convergence; it says nothing of speed on networks.
    The paper takes β₁ = 0.9, β₂ = 0.99 and a rate that falls like 1 / √t.

    Domain: period a whole number of at least 2, steep and gentle above 0.

    Reddi, Kale & Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, section 5, with the probability
    0.01 in the random form. https://openreview.net/forum?id=ryQu7f-RZ. Theorem 1 has period = 3, gentle = 1
    and any steep > 2.
    """

    name: ClassVar[str] = "reddi"
    dimensions: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    period: int = hyper(101, "int [2, inf)")
    steep: Hyper = hyper(1010.0, "(0, inf)", search=log(100.0, 1e4))
    gentle: Hyper = hyper(10.0, "(0, inf)", search=log(1.0, 100.0))
    order: str = hyper("online", ("online", "random"))

    def start(self, rng: np.random.Generator) -> Array:
        return np.zeros(1)

    @property
    def minimum(self) -> Array:
        return np.array([-1.0 if np.all(np.asarray(self._slope()) >= 0) else 1.0])

    def value(self, x: Array) -> Array:
        return (self._slope() * x).sum(axis=(1, 2))

    def draw(self, rng: np.random.Generator) -> Array:
        return self._noise(rng.random() * self.period < 1)

    def draw_at(self, rng: np.random.Generator, t: int) -> Array:
        return self.draw(rng) if self.order == "random" else self._noise((t - 1) % self.period == 0)

    def grad(self, x: Array, noise: Array) -> Array:
        return self._slope() + noise

    def _slope(self) -> Hyper:
        return (self.steep - (self.period - 1) * self.gentle) / self.period

    def _noise(self, steep: bool) -> Array:
        return np.array([self.steep if steep else -self.gentle]) - self._slope()


@hookimpl
def annx_objectives() -> list[type[NoisyObjective]]:
    return [Reddi]
