"""Loss: symmetric_cross_entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, JointLoss, Task, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class SymmetricCrossEntropy(JointLoss):
    """Symmetric cross-entropy: cross-entropy plus the same with prediction and target exchanged.

        ℓ(p, y) = -alpha Σ_c y_c log p_c - beta Σ_c p_c max(log y_c, floor)
        ∂ℓ/∂p_c = -alpha y_c / p_c - beta max(log y_c, floor)

    One output p stands for two classes, with p and 1 - p. For hard labels the second sum is -floor (1 - p_y):
    it is bounded, and as robust against wrong labels as `mae`, but slow to learn. The first one learns.
    Choose it over cross-entropy under label noise; alpha and beta say how much of either. beta = 0 is alpha
    times the cross-entropy. `generalized_cross_entropy` lies between the same two ends with a single number.

    Training uses the joint form with the sigmoid or the softmax. If the loss gets probabilities, their
    logarithm is at least -100, and a probability in the gradient at least 1e-12.

    Domain: output p in [0, 1]; target y in [0, 1], one-hot or a distribution; alpha and beta ≥ 0; floor < 0.
    Shapes: p and y (T, N, D); value (T,), the sum over the classes and the mean over N.

    Wang, Ma, Chen, Luo, Yi & Bailey, "Symmetric Cross Entropy for Robust Learning with Noisy Labels", ICCV
    2019, equation 7, with alpha = 0.1, beta = 1 and log 0 = -4 for CIFAR-10.
    https://arxiv.org/abs/1908.06112
    """

    name: ClassVar[str] = "symmetric_cross_entropy"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid", "multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    joint: ClassVar[tuple[str, ...]] = ("sigmoid", "softmax")

    alpha: Hyper = hyper(0.1, "[0, inf)", search=log(0.01, 10.0))
    beta: Hyper = hyper(1.0, "[0, inf)", search=log(0.1, 10.0))
    floor: Hyper = hyper(-4.0, "(-inf, 0)", search=linear(-8.0, -2.0))

    def value(self, output: Array, target: Array) -> Array:
        cost = self._cost(output, _log(output), target)
        if output.shape[2] == 1:
            cost = cost + self._cost(1 - output, _log(1 - output), 1 - target)
        return cost.sum(axis=2).mean(axis=1)

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: a wrong certain probability keeps a slope.
        grad = self._slope(output, target)
        if output.shape[2] == 1:
            grad = grad - self._slope(1 - output, 1 - target)
        return grad / output.shape[1]

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        log_p = _log_softmax(z) if link == "softmax" else _log_sigmoid(z)
        cost = self._cost(np.exp(log_p), log_p, target)
        if link != "softmax":
            log_q = _log_sigmoid(-z)
            cost = cost + self._cost(np.exp(log_q), log_q, 1 - target)
        return cost.sum(axis=2).mean(axis=1)

    def _cost(self, p: Array, log_p: Array, y: Array) -> Array:
        return -(self.alpha * y * log_p + self.beta * p * self._log_target(y))

    def _slope(self, p: Array, y: Array) -> Array:
        return -(self.alpha * y / np.maximum(p, 1e-12) + self.beta * self._log_target(y))

    def _log_target(self, y: Array) -> Array:
        logarithm = np.log(np.where(y > 0, y, 1))
        return np.where(y > 0, np.maximum(logarithm, self.floor), self.floor)


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
    return [SymmetricCrossEntropy]
