"""Metric: sign_error."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl


@dataclass(frozen=True)
class SignError(Metric):
    """Share of outputs with the wrong sign: the wrong bits, where targets are patterns of ±1.

        (1/N D) Σ [sign(ŷ) ≠ sign(y)]

    An output of 0 has no sign, so it is wrong beside a target of ±1. Differs from `zero_one_error`, which
    looks at classes. NaN if any prediction is NaN.

    Shapes: output and target (T, N, D); score (T,). Hertz, Krogh & Palmer, "Introduction to the Theory of
    Neural Computation", 1991, section 2.2: the error rate of an associative memory.
    """

    name: ClassVar[str] = "sign_error"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        wrong = np.sign(output) != np.sign(target)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, wrong.mean(axis=(1, 2)))


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [SignError]
