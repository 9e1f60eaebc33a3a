"""Loss: js_divergence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, JointLoss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class JSDivergence(JointLoss):
    """Jensen-Shannon divergence: how far prediction and target lie from their mixture, in nats.

        ℓ(p, y) = (weight Σ_c y_c log(y_c / m_c) + (1 - weight) Σ_c p_c log(p_c / m_c)) / s
        m       = weight y + (1 - weight) p,  s = -(1 - weight) log(1 - weight) if `scaled` is on, else 1

    One output p stands for two classes, with p and 1 - p. It is bounded, by log 2 for weight = 1/2, and
    symmetric in p and y there. Choose it over cross-entropy under label noise: a surely wrong prediction
    costs a finite number and loses its influence. With `scaled` on it tends to `kl_divergence`, and so for
    hard labels to the cross-entropy, as weight tends to 0, and to 1 - p_y as weight tends to 1, like
    `generalized_cross_entropy` with q from 0 to 1.

    Training uses the joint form with the sigmoid or the softmax. If the loss gets probabilities, logarithms
    are at least -100.

    Domain: output p in [0, 1]; target y ≥ 0, one-hot or a distribution; weight in (0, 1).
    Shapes: p and y (T, N, D); value (T,), the sum over the classes and the mean over N.

    Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions on Information Theory 37
    (1991), 145-151. https://doi.org/10.1109/18.61115. Englesson & Azizpour, "Generalized Jensen-Shannon
    Divergence Loss for Learning with Noisy Labels", NeurIPS 2021, equation 2, is scaled.
    https://arxiv.org/abs/2105.04522"""

    name: ClassVar[str] = "js_divergence"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid", "multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    joint: ClassVar[tuple[str, ...]] = ("sigmoid", "softmax")

    weight: Hyper = hyper(0.5, "(0, 1)", search=linear(0.1, 0.9))
    scaled: bool = hyper(False, "bool")

    def value(self, output: Array, target: Array) -> Array:
        cost = self._cost(output, _log(output), target)
        if output.shape[2] == 1:
            cost = cost + self._cost(1 - output, _log(1 - output), 1 - target)
        return cost.sum(axis=2).mean(axis=1)

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        log_p = _log_softmax(z) if link == "softmax" else -np.logaddexp(0, -z)
        cost = self._cost(np.exp(log_p), log_p, target)
        if link != "softmax":
            log_q = -np.logaddexp(0, z)
            cost = cost + self._cost(np.exp(log_q), log_q, 1 - target)
        return cost.sum(axis=2).mean(axis=1)

    def _cost(self, p: Array, log_p: Array, y: Array) -> Array:
        # -1e30 for log 0, as 0 times it is 0 and -∞ would give NaN.
        log_y = np.where(y > 0, np.log(np.where(y > 0, y, 1)), -1e30)
        log_rest = np.log1p(-self.weight)
        # log(m / p) by itself keeps its digits for a weight near 0, where m is nearly p.
        ratio = np.logaddexp(np.log(self.weight) + log_y - log_p, log_rest)
        cost = self.weight * y * (log_y - log_p - ratio) - (1 - self.weight) * p * ratio
        return cost / ((self.weight - 1) * log_rest) if self.scaled else cost


def _log(p: Array) -> Array:
    return np.where(p > 0, np.maximum(np.log(np.where(p > 0, p, 1)), -100), -100)


def _log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [JSDivergence]
