"""Metric: saturated_units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Layer, Task, WatchingMetric, Weights, hookimpl

FLAT = 0.01


@dataclass(frozen=True)
class SaturatedUnits(WatchingMetric):
    """Share of saturated hidden units: |f'(z)| < 0.01 on at least 95 % of the examples of the sample.

        unit d of a layer is saturated  ⇔  #{n: |f'(z_nd)| < 0.01} ≥ 0.95 N

    Where f is so flat, almost no gradient reaches the weights of a unit, and it stops learning. A sigmoid
    is so flat from |z| = 4.6 on, tanh from |z| = 3.0. Under ReLU, dead units are saturated too, and units
    that are active on at most a twentieth of the examples. f' is the result of the activation's backward
    pass for a gradient of 1. The examples are the sample of the training split that curves use.

    Choose it for sigmoid and tanh, whose units stop learning at either end; `dead_units` counts those of
    relu.

    Columns: `train_saturated_units` over all hidden layers, `train_saturated_units.1`, ... layer by layer
    from the first; NaN without a hidden layer, if f is not a function of each z alone (a gate, a softmax),
    if the network does not offer the slopes of its layers, or if f' is NaN.

    In a saturated unit f' tends to 0, as defined by Gulcehre, Moczulski, Denil & Bengio, "Noisy Activation
    Functions", ICML 2016, section 2. https://arxiv.org/abs/1603.00391. The limits 0.01 and 95 %
    are a choice of this metric.
    """

    name: ClassVar[str] = "saturated_units"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression", "unsupervised")
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, layers: Sequence[Layer], weights: Weights, grads: Weights) -> Mapping[str, Array]:
        hidden = [layer for layer in layers if layer.a is not None]
        unknown = np.full(len(layers[0].z), np.nan)
        counts = [_saturated(layer.slope()) if layer.slope else unknown for layer in hidden]
        units = [layer.a.shape[2] for layer in hidden if layer.a is not None]
        overall = sum(counts) / sum(units) if units else unknown
        shares = {str(i): n / d for i, (n, d) in enumerate(zip(counts, units, strict=True), start=1)}
        return {"": overall, **shares}


def _saturated(slope: Array) -> Array:
    """Return the number of saturated units of each trial; NaN if any f' is NaN."""
    flat = (np.abs(slope) < FLAT).sum(axis=1)
    units = (20 * flat >= 19 * slope.shape[1]).sum(axis=1)  # in whole numbers: 0.95 N may round either way
    return np.where(np.isnan(slope).any(axis=(1, 2)), np.nan, units)


@hookimpl
def annx_metrics() -> list[type[WatchingMetric]]:
    return [SaturatedUnits]
