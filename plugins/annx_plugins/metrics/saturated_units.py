"""Metric: saturated_units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Layer, Task, WatchingMetric, Weights, hookimpl

FLAT = 0.01


@dataclass(frozen=True)
class SaturatedUnits(WatchingMetric):
    """Share of the hidden units that are saturated: |f'(z)| < 0.01 on 95 % of the examples looked at or more.

        unit d of a layer is saturated  ⇔  #{n: |f'(z_nd)| < 0.01} ≥ 0.95 N

    Where f is that flat, a unit passes hardly any gradient on to its weights, and learns no more. A sigmoid
    is there from |z| = 4.6, tanh from |z| = 3.0. Under ReLU the dead units are saturated as well, and those
    that speak on a twentieth of the examples or less. f' is what the activation's backward pass makes of a
    gradient of 1; the examples are the sample of the training split that curves use.

    Columns: `train_saturated_units` over all hidden layers, `train_saturated_units.1`, ... layer by layer
    from the first; NaN where there is no hidden layer, where f is no function of each z alone (a gate, a
    softmax), where the network does not offer its layers' slopes, or where f' is NaN.

    A saturated unit is one whose f' tends to 0, as in Gulcehre, Moczulski, Denil & Bengio, "Noisy Activation
    Functions", ICML 2016, section 2. https://arxiv.org/abs/1603.00391. Where it counts as there, 0.01 and
    95 %, is a choice of this metric.
    """

    name: ClassVar[str] = "saturated_units"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression")
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
    """Return the number of saturated units of each trial; NaN where there is a NaN."""
    flat = (np.abs(slope) < FLAT).sum(axis=1)
    units = (20 * flat >= 19 * slope.shape[1]).sum(axis=1)  # in whole numbers: 0.95 N may round either way
    return np.where(np.isnan(slope).any(axis=(1, 2)), np.nan, units)


@hookimpl
def annx_metrics() -> list[type[WatchingMetric]]:
    return [SaturatedUnits]
