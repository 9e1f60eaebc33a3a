"""Optimizer: gradient_centralization."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, OptimizerWrapper, WeightSpec, hookimpl, ref


@dataclass(frozen=True)
class GradientCentralization(OptimizerWrapper):
    """Any optimizer, on gradients whose mean over the inputs of each unit is 0.

        gᵢⱼ ← gᵢⱼ - (g₁ⱼ + ... + g_nⱼ) / n        for a weight matrix of n inputs i and outputs j

    The sum of the weights that lead to a unit then stays what it is at first: plain gradient descent on the
    loss within that plane. It makes training smoother at no cost; choose it around `sgd` or `adam` in deep
    networks without normalization layers. Biases, gains and matrices of one input get their gradient as it
    is.

    Domain: an array with more than one input. Weight decay in the mode "coupled" is part of the optimizer
    inside and is not centralized.

    Yong, Huang, Hua & Zhang, "Gradient Centralization: A New Optimization Technique for Deep Neural
    Networks", ECCV 2020, equation 1. https://arxiv.org/abs/2004.01461. pytorch_optimizer has the same, but
    sets the gradient of a matrix of one input to 0, so that it is never trained. optax's centralize takes the
    mean over the outputs where matrices are (inputs, outputs), as in JAX.
    """

    name: ClassVar[str] = "gradient_centralization"
    scope: ClassVar[str] = "arrays"

    optimizer: Any = ref("optimizer", "sgd")

    _places: ClassVar[Sequence[tuple[slice, tuple[int, int]]]] = ()  # matrices: where they lie, their shapes

    def fitted_to(self, specs: Sequence[WeightSpec]) -> GradientCentralization:
        twin, places, start = copy(self), [], 0
        for spec in specs:
            size = spec.shape[0] * spec.shape[1]
            if spec.role == "weight" and spec.shape[0] > 1:
                places.append((slice(start, start + size), spec.shape))
            start += size
        object.__setattr__(twin, "_places", places)
        return twin

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        centred = grad.copy()
        for place, (rows, columns) in self._places:
            matrix = np.ascontiguousarray(grad[:, :, place]).reshape(len(grad), rows, columns)
            centred[:, :, place] = (matrix - matrix.mean(axis=1, keepdims=True)).reshape(len(grad), 1, -1)
        return centred


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [GradientCentralization]
