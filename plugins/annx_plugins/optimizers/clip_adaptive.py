"""Optimizer: clip_adaptive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, WeightSpec, hookimpl, hyper, log, ref

TINY = 1e-6  # the least norm that divides, as in the authors' code


@dataclass(frozen=True)
class ClipAdaptive(OptimizerWrapper):
    """Any optimizer, on gradients that are scaled down where they are large beside their weights.

        G_j ← G_j · clipping max(‖W_j‖, eps) / ‖G_j‖   where ‖G_j‖ > clipping max(‖W_j‖, eps)

    W_j are the weights that lead to unit j, G_j their gradient; of a bias, a gain or a matrix of one input
    the norm is that of the whole array. So no step changes a unit by more than a share of its weights, as
    far as the optimizer inside keeps to the size of gradients (`sgd`, `momentum`). Choose it in networks
    without normalization layers, with large batches or rates; `clip_norm` needs a limit in the units of the
    gradient, which changes with the network and in training.

    Domain: clipping > 0, eps > 0, which is for weights that start at 0. output = false leaves the last layer
    as it is, as the paper advises.

    Brock, De, Smith & Simonyan, "High-Performance Large-Scale Image Recognition Without Normalization", ICML
    2021, equation 3, with clipping from 0.01 to 0.16. https://arxiv.org/abs/2102.06171. optax calls it
    adaptive_grad_clip, and clips the last layer too.
    """

    name: ClassVar[str] = "clip_adaptive"
    scope: ClassVar[str] = "arrays"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"clipping": 0.01, "eps": 1e-3, "output": False},
        "optax": {"clipping": 0.01, "eps": 1e-3, "output": True},
    }

    clipping: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 0.3))
    eps: Hyper = hyper(1e-3, "(0, inf)")
    output: bool = hyper(True, "bool")
    optimizer: Any = ref("optimizer", "sgd")

    _places: ClassVar[Sequence[tuple[slice, tuple[int, int]]]] = ()  # arrays: where they lie, their shapes

    def fitted_to(self, specs: Sequence[WeightSpec]) -> ClipAdaptive:
        twin, places, start = copy(self), [], 0
        for spec in specs:
            size = spec.shape[0] * spec.shape[1]
            if self.output or spec.place != "output":
                places.append((slice(start, start + size), spec.shape))
            start += size
        object.__setattr__(twin, "_places", places)
        return twin

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        clipped = grad.copy()
        for place, shape in self._places:
            most = self.clipping * np.maximum(_norms(weight[:, :, place], shape), self.eps)
            norms = _norms(grad[:, :, place], shape)
            factors = np.where(norms < most, 1, most / np.maximum(norms, TINY)).astype(grad.dtype)
            matrix = grad[:, :, place].reshape(len(grad), *shape) * factors
            clipped[:, :, place] = matrix.reshape(len(grad), 1, -1)
        return clipped


def _norms(array: Array, shape: tuple[int, int]) -> Array:
    """Return the norm of what leads to each unit, (T, 1, units), or of a single row, (T, 1, 1)."""
    matrix = np.ascontiguousarray(array).reshape(len(array), *shape)
    if shape[0] == 1:
        matrix = matrix.swapaxes(1, 2)
    return np.sqrt((matrix * matrix).sum(axis=1, keepdims=True))


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [ClipAdaptive]
