"""Metric: quantization_error."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class QuantizationError(Metric):
    """Mean distance between inputs and what a network gives back, in the units of the data.

        (1/N) Σ_n ‖x̂_n - x_n‖

    For a vector quantizer or a self-organising map x̂ is the nearest prototype. If M prototypes divide the
    unit square into square cells, the error is (√2 + ln(1 + √2)) / (6 √M), the mean distance from the middle
    of a cell: 0.0478 for M = 64.

    Choose it for prototypes, as of a map or of competing units; it is a mean distance, where `rmse` is a root
    of a mean square.

    Shapes: output x̂ and target x (T, N, D); score (T,). Kohonen, "Self-Organizing Maps", 3rd edition,
    Springer 2001, section 3.3. https://doi.org/10.1007/978-3-642-56927-2
    """

    name: ClassVar[str] = "quantization_error"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, output: Array, target: Array) -> Array:
        error = output.astype(float) - target
        # Squares of 1e154 overflow and those of 1e-170 are 0; a power of two changes no digit.
        power = np.frexp(np.abs(error).max(axis=2, keepdims=True))[1]
        error = np.ldexp(error, -power)
        return np.ldexp(np.sqrt((error * error).sum(axis=2)), power[:, :, 0]).mean(axis=1)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [QuantizationError]
