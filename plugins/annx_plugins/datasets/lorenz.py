"""Data set: lorenz."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Data, Dataset, Hyper, hookimpl, hyper, linear

SIGMA, RHO, BETA = 10.0, 28.0, 8 / 3
STEP = 0.01  # of the Runge-Kutta method, in units of time
TRANSIENT = 500  # steps until the start is forgotten


@dataclass(frozen=True)
class Lorenz(Dataset):
    """The Lorenz equations, a chaotic stream whose future is to be predicted.

        du/dt = 10 (v - u),  dv/dt = u (28 - w) - v,  dw/dt = u v - 8/3 w

    Each example is a series of its own from a random start, after 5 units of time: `window` places,
    `every` hundredths of a unit apart. Its target is u, `ahead` places after the window's last one; with
    predict "every" as many targets as places: for each the u that is `ahead` places later. Two series that
    differ by ε differ by about ε exp(0.9 t) after a time t. With observe "all" a place has three columns, u,
    v and w, and a network needs three `features`; with "u" only u is seen, and the rest must be remembered.
    noise · N(0, 1) is added to what is seen. `mackey_glass` is smoother, and needs a longer memory.

    Domain: window, ahead and every whole numbers of at least 1; noise ≥ 0, in the stream's own units, of
    which u has a standard deviation of about 7.9.
    Shapes: x (n, window), or with observe "all" (n, 3 · window); y (n,), or with predict "every" (n, window).

    Lorenz, "Deterministic Nonperiodic Flow", Journal of the Atmospheric Sciences 20 (1963), 130-141.
    https://doi.org/10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2. By the classical Runge-Kutta method of
    order 4 with steps of 0.01.
    """

    name: ClassVar[str] = "lorenz"

    n: int = hyper(400, "int [10, inf)")
    window: int = hyper(30, "int [1, inf)")
    ahead: int = hyper(10, "int [1, inf)")
    every: int = hyper(2, "int [1, inf)")
    observe: str = hyper("all", ("all", "u"))
    predict: str = hyper("last", ("last", "every"))
    noise: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 1.0))

    def make(self, rng: np.random.Generator) -> Data:
        start = rng.uniform([-15, -15, 10], [15, 15, 40], (self.n, 3))
        places = self._series(start, self.window + self.ahead)
        seen = places[:, : self.window, : 3 if self.observe == "all" else 1]
        noisy = seen + self.noise * rng.standard_normal(seen.shape)
        later = places[:, self.ahead :, 0]
        names = "uvw"[: seen.shape[2]]
        return Data(
            noisy.reshape(self.n, -1),
            later.copy() if self.predict == "every" else later[:, -1].copy(),
            "regression",
            features=tuple(f"{name}{place}" for place in range(1, self.window + 1) for name in names),
        )

    def _series(self, start: Array, count: int) -> Array:
        """Return `count` places of every series, (n, count, 3), after the transient."""
        now = start.T.copy()  # by coordinate, so that what is computed together lies together
        for _ in range(TRANSIENT):
            now = _moved(now)
        places = [now]
        for _ in range(count - 1):
            for _ in range(self.every):
                now = _moved(now)
            places.append(now)
        return np.stack(places).transpose(2, 0, 1)


def _moved(now: Array) -> Array:
    """Return places (3, n) one step of the Runge-Kutta method later."""
    first = _speed(now)
    second = _speed(now + STEP / 2 * first)
    third = _speed(now + STEP / 2 * second)
    fourth = _speed(now + STEP * third)
    return now + STEP / 6 * (first + 2 * second + 2 * third + fourth)


def _speed(now: Array) -> Array:
    u, v, w = now
    return np.stack([SIGMA * (v - u), u * (RHO - w) - v, u * v - BETA * w])


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Lorenz]
