"""Data set: mackey_glass."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, hyper

PER_UNIT = 10  # steps of Euler's method in one unit of time
TRANSIENT = 300  # units of time until the start is forgotten


@dataclass(frozen=True)
class MackeyGlass(Dataset):
    """The Mackey-Glass equation, a chaotic time series whose future is to be predicted.

        dv/dt = 0.2 v(t - tau) / (1 + v(t - tau)¹⁰) - 0.1 v(t)

    Each example is a series of its own from a random start, after 300 units of time: a window of values one
    unit apart. With predict "last" its target is the value `ahead` units after the window's last one. With
    "every" it has as many targets as values: for each the one `ahead` units later. No value is in two
    examples.

    The series is periodic for small tau and chaotic from about 17 on.

    Domain: window, ahead and tau whole numbers, at least 1.
    Shapes: x (n, window), y (n,), or with predict "every" (n, window).

    Mackey & Glass, "Oscillation and Chaos in Physiological Control Systems", Science 197 (1977), 287-289.
    https://doi.org/10.1126/science.267326. By Euler's method with steps of 0.1 as in Jaeger, "The 'echo
    state' approach to analysing and training recurrent neural networks", GMD Report 148, 2001, with one
    long series.
    """

    name: ClassVar[str] = "mackey_glass"

    n: int = hyper(400, "int [10, inf)")
    window: int = hyper(40, "int [1, inf)")
    ahead: int = hyper(6, "int [1, inf)")
    tau: int = hyper(17, "int [1, inf)")
    predict: str = hyper("last", ("last", "every"))

    def make(self, rng: np.random.Generator) -> Data:
        values = self._series(rng, TRANSIENT + self.window + self.ahead)[:, TRANSIENT:]
        x = values[:, : self.window]
        y = values[:, self.ahead :] if self.predict == "every" else values[:, -1]
        names = tuple(f"t{i}" for i in range(1, self.window + 1))
        return Data(x.copy(), y.copy(), "regression", features=names)

    def _series(self, rng: np.random.Generator, units: int) -> np.ndarray:
        """Return n series, (n, units), from values in [0.5, 1.5) before the start."""
        lag = self.tau * PER_UNIT
        values = np.empty((lag + 1 + units * PER_UNIT, self.n))  # by time, so that rows lie together
        values[: lag + 1] = rng.uniform(0.5, 1.5, (lag + 1, self.n))
        for now in range(lag, len(values) - 1):
            late = values[now - lag]
            gain = 0.2 * late / (1 + late**10) - 0.1 * values[now]
            values[now + 1] = values[now] + gain / PER_UNIT
        return values[lag + 1 :: PER_UNIT].T


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [MackeyGlass]
