"""Data set: circling."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class Circling(Dataset):
    """A sequence to produce: a point runs round a circle, from a given place and at a given speed.

        yₛ = (cos(φ + s ω), sin(φ + s ω)),  s = 1 ... steps      φ ~ U[0, 2π),  ω ~ U[slowest, fastest)

    ω, in radians per step, is the plan. Each step has three columns: ω and the output before, yₛ₋₁, which a
    network with teacher forcing gets in training (see `jordan`); to any other network the columns after
    step 1 tell the answers. `noise` · N(0, 1) is added to every y that is seen in training, as a column and
    as a target alike; the test split is scored against the circle itself.

    Domain: steps at least 2; noise ≥ 0; 0 < slowest < fastest.
    Shapes: x (n, 3 · steps), y (n, 2 · steps).

    Jordan, "Attractor dynamics and parallelism in a connectionist sequential machine", Proceedings of the 8th
    Annual Conference of the Cognitive Science Society, 1986, 531-546, where a plan chooses one of a few
    sequences of points in the plane. A network that has learnt the step of a circle is a ring oscillator.
    """

    name: ClassVar[str] = "circling"

    n: int = hyper(300, "int [10, inf)")
    steps: int = hyper(16, "int [2, inf)")
    noise: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.3))
    slowest: Hyper = hyper(0.2, "(0, inf)")
    fastest: Hyper = hyper(0.8, "(0, inf)")

    def validate(self) -> None:
        """Refuse an empty range of speeds."""
        if not self.slowest < self.fastest:
            raise ValueError(f"slowest must be below fastest, {self.fastest:g}, got {self.slowest:g}")

    def make(self, rng: np.random.Generator) -> Data:
        start = rng.uniform(0, 2 * np.pi, self.n)
        speed = rng.uniform(self.slowest, self.fastest, self.n)
        angle = start[:, None] + speed[:, None] * np.arange(self.steps + 1)
        clean = np.stack([np.cos(angle), np.sin(angle)], axis=2)
        seen = clean + self.noise * rng.standard_normal(clean.shape)
        plan = np.broadcast_to(speed[:, None, None], (self.n, self.steps, 1))
        x = np.concatenate([plan, seen[:, :-1]], axis=2).reshape(self.n, 3 * self.steps)
        y, clean_y = (points[:, 1:].reshape(self.n, 2 * self.steps) for points in (seen, clean))
        names = tuple(f"{what}{step}" for step in range(self.steps) for what in ("speed", "x", "y"))
        return Data(x, y, "regression", features=names, clean_y=clean_y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Circling]
