"""Metric: gradient_norm."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Layer, Task, WatchingMetric, Weights, hookimpl


@dataclass(frozen=True)
class GradientNorm(WatchingMetric):
    """Euclidean length of the training loss's gradient, of each layer's weights and of all weights together.

        ‖∂L/∂W‖ = √Σ (∂L/∂W_ij)²

    In a healthy network the gradients of all layers have about the same size. Vanishing gradients shrink, and
    exploding ones grow, from the last layer to the first. L is the loss on the sample of the training split
    that curves use, not on a batch. So the norm has no noise from batches, and falls to 0 at a minimum.

    Choose it to see gradients fade or explode from layer to layer. `update_to_weight_ratio` shows what the
    optimizer makes of them.

    Columns: `train_gradient_norm` over all weights and biases; `train_gradient_norm.1`, ... of the weight
    matrix of each layer from the first to the output.

    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    2010, section 4.2, look at gradients layer by layer. https://proceedings.mlr.press/v9/glorot10a.html.
    Over all weights it is the norm that gradient clipping uses, as in PyTorch's clip_grad_norm_.
    """

    name: ClassVar[str] = "gradient_norm"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression", "unsupervised")
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, layers: Sequence[Layer], weights: Weights, grads: Weights) -> Mapping[str, Array]:
        layer_norms = {str(i): _norm([grads[layer.weight]]) for i, layer in enumerate(layers, start=1)}
        return {"": _norm(grads.values()), **layer_norms}


def _norm(arrays: Iterable[Array]) -> Array:
    gradients = [array.astype(np.float64) for array in arrays]
    # Squares of 1e154 overflow and those of 1e-170 are 0; a power of two changes no digit.
    largest = np.max([np.abs(gradient).max(axis=(1, 2), initial=0.0) for gradient in gradients], axis=0)
    power = np.frexp(largest)[1]
    squares = [
        np.square(np.ldexp(gradient, -power[:, None, None])).sum(axis=(1, 2)) for gradient in gradients
    ]
    return np.ldexp(np.sqrt(sum(squares[1:], squares[0])), power)


@hookimpl
def annx_metrics() -> list[type[WatchingMetric]]:
    return [GradientNorm]
