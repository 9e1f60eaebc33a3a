"""Optimizer: clip_norm."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, OptimizerWrapper, hookimpl, hyper, log, ref


@dataclass(frozen=True)
class ClipNorm(OptimizerWrapper):
    """Any optimizer, on gradients that are scaled down if their norm is too large.

        g ← g · min(1, max_norm / (‖g‖ + eps))

    ‖g‖ is the Euclidean norm of the trial's whole gradient (per "trial"), or of the gradient of each array of
    weights (per "array"). The optimizer inside gets the scaled g.

    Choose it where single batches have huge gradients, as in recurrent networks. It keeps the direction;
    `clip_value` does not, and `gradient_normalization` takes away the size of small gradients too.

    Domain: max_norm > 0, eps ≥ 0.

    Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, algorithm
    1. https://arxiv.org/abs/1211.5063. PyTorch's clip_grad_norm_ adds eps = 1e-6; the paper and optax do not.
    Keras's global_clipnorm is "trial", its clipnorm and Flux's ClipNorm are "array".
    """

    name: ClassVar[str] = "clip_norm"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"per": "trial", "eps": 0.0},
        "torch": {"per": "trial", "eps": 1e-6},
        "keras": {"per": "array", "eps": 0.0},
        "optax": {"per": "trial", "eps": 0.0},
        "flux": {"per": "array", "eps": 0.0},
    }

    max_norm: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))
    per: str = hyper("trial", ("trial", "array"))
    eps: Hyper = hyper(1e-6, "[0, inf)")
    optimizer: Any = ref("optimizer", "sgd")

    @property
    def scope(self) -> str:
        """The scope: the numbers that enter the norm."""
        return self.per

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        square = (grad * grad).reshape(len(grad), 1, -1).sum(axis=2, keepdims=True)
        # The maximum is never 0, and makes the factor at most 1.
        return grad * (self.max_norm / np.maximum(np.sqrt(square) + self.eps, self.max_norm))


@hookimpl
def annx_optimizers() -> list[type[OptimizerWrapper]]:
    return [ClipNorm]
