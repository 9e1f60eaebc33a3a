"""Metric: update_to_weight_ratio."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Moment, ProbingMetric, Task, hookimpl


@dataclass(frozen=True)
class UpdateToWeightRatio(ProbingMetric):
    """Size of the last update relative to the weights that it changed, of each layer and of all together.

        ‖ΔW‖ / ‖W‖,  ‖W‖ = √Σ W_ij²

    W are the weights before the update ΔW. A ratio near 1e-3 is a common rule of thumb: far below, a layer
    hardly learns; far above, it forgets what it was. Watch it to set a learning rate, or to see that a
    schedule, a decay or a normalised optimizer really moves all layers alike; `gradient_norm` does not know
    what the optimizer makes of a gradient. The last update alone counts, so with small batches the ratio is
    noisy.

    Columns: `train_update_to_weight_ratio` over all weights and biases; `train_update_to_weight_ratio.1`, ...
    of the weight matrix of each layer from the first to the output. NaN before the first update, and for a
    layer whose weights were all 0.

    You, Gitman & Ginsburg, "Large Batch Training of Convolutional Networks", 2017, section 4, look at it
    layer by layer. https://arxiv.org/abs/1708.03888. The rule of thumb is of Karpathy's lecture notes,
    CS231n, "Neural Networks Part 3", ratio of weights to updates. https://cs231n.github.io/neural-networks-3/
    """

    name: ClassVar[str] = "update_to_weight_ratio"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression", "unsupervised")
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, moment: Moment) -> Mapping[str, Array]:
        names = [layer.weight for layer in moment.layers]
        if not moment.changes:
            unknown = np.full(len(moment.layers[0].z), np.nan)
            return {"": unknown, **{str(i): unknown for i in range(1, len(names) + 1)}}
        changes = {name: change.astype(np.float64) for name, change in moment.changes.items()}
        before = {name: moment.weights[name] - change for name, change in changes.items()}
        ratios = {
            str(i): _ratio([changes[name]], [before[name]]) if name in changes else _ratio([], [])
            for i, name in enumerate(names, start=1)
        }
        return {"": _ratio(changes.values(), before.values()), **ratios}


def _ratio(changes: Iterable[Array], weights: Iterable[Array]) -> Array:
    moved, size = _norm(changes), _norm(weights)
    return np.divide(moved, size, out=np.full(np.shape(size), np.nan), where=size > 0)


def _norm(arrays: Iterable[Array]) -> Array:
    return np.sqrt(sum(np.square(array).sum(axis=(1, 2)) for array in arrays))


@hookimpl
def annx_metrics() -> list[type[ProbingMetric]]:
    return [UpdateToWeightRatio]
