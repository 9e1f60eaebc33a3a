"""Metric: effective_rank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Layer, Task, WatchingMetric, Weights, hookimpl


@dataclass(frozen=True)
class EffectiveRank(WatchingMetric):
    """Effective rank of a layer's activations: in how many directions its units really differ.

        erank(A) = exp(-Σ_i p_i log p_i),  p_i = σ_i / Σ_j σ_j

    σ_i are the singular values of the activations A (N, D) on the sample of the training split that curves
    use. It lies between 1, if all examples give multiples of one pattern, and the smaller of N and D, if all
    directions have the same size. It is 0 if all activations are 0.

    Watch it to see whether a representation collapses, for instance under long training, with regularisers,
    or in deep narrow networks. `dead_units` counts units that are silent; here units count that say the same.
    The activations are not centred, so a large common part makes the rank smaller.

    Columns: `train_effective_rank` of the last hidden layer, which the output sees;
    `train_effective_rank.1`, ... of every hidden layer from the first. NaN without a hidden layer, or if an
    activation is not finite.

    Roy & Vetterli, "The Effective Rank: A Measure of Effective Dimensionality", EUSIPCO 2007, definition 1.
    https://ieeexplore.ieee.org/document/7098875. Kumar, Agarwal, Ghosh & Levine, "Implicit
    Under-Parameterization Inhibits Data-Efficient Deep Reinforcement Learning", ICLR 2021, count the singular
    values that make 99 % of the sum instead. https://arxiv.org/abs/2010.14498
    """

    name: ClassVar[str] = "effective_rank"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression", "unsupervised")
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, layers: Sequence[Layer], weights: Weights, grads: Weights) -> Mapping[str, Array]:
        hidden = [layer.a for layer in layers if layer.a is not None]
        if not hidden:
            return {"": np.full(len(layers[0].z), np.nan)}
        ranks = {str(i): _effective_rank(a) for i, a in enumerate(hidden, start=1)}
        return {"": ranks[str(len(hidden))], **ranks}


def _effective_rank(a: Array) -> Array:
    sound = np.asarray(np.isfinite(a).all(axis=(1, 2)))
    # A trial of NaN would raise an error for the whole stack.
    kept = np.where(sound[:, None, None], a, 0).astype(np.float64)
    # Squares of 1e154 overflow and those of 1e-170 are 0; the rank does not depend on the size.
    largest = np.abs(kept).max(axis=(1, 2), keepdims=True)
    singular = np.linalg.svd(kept / np.where(largest > 0, largest, 1), compute_uv=False)
    total = singular.sum(axis=1, keepdims=True)
    p = singular / np.where(total > 0, total, 1)
    entropy = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)
    rank = np.where(total[:, 0] > 0, np.exp(entropy), 0)
    return np.where(sound, rank, np.nan)


@hookimpl
def annx_metrics() -> list[type[WatchingMetric]]:
    return [EffectiveRank]
