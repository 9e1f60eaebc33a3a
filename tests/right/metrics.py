"""Right metrics: of the output, of the layers, and of a network's own measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from anncore import Metric, NetworkMetric, Task, WatchingMetric
from anncore.contract.kinds import Array


@dataclass(frozen=True)
class Share(Metric):
    """Share of the outputs that are on the right side of 1/2.

        mean [p > 1/2] = y

    Nobody, "Sides", 2020.
    """

    name: ClassVar[str] = "share"
    goal: ClassVar[str] = "max"
    tasks: ClassVar[tuple[str, ...]] = ("binary",)
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        right = ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, right)


@dataclass(frozen=True)
class Loudness(WatchingMetric):
    """Mean size of the pre-activations, layer by layer.

        mean |z|

    Nobody, "Noise", 2020.
    """

    name: ClassVar[str] = "loudness"
    goal: ClassVar[str] = "min"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass", "regression")
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, layers: Any, weights: Any, grads: Any) -> dict[str, Array]:
        return {layer.weight: np.abs(layer.z).mean(axis=(1, 2)) for layer in layers}


@dataclass(frozen=True)
class UnusedPrototypes(NetworkMetric):
    """Share of prototypes that are nearest to no example.

    Domain: examples, at least one. Nobody, "Pulling", 2020.
    """

    name: ClassVar[str] = "unused_prototypes"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "[0, 1]"
