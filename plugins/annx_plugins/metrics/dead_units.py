"""Metric: dead_units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Layer, Task, WatchingMetric, Weights, hookimpl


@dataclass(frozen=True)
class DeadUnits(WatchingMetric):
    """Share of dead hidden units: their activation is 0 on every example of the sample.

        unit d of a layer is dead  ⇔  a_nd = 0 for all n

    A dead unit gives the next layer nothing. Under ReLU no gradient reaches its weights, so it stays dead
    unless its inputs change. The examples are the sample of the training split that curves use; on other
    examples the unit may be active. Activations that are 0 only at single points (tanh, ELU, leaky ReLU)
    have no dead units; for saturation see `saturated_units`.

    Columns: `train_dead_units` over all hidden layers, `train_dead_units.1`, ... layer by layer from the
    first; NaN without a hidden layer, or if an activation is NaN.

    Lu, Shin, Su & Karniadakis, "Dying ReLU and Initialization: Theory and Numerical Examples", 2019.
    https://arxiv.org/abs/1903.06733. Dead units are the 0-dormant units of Sokar, Agarwal, Castro & Evci,
    "The Dormant Neuron Phenomenon in Deep Reinforcement Learning", ICML 2023,
    https://arxiv.org/abs/2302.12902.
    """

    name: ClassVar[str] = "dead_units"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression", "unsupervised")
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, layers: Sequence[Layer], weights: Weights, grads: Weights) -> Mapping[str, Array]:
        hidden = [layer.a for layer in layers if layer.a is not None]
        counts = [_dead(a) for a in hidden]
        units = sum(a.shape[2] for a in hidden)
        overall = sum(counts) / units if units else np.full(len(layers[0].z), np.nan)
        shares = {
            str(i): n / a.shape[2] for i, (n, a) in enumerate(zip(counts, hidden, strict=True), start=1)
        }
        return {"": overall, **shares}


def _dead(a: Array) -> Array:
    """Return the number of dead units of each trial; NaN if any activation is NaN."""
    dead = (a == 0).all(axis=1).sum(axis=1)
    return np.where(np.isnan(a).any(axis=(1, 2)), np.nan, dead)


@hookimpl
def annx_metrics() -> list[type[WatchingMetric]]:
    return [DeadUnits]
