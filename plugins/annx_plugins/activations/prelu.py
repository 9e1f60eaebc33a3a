"""Activation: prelu."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    Hyper,
    LearnedActivation,
    Weights,
    WeightSpec,
    hookimpl,
    hyper,
    sum_examples,
)


@dataclass(frozen=True)
class PReLU(LearnedActivation):
    """Parametric rectified linear unit: a leaky ReLU that learns its slope.

        f(z)        = z  where z > 0,  slope z  elsewhere
        f'(z)       = 1  where z > 0,  slope    elsewhere
        ∂L/∂slope   = Σ grad min(z, 0),  over the examples, and over the units that share the slope

    Every layer has its own slopes: one for each unit, or one for all if `shared` is true. They start at
    `init` and are trained like weights.

    Choose it where the slope of `leaky_relu` is not to be tuned by hand; it adds weights, and they are
    trained by the same optimizer.

    Domain: z real, init any real number. Range: (-∞, ∞). Not differentiable at 0: the sub-gradient
    there is slope, as in PyTorch.

    He, Zhang, Ren & Sun, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification", ICCV 2015, section 2.1. https://arxiv.org/abs/1502.01852. The paper has both forms, a
    slope per channel and a shared one, both from 0.25. PyTorch's default is one shared slope from 0.25,
    Keras's one slope per unit from 0.
    """

    name: ClassVar[str] = "prelu"
    range: ClassVar[str] = "(-inf, inf)"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"init": 0.25, "shared": False},
        "torch": {"init": 0.25, "shared": True},
        "keras": {"init": 0.0, "shared": False},
    }

    init: Hyper = hyper(0.25, "(-inf, inf)")
    shared: bool = hyper(False, "bool")

    def specs(self, units: int) -> Sequence[WeightSpec]:
        slopes = 1 if self.shared else units
        return [WeightSpec("slope", (1, slopes), 1, slopes, "gain", self.init)]

    def forward(self, z: Array, weights: Weights) -> Array:
        return np.where(z > 0, z, weights["slope"] * z)

    def backward(self, grad: Array, z: Array, a: Array, weights: Weights, grads: Weights) -> Array:
        # By hand for speed: one product in place of two masked ones.
        slopes = sum_examples(grad * np.minimum(z, 0))
        grads["slope"][...] = slopes.sum(axis=2, keepdims=True) if self.shared else slopes
        return np.where(z > 0, grad, weights["slope"] * grad)


@hookimpl
def annx_activations() -> list[type[LearnedActivation]]:
    return [PReLU]
