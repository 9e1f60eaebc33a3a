"""Optimizer: clip_value."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, hookimpl, hyper, log, ref


@dataclass(frozen=True)
class ClipValue(OptimizerWrapper):
    """Any optimizer, on gradients with every number clipped to a limit.

        g ← min(max(g, -max_value), max_value)

    Domain: max_value > 0. The direction of the gradient changes; with `clip_norm` it does not.

    Mikolov, "Statistical Language Models Based on Neural Networks", PhD thesis, Brno University of Technology
    2012, section 3.2.2. The same in PyTorch (clip_grad_value_), Keras (clipvalue), optax (clip) and Flux
    (ClipGrad).
    """

    name: ClassVar[str] = "clip_value"

    max_value: Hyper = hyper(1.0, "(0, inf)", search=log(0.01, 10.0))
    optimizer: Any = ref("optimizer", "sgd")

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        return np.minimum(np.maximum(grad, -self.max_value), self.max_value)


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [ClipValue]
