"""Loss: focal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, ComponentError, Hyper, JointLoss, Task, hookimpl, hyper, linear, power


@dataclass(frozen=True)
class Focal(JointLoss):
    """Focal loss: cross-entropy with less weight on well-classified examples.

        ℓ(p, y) = -α_t (1 - p_t)^gamma log p_t

    p_t is the predicted probability of the true class. With one output p, the probability of class 1, p_t is
    p if y = 1 and else 1 - p; with several outputs it is that of the true class. With `balance` on, α_t is
    alpha if y = 1 and else 1 - alpha. With one output this weighs the two classes; with several outputs every
    true class has y = 1, so alpha is a plain factor, as in Keras. With `balance` off, α_t = 1.

    `smoothing` spreads that share of every target over the C classes: y' = (1 - smoothing) y + smoothing / C,
    with C = 2 for one output, and every class has its term with y' in place of 1. (For one output, Keras and
    optax take the power of the mixture 1 - y' p - (1 - y') (1 - p) instead.) `class_weights`, one number per
    class or none (with one output: of class 0 and of class 1), multiply the terms of the classes, as a list
    of alphas does in Keras; the mean stays one over the examples.

    Choose it over cross-entropy if most examples are easy and would drown the others, as with rare positives;
    `asymmetric` treats the two classes differently in that. Its probabilities are less extreme than they
    should be, so judge it by `average_precision` rather than by `log_loss`.

    Training uses the joint form with the sigmoid or the softmax, which computes the same from logits. If the
    loss gets probabilities, a logarithm is at least -100, and a probability in the gradient at least 1e-12.

    Domain: output p in [0, 1]; target y in [0, 1], one-hot with several outputs; gamma ≥ 0; alpha and
    smoothing in [0, 1]; class_weights > 0. gamma = 0 with `balance` off is the cross-entropy.
    Shapes: p and y (T, N, D); value (T,), the sum over D and the mean over N.

    Lin, Goyal, Girshick, He & Dollár, "Focal Loss for Dense Object Detection", ICCV 2017, equation 5.
    https://arxiv.org/abs/1708.02002. torchvision follows it; Keras's binary form, optax and Flux leave
    balance off by default. The seed document's code is not its formula (which preset "seed" follows): it
    gives 1 - alpha to the positives, and takes a softmax of three classes where a comment says binary, so
    that "label 1" is one of three.
    """

    name: ClassVar[str] = "focal"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid", "multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    joint: ClassVar[tuple[str, ...]] = ("sigmoid", "softmax")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "seed": {"gamma": 2.0, "alpha": 0.25, "balance": True},
        "paper": {"gamma": 2.0, "alpha": 0.25, "balance": True},
        "torch": {"gamma": 2.0, "alpha": 0.25, "balance": True},
        "keras": {"gamma": 2.0, "alpha": 0.25, "balance": False},
        "optax": {"gamma": 2.0, "balance": False},
        "flux": {"gamma": 2.0, "balance": False},
    }

    gamma: Hyper = hyper(2.0, "[0, inf)", search=linear(0.0, 5.0))
    alpha: Hyper = hyper(0.25, "[0, 1]", search=linear(0.1, 0.9))
    balance: bool = hyper(True, "bool")
    smoothing: Hyper = hyper(0.0, "[0, 1]", search=linear(0.0, 0.2))
    class_weights: tuple[float, ...] = hyper((), "list (0, inf)")

    def value(self, output: Array, target: Array) -> Array:
        p, q, target = output, 1 - output, self._smoothed(target)
        if output.shape[2] > 1:
            return self._mean(target * power(q, self.gamma) * _log(p))
        positive = target * power(q, self.gamma) * _log(p)
        return self._mean(positive, (1 - target) * power(p, self.gamma) * _log(q))

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: the limits at p = 0 and p = 1, and a wrong certain probability keeps a slope.
        p, q, target = output, 1 - output, self._smoothed(target)
        positive = target * self._slope(p, q)
        if output.shape[2] > 1:
            return self._weigh(positive) / output.shape[1]
        return self._weigh(positive, -(1 - target) * self._slope(q, p)) / output.shape[1]

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        target = self._smoothed(target)
        if link == "sigmoid":
            log_p, log_q = _log_sigmoid(z), _log_sigmoid(-z)
            # (1 - p)^gamma as exp(gamma log(1 - p)): exact where 1 - p would round to 0.
            positive = target * np.exp(self.gamma * log_q) * log_p
            return self._mean(positive, (1 - target) * np.exp(self.gamma * log_p) * log_q)
        log_p = _log_softmax(z)
        return self._mean(target * power(-np.expm1(log_p), self.gamma) * log_p)

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        # By hand because |z| has no slope at 0, and for speed with the softmax.
        # With f = (1 - p)^gamma log p, as a function of log p: f' = (1 - p)^gamma (1 - gamma r),
        # r = p log p / (1 - p); and ∂(log p)/∂z is 1 - p for the sigmoid, δ - p for the softmax.
        target = self._smoothed(target)
        if link == "sigmoid":
            log_p, log_q = _log_sigmoid(z), _log_sigmoid(-z)
            p, q = np.exp(log_p), np.exp(log_q)
            positive = target * np.exp(self.gamma * log_q) * (q - self.gamma * p * log_p)
            negative = (1 - target) * np.exp(self.gamma * log_p) * (self.gamma * q * log_q - p)
            return self._weigh(positive, negative) / z.shape[1]
        log_p = _log_softmax(z)
        p, q = np.exp(log_p), -np.expm1(log_p)
        slope = self._weigh(target * power(q, self.gamma) * (1 - self.gamma * _ratio(p, q, log_p)))
        return (slope - p * slope.sum(axis=-1, keepdims=True)) / z.shape[1]

    def _slope(self, p: Array, q: Array) -> Array:
        """Return ∂/∂p of (1 - p)^gamma log p, with q = 1 - p."""
        return power(q, self.gamma) * (1 - self.gamma * _ratio(p, q, _log(p))) / np.maximum(p, 1e-12)

    def _smoothed(self, target: Array) -> Array:
        return (1 - self.smoothing) * target + self.smoothing / max(target.shape[2], 2)

    def _weights(self, terms: Array) -> Any:
        classes = max(terms.shape[2], 2)
        if len(self.class_weights) != classes:
            raise ComponentError(
                f"{self.name}: class_weights must hold one number for each of the {classes} classes, "
                f"got {len(self.class_weights)}"
            )
        return np.array(self.class_weights, terms.dtype)

    def _weigh(self, positive: Array, negative: Array | None = None) -> Array:
        """Return -α_t times the terms of y = 1 and, where there are any, of y = 0."""
        if self.class_weights:
            weights = self._weights(positive)
            positive = positive * (weights if negative is None else weights[1])
            negative = None if negative is None else negative * weights[0]
        if not self.balance:
            return -positive if negative is None else -(positive + negative)
        if negative is None:
            return -self.alpha * positive
        return -(self.alpha * positive + (1 - self.alpha) * negative)

    def _mean(self, positive: Array, negative: Array | None = None) -> Array:
        return self._weigh(positive, negative).sum(axis=-1).mean(axis=1)


def _ratio(p: Array, q: Array, log_p: Array) -> Array:
    """Return p log p / (1 - p), which tends to -1 as p tends to 1."""
    return np.divide(p * log_p, q, out=np.full_like(p, -1), where=q > 0)


def _log(p: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100)


def _log_sigmoid(z: Array) -> Array:
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))


def _log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [Focal]
