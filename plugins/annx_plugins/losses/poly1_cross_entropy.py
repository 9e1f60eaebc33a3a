"""Loss: poly1_cross_entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, JointLoss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class Poly1CrossEntropy(JointLoss):
    """Poly-1 loss: cross-entropy with another coefficient of the first term of its expansion in 1 - p.

        ℓ(p, y) = Σ_c y_c (-log p_c + epsilon (1 - p_c)),  for one output also the same with 1 - p and 1 - y
        ∂ℓ/∂p_c = -y_c (1 / p_c + epsilon)

    -log p = (1 - p) + (1 - p)² / 2 + ..., and epsilon is added to the 1 before the first term, the one that
    keeps a slope when p is near 1. Choose it to try whether confident predictions should go on learning
    (epsilon > 0) or matter less (epsilon < 0), with a single number to tune; epsilon = 0 is cross-entropy.
    `focal` cuts the influence of easy examples far more, `generalized_cross_entropy` that of hard ones.

    Training uses the joint form with the sigmoid or the softmax. If the loss gets probabilities, a logarithm
    is at least -100, and a probability in the gradient at least 1e-12.

    Domain: output p in [0, 1]; target y ≥ 0, one-hot or a distribution; epsilon ≥ -1.
    Shapes: p and y (T, N, D); value (T,), the sum over D and the mean over N.

    Leng et al., "PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions", ICLR 2022,
    section 4, with epsilon = 2 for ImageNet, as is optax's default, and -1 for detecting objects.
    https://arxiv.org/abs/2204.12511
    """

    name: ClassVar[str] = "poly1_cross_entropy"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid", "multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    joint: ClassVar[tuple[str, ...]] = ("sigmoid", "softmax")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"optax": {"epsilon": 2.0}}

    epsilon: Hyper = hyper(2.0, "[-1, inf)", search=linear(-1.0, 5.0))

    def value(self, output: Array, target: Array) -> Array:
        cost = target * (self.epsilon * (1 - output) - _log(output))
        if output.shape[2] == 1:
            cost = cost + (1 - target) * (self.epsilon * output - _log(1 - output))
        return cost.sum(axis=2).mean(axis=1)

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: a wrong certain probability keeps a slope.
        grad = -target * (1 / np.maximum(output, 1e-12) + self.epsilon)
        if output.shape[2] == 1:
            grad = grad + (1 - target) * (1 / np.maximum(1 - output, 1e-12) + self.epsilon)
        return grad / output.shape[1]

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        if link == "softmax":
            cost = target * self._cost(_log_softmax(z))
        else:
            cost = target * self._cost(_log_sigmoid(z)) + (1 - target) * self._cost(_log_sigmoid(-z))
        return cost.sum(axis=2).mean(axis=1)

    def _cost(self, log_p: Array) -> Array:
        return -log_p - self.epsilon * np.expm1(log_p)


def _log(p: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100)


def _log_sigmoid(z: Array) -> Array:
    return -np.logaddexp(0, -z)


def _log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [Poly1CrossEntropy]
